#!/bin/sh
# The same client on each side in turn, round by round; here, or in a guest with the modules uinput and evdev.
#
#   sides.sh ROUNDS COUNT GAP OUTLIVE CLIENT SIDE...
#
# Prints "side NAME", what the client prints, and "failed REASON" if it or its side did not work.
rounds=$1 count=$2 gap=$3 outlive=$4 client=$5
shift 5

said=$(mktemp /dev/shm/outlive-bench-XXXXXX) || exit
trap 'rm -f "$said"' EXIT
trap 'exit 1' HUP INT TERM

# The last line that a program says becomes the reason, if it fails.
attempt() {
	"$@" 2>"$said" || echo "failed $(tail -n 1 "$said")"
}

measure() {
	echo "side $1"
	case $1 in
	evdev) attempt "$client" uinput "$count" "$gap" ;;
	trap | fuse | plain)
		attempt "$outlive" run --device input:mouse,num=0 --road "$1" -- "$client" /dev/input/event0 "$count" "$gap"
		;;
	*) echo "failed no such side" ;;
	esac
}

while [ "$rounds" -gt 0 ]; do
	rounds=$((rounds - 1))
	for side in "$@"; do
		measure "$side"
	done
done
