#!/bin/sh
# In user-mode Linux: input devices of ours, made by /dev/uinput, on ROADS. Much of it is waiting. `on_uml_input.sh OUTLIVE ROADS`.
set -e
cd "$(dirname "$0")"
. ./ours.sh
. ./input_parts.sh

# All of one road.
rows() {
	run="$outlive run --road $1 --device input:uinput"
	$run -- python3 input.py $input_parts >$results/input.$1
	$run -- python3 input.py $uinput_parts >$results/uinput.$1
	$run --contract linux -- python3 input_zombie.py gone >$results/inputgone.$1
	$run --contract strict -- python3 input_zombie.py strict >$results/inputstrict.$1
}

for road in $roads; do
	rows $road 2>/tmp/said-$road &
	jobs="$jobs $!"
done
for job in $jobs; do
	wait $job || { cat /tmp/said-*; exit 1; }
done
