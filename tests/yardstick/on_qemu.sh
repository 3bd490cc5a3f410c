#!/bin/sh
# In qemu: the rows of an adapter of plain transfers (the DDC lines of qemu's ATI graphics, bit-banged by radeonfb) and of an
# adapter that is unbound while a descriptor is open (the SMBus of the chipset), and of one on USB that is pulled. What the chip
# of the first holds is for our own chip to hold, too. Flashes, and a partition that is deleted while it is open. Input
# devices of uinput's. And what removal does in other subsystems.
set -e
cd "$(dirname "$0")"
results=/run/results
number() { grep -l "$1" /sys/bus/i2c/devices/i2c-*/name | sed "s:.*/i2c-\([0-9]*\)/name:\1:"; }
plain=/dev/i2c-$(number 'radeonfb dvi')
chipset=/dev/i2c-$(number 'SMBus I801')

python3 i2c_plain.py content "$plain" >$results/content
python3 i2c.py "$plain" plain emulated >$results/plain.linux
driver=/sys/bus/pci/drivers/i801_smbus
unbind="echo 0000:00:1f.3 >$driver/unbind"
python3 i2c_zombie.py "$chipset" "$unbind" >$results/zombie.linux
echo 0000:00:1f.3 >$driver/bind
chipset=/dev/i2c-$(number 'SMBus I801')
python3 i2c_holders.py unbind "$chipset" "$unbind" "awk '/^i2c_i801 /{print \$3}' /proc/modules" >$results/unbind.linux

# Kernel threads plug it in.
plug_usb() {
	python3 usb_adapter.py "$1" &
	adapter=$!
	while ! number i2c-tiny-usb 2>/dev/null | grep -q .; do sleep 0.05; done
}
plug_usb 0
usb=/dev/i2c-$(number i2c-tiny-usb)
# Its interface is above it, and the device on the hub above that.
hub=$(dirname "$(dirname "$(readlink -f "/sys/bus/i2c/devices/${usb#/dev/}")")")
python3 i2c_pulled.py "$usb" "kill $adapter; while [ -e $hub ]; do sleep 0.05; done" \
	"python3 usb_adapter.py 1 & echo \$! >/tmp/next" >$results/pulled.linux
kill "$(cat /tmp/next)"
while number i2c-tiny-usb 2>/dev/null | grep -q .; do sleep 0.05; done

# mtdram, which is the only flash until nandsim is loaded: that has no way back to its state, so it is loaded anew.
python3 mtd.py /dev/mtd0 ram file told shown data blocks spare pages >$results/ram.linux
python3 mtd_tools.py /dev/mtd0 ram >$results/ramtools.linux
python3 mtd_zombie.py gone /dev/mtd0 ram >$results/gone.linux
sed 's/^gone/taken/' $results/gone.linux >$results/taken.linux
nandsim() {
	rmmod nandsim 2>/dev/null || true
	modprobe -d /run/modprobe nandsim id_bytes=0x20,0xa1,0x04,0x15 overridesize=5 badblocks=3,17
}
nandsim
python3 mtd.py /dev/mtd1 nand file told shown data blocks >$results/nand.linux
nandsim
python3 mtd.py /dev/mtd1 nand spare pages codes >>$results/nand.linux
nandsim
python3 mtd_tools.py /dev/mtd1 nand >$results/nandtools.linux
rmmod nandsim
. ./input_parts.sh
python3 input.py $input_parts >$results/input.linux
LENT=made= python3 input.py $lent_parts >$results/inputlent.linux
python3 input.py $uinput_parts >$results/uinput.linux
python3 input_zombie.py gone >$results/inputgone.linux
sed 's/^input gone/input strict/' $results/inputgone.linux >$results/inputstrict.linux
# i2c-dev comes last: its removal waits.
for class in evdev mtd tpm drm sg uio i2c-dev; do
	python3 removal.py $class
done >$results/removal.linux
# A board of uio's, as that has left it: bound.
driver=/sys/bus/pci/drivers/uio_pci_generic
board=$(cd $driver && echo 0000:*)
python3 uio_zombie.py /dev/uio0 "echo $board >$driver/unbind" $driver/$board/resource0 >$results/board.linux
