"""Rows of /dev/mtdN: `mtd.py DEVICE ram|nand PART …`.

Parts: `file`, `told` (questions), `data` (positions, read, write), `blocks` (erase, lock, bad), `spare` and `pages` (MEMREADOOB,
MEMREAD and their like), `codes` (what error correction does). The flash has 4 MiB in blocks of 128 KiB; that of NAND has pages of
2048 bytes with 64 to spare, Hamming's code, and the blocks 3 and 17 bad. Rows begin with the kind of the flash, since names are
unique."""

import sys

import mtd_data
import mtd_file
import mtd_pages

PARTS = {
    "file": mtd_file.file_rows,
    "told": mtd_file.told_rows,
    "shown": mtd_file.shown_rows,
    "data": mtd_data.data_rows,
    "blocks": mtd_data.block_rows,
    "spare": mtd_pages.spare_rows,
    "pages": mtd_pages.page_rows,
    "codes": mtd_pages.code_rows,
}

if __name__ == "__main__":
    for part in sys.argv[3:]:
        PARTS[part](sys.argv[1], sys.argv[2])
