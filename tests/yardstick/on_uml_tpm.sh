#!/bin/sh
# In user-mode Linux: TPMs of ours, on ROADS. Most of it is waiting. `on_uml_tpm.sh OUTLIVE ROADS`.
set -e
cd "$(dirname "$0")"
. ./ours.sh
. ./ours_tpm.sh

# All of one road.
rows() {
	"$outlive" run --road $1 --device "$(tpm $1)" -- python3 tpm.py /dev/tpm0 $tpm_parts >$results/tpm.$1
	"$outlive" run --road $1 --device "$(tpm $1)" -- python3 tpm.py /dev/tpm0 shown >$results/tpmshown.$1
	"$outlive" run --road $1 --name tpm-$1 --contract linux --device "$(tpm $1)" -- \
		sh -c "$(tpm_gone tpm-$1)" >$results/tpmgone.$1
}

for road in $roads; do
	rows $road 2>/tmp/said-$road &
	jobs="$jobs $!"
done
for job in $jobs; do
	# What a liar is told of is on standard error as well.
	wait $job || { cat /tmp/said-*; exit 1; }
done
