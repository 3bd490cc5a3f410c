# Rows of a TPM of ours, for other scripts to read, after `ours.sh`: what is behind it is the responder that is behind Linux'.
PATH=$PWD/as_swtpm:$PATH
tpm_parts='file commands parts wait nonblocking'
# Prints the device of a TPM whose state is under that name.
tpm() { echo "tpm:swtpm,num=0,state=/tmp/tpm-$1"; }
# Prints a command, for a shell: the rows of TPMs of the lab of that name that go.
tpm_gone() {
	echo "$outlive unplug tpm0 --in $1 >/dev/null &&
		exec python3 tpm_zombie.py /dev/tpm0 '$outlive plug tpm0 --in $1 >/dev/null' '$outlive unplug tpm0 --in $1 >/dev/null'"
}
