"""Rows of mtd-utils: `mtd_tools.py DEVICE ram|nand`. A row is a command; its answer its exit status, and what it printed, in
which N stands for the number of the device, and IMAGE and OUT for files."""

import re
import subprocess
import sys

from mtd_flash import *

FILES = {"IMAGE": "/tmp/image", "SMALL": "/tmp/small", "OUT": "/tmp/out", "BIG": "/tmp/big"}
ON_ALL = (
    "mtdinfo DEV", "mtdinfo -m N", "mtdinfo -u DEV", "mtdinfo -M DEV", "mtdinfo /dev/mtd77", "mtdinfo -m 77",
    "flash_erase DEV 0 0", "flash_erase -q DEV 0 0", "flash_erase DEV 131072 2", "flash_erase DEV 131072 0",
    "flash_erase DEV 1 1", "flash_erase DEV 0 33", "flash_erase DEV 4194304 1", "flash_erase -u DEV 0 1",
    "flash_erase -j -q DEV 0 1", "flash_erase DEVro 0 1", "flash_erase DEV", "flash_erase /dev/mtd77 0 0",
    "flash_lock DEV", "flash_lock DEV 0 1", "flash_lock -i DEV 0 1", "flash_unlock DEV", "flash_unlock DEV 0 33",
    "flash_lock DEV 1 1", "mtd_debug info DEV", "mtd_debug erase DEV 0 262144", "mtd_debug write DEV 0 4096 IMAGE",
    "mtd_debug read DEV 0 4096 OUT", "sum OUT", "mtd_debug write DEV 1 4096 IMAGE", "mtd_debug erase DEV 1 131072",
    "mtd_debug erase DEV 0 1", "mtd_debug read DEV 4194304 1 OUT", "mtd_debug write DEV 4194304 4096 IMAGE",
    "mtd_debug info DEVro", "mtd_debug erase DEVro 0 131072", "flashcp -v IMAGE DEV", "flashcp -A -v IMAGE DEV",
    "flashcp BIG DEV", "flashcp IMAGE DEVro", "flashcp SMALL DEV", "sum DEV", "flash_otp_info -u DEV",
    "flash_otp_info -f DEV", "flash_otp_dump -u DEV",
)
ON_NAND = (
    "flash_erase -q -N DEV 0 2", "flash_erase -q DEV 0 0", "nandwrite DEV IMAGE", "nandwrite -p DEV SMALL",
    "nandwrite -s 262144 DEV IMAGE", "nandwrite -s 1 DEV IMAGE", "nandwrite -m -p DEV SMALL",
    "nandwrite -a -s 1048576 DEV IMAGE", "nandwrite -s 4063232 DEV IMAGE", "nandwrite DEVro IMAGE",
    "nanddump -l 4096 -f OUT DEV", "sum OUT", "nanddump -o -l 4096 -f OUT DEV", "sum OUT",
    "nanddump -n -o -s 2048 -l 2048 -f OUT DEV", "sum OUT", "nanddump -c -l 2048 DEV", "nanddump -c -o -l 2048 DEV",
    "nanddump --bb=dumpbad -s 262144 -l 262144 -f OUT DEV", "sum OUT",
    "nanddump --bb=skipbad -s 262144 -l 262144 -f OUT DEV", "sum OUT",
    "nanddump --bb=padbad -s 262144 -l 262144 -f OUT DEV", "sum OUT", "nanddump -a --bb=skipbad -f OUT DEV", "sum OUT",
    "nanddump -s 1 -l 1 -f OUT DEV", "nanddump -s 4194304 -l 2048 -f OUT DEV", "flash_erase -q DEV 0 0",
    "nandwrite -n -o DEV DUMP", "nanddump -o -l 4096 -f OUT DEV", "sum OUT", "flash_erase -q DEV 0 1",
    "nandwrite -o DEV DUMP", "nanddump -o -l 4096 -f OUT DEV", "sum OUT", "nandtest -s 7 -l 524288 DEV",
    "nandtest -k -s 7 -o 393216 -l 262144 DEV", "nandtest -m -s 9 -p 2 -o 1048576 -l 131072 DEV", "nandtest -o 1 DEV",
    "nandtest -l 1 DEV", "nandtest DEVro", "mtdinfo -M DEV",
)
# Of RAM, which has no pages: what these say there.
ON_RAM = (
    "mtdinfo -a", "lsmtd -r", "nandwrite DEV IMAGE", "nanddump -l 4096 -f OUT DEV", "nandtest -s 7 -l 262144 DEV",
    "nandtest -k -s 7 -l 131072 DEV",
)


def said(command, device):
    """What a command printed. What it wrote over (percentages, after carriage returns) counts as its last state only."""
    words = [FILES.get(word, word.replace("DEV", device)) for word in command.split()]
    if words[0] == "sum":
        with open(words[1], "rb") as file:
            return told(file.read())
    number = re.sub(r"\D", "", device)
    words = [number if word == "N" else word for word in words]
    ran = subprocess.run(words, capture_output=True, timeout=60, check=False)
    text = ran.stdout + ran.stderr
    text = b"\n".join(line.rstrip(b"\r").rsplit(b"\r", 1)[-1] for line in text.split(b"\n"))
    if len(text) > 9000:
        return f"{ran.returncode} {told(text)}"
    text = text.decode(errors="replace").replace(f"mtd{number}", "mtdN").replace(f"90:{2 * int(number)}", "90:2N")
    # Our chips have cells of one bit, and no parts of pages, which in Linux only those of many have.
    text = text.replace("mlc-nand", "nand").replace("MTD_MLCNANDFLASH", "MTD_NANDFLASH")
    for name, path in FILES.items():
        text = text.replace(path, name)
    lines = [" ".join(line.split()) for line in text.split("\n") if line.strip()]
    return f"{ran.returncode} {' / '.join(lines)}".rstrip()


def main(device, kind):
    for name, text in (("IMAGE", content(9 * PAGE)), ("SMALL", content(3000)), ("BIG", content(SIZE + 1))):
        with open(FILES[name], "wb") as file:
            file.write(text)
    FILES["DUMP"] = "/tmp/dump"
    with open(FILES["DUMP"], "wb") as file:
        file.write(b"".join(content(PAGE, seed) + b"\xff\xff" + content(SPARE, seed)[2:] for seed in (1, 2)))
    for step, command in enumerate((*ON_ALL, *(ON_NAND if kind == "nand" else ON_RAM))):
        row(f"{kind} {step}: {command}", said(command, device))


if __name__ == "__main__":
    main(*sys.argv[1:])
