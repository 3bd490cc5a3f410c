#!/bin/sh
# In user-mode Linux: TPMs of ours on real nodes. Most of it is waiting. `on_serve_tpm.sh OUTLIVE`.
set -e
cd "$(dirname "$0")"
. ./ours.sh
. ./ours_tpm.sh
. ./serve.sh

serve --device "$(tpm serve)" -- python3 tpm.py /dev/tpm0 $tpm_parts >$results/tpm.serve
serve --contract linux --device "$(tpm serve)" -- sh -c "$(tpm_gone yard)" >$results/tpmgone.serve 2>/tmp/said || cat /tmp/said
