"""Rows of /dev/i2c-N: `i2c.py DEVICE [part …]`.

Parts: `file` (what any descriptor can do), `settings`, `smbus`, `plain` (I2C_RDWR, read, write). The chip is at 0x50; nobody
is at 0x51. `smbus` wants memory of 256 bytes that can be written, `plain` needs no more than a chip with an address
counter of one byte; what they read before they have written it is theirs to say, and must be equal."""

import sys

import i2c_file
import i2c_plain
import i2c_smbus

PARTS = {
    "file": i2c_file.file_rows,
    "settings": i2c_file.setting_rows,
    "smbus": i2c_smbus.rows,
    "emulated": i2c_smbus.emulated_rows,
    "plain": i2c_plain.rows,
}

if __name__ == "__main__":
    for part in sys.argv[2:]:
        PARTS[part](sys.argv[1])
