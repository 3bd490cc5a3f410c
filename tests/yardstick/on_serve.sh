#!/bin/sh
# In a user-mode Linux without i2c-dev, whose major `outlive serve` has then: our rows on real nodes, as on_uml.sh has them on
# the roads of `outlive run`. `on_serve.sh OUTLIVE ROADS CONTENT`.
set -e
cd "$(dirname "$0")"
. ./ours.sh
. ./serve.sh

serve --device $smbus_only -- python3 i2c.py /dev/i2c-0 settings file smbus >$results/stub.serve
cp "$content" /tmp/content && chmod 600 /tmp/content
serve --device i2c:24c02@0x50,num=7,file=/tmp/content -- python3 i2c.py /dev/i2c-7 plain emulated >$results/plain.serve
serve --contract linux --device $smbus_only -- \
	python3 i2c_zombie.py /dev/i2c-0 "$outlive unplug i2c-0 --orderly --in yard >/dev/null" >$results/zombie.serve
# A bus, the chip on it that takes its time, and the bus that is plugged in when the first has gone.
serve --contract linux --device i2c:pcf8570@0x50,num=0 --device i2c:pcf8570@0x52,num=0,slow=60s \
	--device i2c:pcf8570@0x50,num=1 -- \
	sh -c "$outlive unplug i2c-1 --in yard >/dev/null && exec python3 i2c_pulled.py /dev/i2c-0 \
		'$outlive unplug i2c-0 --in yard >/dev/null' '$outlive plug i2c-1 --in yard >/dev/null'" >$results/pulled.serve
# As there is no uinput: devices of their own for each part, to which clients write what they are to send.
. ./input_parts.sh
lent= nodes= number=0
for kind in everything screen simple keyboard; do
	python3 uinput.py $kind >/tmp/$kind.evemu
	lent="$lent --device input:evemu,file=/tmp/$kind.evemu,num=$number"
	nodes="$nodes $kind=/dev/input/event$number"
	number=$((number + 1))
done
for part in $lent_parts; do
	serve $lent -- env LENT="$nodes" python3 input.py $part
done >$results/inputlent.serve
for removal in rmmod unbind; do
	serve --device $smbus_only -- python3 i2c_holders.py $removal /dev/i2c-0 \
		"$outlive unplug i2c-0 --in yard >/dev/null" "$outlive ls --in yard --json | $handles" >$results/$removal.serve
done
