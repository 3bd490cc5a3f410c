# To be read by scripts that serve devices of ours, after ours.sh.

# Runs a command, `serve SPEC [OPTION …] -- COMMAND`, with the device served under the name "yard".
serve() {
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	mkfifo /tmp/nodes
	exec 3<>/tmp/nodes
	rm /tmp/nodes
	"$outlive" serve --name yard $options >&3 3>&- &
	server=$!
	read -r served <&3 # its nodes are there
	"$@" 3>&-
	kill -TERM $server
	wait $server
	exec 3>&-
}
