# The first program of a guest, after the lines that set MODULES_IN, MODULES, CHANNEL, MARK, VISIBLE, FOLDER, and the
# function `mount_results`. It runs the function `command_of_guest` and tells of it through CHANNEL, in order: the mark
# and the kernel, the output, the mark and the exit status. It has no PATH and no standard input worth the name.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8

mount -t proc proc /proc
mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
# As udev does.
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
mount -t devpts -o ptmxmode=666 pts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm

# What must stay visible may lie below /tmp or /run, which become empty.
mount --bind / /mnt
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs run /run
for folder in $VISIBLE; do
	if [ ! -d "$folder" ]; then
		mkdir -p "$folder" && mount --bind "/mnt$folder" "$folder"
	fi
done
umount /mnt
mkdir /run/results
mount_results

# Not the tty itself: a program would colour what it prints.
case $CHANNEL in /dev/tty*) stty -F "$CHANNEL" raw -echo ;; esac
mkfifo /run/output
cat </run/output >"$CHANNEL" &
exec 3>/run/output
printf '%s up %s\n' "$MARK" "$(uname -r)" >&3

mkdir -p /run/modprobe/lib
ln -s "$MODULES_IN" /run/modprobe/lib/modules
status=0
while read -r module; do
	if [ -n "$module" ]; then
		# Unquoted: the module's parameters are words of their own.
		modprobe -d /run/modprobe $module >&3 2>&3 || status=125
	fi
done <<END
$MODULES
END
if [ $status = 0 ]; then
	cd "$FOLDER"
	(command_of_guest) </dev/null >&3 2>&3 3>&-
	status=$?
else
	echo 'a module could not be loaded' >&3
fi
sync
printf '\n%s exit %d\n' "$MARK" $status >&3
# Whoever started the guest ends it now. If the first program ended, the kernel would panic.
exec sleep infinity
