#!/bin/sh
# In qemu: a TPM of tpm_vtpm_proxy's, whose server is killed each time that it is to go: as a process ends, its descriptors are
# closed. Most of it is waiting: it has a guest of its own, beside others.
set -e
cd "$(dirname "$0")"
results=/run/results

cat >/tmp/plug <<'END'
mkfifo /tmp/told
python3 tpm_proxy.py >/tmp/told 2>/dev/null &
echo $! >/tmp/server
read -r node </tmp/told
rm /tmp/told
END
cat >/tmp/pull <<'END'
server=$(cat /tmp/server)
kill "$server"
while grep -q 'State:.[^ZX]' /proc/"$server"/status 2>/dev/null; do sleep 0.01; done
END

sh /tmp/plug
python3 tpm.py /dev/tpm0 file commands parts wait nonblocking >$results/tpm.linux
python3 tpm.py /dev/tpm0 shown >$results/tpmshown.linux
sh /tmp/pull
python3 tpm_zombie.py /dev/tpm0 'sh /tmp/plug' 'sh /tmp/pull' >$results/tpmgone.linux
