#!/bin/sh
# In user-mode Linux: i2c-stub's rows; then ours on each road, with as little functionality, and as a plain adapter whose
# chip holds what that of qemu's does. `on_uml.sh OUTLIVE ROADS CONTENT`.
set -e
cd "$(dirname "$0")"
. ./ours.sh
. ./flashes.sh
usb=i2c:pcf8570@0x50,num=0
usb_late=i2c:pcf8570@0x52,num=0,slow=60s
next=i2c:pcf8570@0x50,num=1
pulled="python3 i2c_pulled.py /dev/i2c-0 '$outlive unplug i2c-0 --in pulled >/dev/null' '$outlive plug i2c-1 --in pulled >/dev/null'"

python3 i2c.py /dev/i2c-0 settings file smbus >$results/stub.linux
python3 i2c_holders.py rmmod /dev/i2c-0 "rmmod i2c-stub 2>/dev/null" \
	"awk '/^i2c_stub /{print \$3}' /proc/modules" >$results/rmmod.linux

for road in $roads; do
	"$outlive" run --road $road --device $smbus_only -- \
		python3 i2c.py /dev/i2c-0 settings file smbus >$results/stub.$road
	cp "$content" /tmp/content && chmod 600 /tmp/content
	"$outlive" run --road $road --device i2c:24c02@0x50,num=7,file=/tmp/content -- \
		python3 i2c.py /dev/i2c-7 plain emulated >$results/plain.$road
	"$outlive" run --road $road --name zombie --contract linux --device $smbus_only -- \
		python3 i2c_zombie.py /dev/i2c-0 "$outlive unplug i2c-0 --orderly --in zombie >/dev/null" >$results/zombie.$road
	"$outlive" run --road $road --name pulled --contract linux --device $usb --device $usb_late --device $next -- \
		sh -c "$outlive unplug i2c-1 --in pulled >/dev/null && exec $pulled" >$results/pulled.$road
	"$outlive" run --road $road --name board --contract linux --device uio:timer,num=0,period=200ms -- \
		python3 uio_zombie.py /dev/uio0 "$outlive unplug uio0 --in board >/dev/null" >$results/board.$road
	"$outlive" run --road $road --device "$ram" -- \
		python3 mtd.py /dev/mtd0 ram file told shown data blocks spare pages >$results/ram.$road
	"$outlive" run --road $road --device "$nand" -- \
		python3 mtd.py /dev/mtd1 nand file told shown data blocks >$results/nand.$road
	"$outlive" run --road $road --device "$nand" -- \
		python3 mtd.py /dev/mtd1 nand spare pages codes >>$results/nand.$road
	"$outlive" run --road $road --contract linux --device "$ram" -- \
		python3 mtd_zombie.py gone /dev/mtd0 ram >$results/gone.$road
	"$outlive" run --road $road --name taken --contract linux --device "$ram" -- \
		python3 mtd_zombie.py taken /dev/mtd0 ram "$outlive unplug mtd0 --in taken >/dev/null" >$results/taken.$road
	for removal in rmmod unbind; do
		"$outlive" run --road $road --name holders --device $smbus_only -- python3 i2c_holders.py $removal /dev/i2c-0 \
			"$outlive unplug i2c-0 --in holders >/dev/null" "$outlive ls --in holders --json | $handles" >$results/$removal.$road
	done
done

# A planted difference: an adapter that cannot do quick transactions.
"$outlive" run --road trap --device i2c:pcf8570@0x50,num=0,functionality=0x0e7e0000 -- \
	python3 i2c.py /dev/i2c-0 settings file smbus >$results/stub.planted
