"""Rows of /dev/tpmN: `tpm.py DEVICE PART …`.

Parts: `file`, `commands` (what is written, and what is read then), `parts` (of responses), `wait` and `nonblocking` (commands that
take their time), `shown` (/sys). The TPM is that of `tpm_responder.py`."""

import sys

import tpm_exchange
import tpm_file
import tpm_wait

PARTS = {
    "file": tpm_file.file_rows,
    "commands": tpm_exchange.command_rows,
    "parts": tpm_exchange.part_rows,
    "wait": tpm_wait.wait_rows,
    "nonblocking": tpm_wait.nonblocking_rows,
    "shown": tpm_file.shown_rows,
}

if __name__ == "__main__":
    for part in sys.argv[2:]:
        PARTS[part](sys.argv[1])
