#!/bin/sh
# In a guest with two processors and the modules fuse and cuse: a thread on a node, two threads on one, two on two, on each
# side in turn, round by round.
#
#   threads.sh ROUNDS OUTLIVE THREADS LIBFUSE_I2C
#
# Prints "side NAME WHERE", what the program prints, and "failed REASON" if that did not work.
rounds=$1 outlive=$2 threads=$3 libfuse_i2c=$4

measure() {
	echo "side $1 $2"
	shift 2
	"$threads" 1 "$@" 2>/tmp/said || echo "failed $(tail -n 1 /tmp/said)"
}

"$outlive" serve --device i2c:24c02@0x50,bus=21 --device i2c:24c02@0x50,bus=31 >/dev/null &
for bus in 22 32; do "$libfuse_i2c" i2c-$bus -f -s & done
for bus in 23 33; do "$libfuse_i2c" i2c-$bus -f & done
patience=300
while [ $patience -gt 0 ] && [ "$(ls /dev/i2c-2[123] /dev/i2c-3[123] 2>/dev/null | wc -l)" -lt 6 ]; do
	sleep 0.1
	patience=$((patience - 1))
done

while [ "$rounds" -gt 0 ]; do
	rounds=$((rounds - 1))
	for side in serve=1 libfuse-one=2 libfuse-many=3; do
		name=${side%=*} bus=${side#*=}
		measure "$name" alone /dev/i2c-2$bus
		measure "$name" together /dev/i2c-2$bus /dev/i2c-2$bus
		measure "$name" apart /dev/i2c-2$bus /dev/i2c-3$bus
	done
done
