#!/bin/sh
# On this machine itself: mtd-utils on flashes of ours, on each road. What they print is not the kernel's, and in user-mode
# Linux their many processes take too long. `on_host.sh OUTLIVE ROADS RESULTS`.
set -e
cd "$(dirname "$0")"
outlive=$1
roads=$2
results=$3
. ./flashes.sh

for road in $roads; do
	"$outlive" run --road $road --device "$ram" -- python3 mtd_tools.py /dev/mtd0 ram >"$results/ramtools.$road"
	"$outlive" run --road $road --device "$nand" -- python3 mtd_tools.py /dev/mtd1 nand >"$results/nandtools.$road"
done
