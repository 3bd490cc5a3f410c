"""Rows of /dev/input/eventN, of devices that are made by /dev/uinput: `input.py PART …`.

Parts: `file`, `told` (questions), `state` (what is news), `queue` (reads, masks, clocks), `write`, `share` (two clients, grab,
revoke), `effects`, `repeat`, `shown` (/sys and /proc); and of uinput itself `ends`, `states`, `sleepers`, `made`. With LENT in the
environment clients write what devices are to send, and where uinput is not, they are lent: `uinput.py`."""

import sys

import input_effects
import input_file
import input_queue
import input_share
import input_state
import input_told
import input_write
import uinput_made
import uinput_state

PARTS = {
    "file": input_file.file_rows,
    "told": input_told.told_rows,
    "state": input_state.state_rows,
    "queue": input_queue.queue_rows,
    "write": input_write.write_rows,
    "share": input_share.share_rows,
    "effects": input_effects.effect_rows,
    "repeat": input_file.repeat_rows,
    "shown": input_file.shown_rows,
    "ends": uinput_state.file_rows,
    "states": uinput_state.state_rows,
    "sleepers": uinput_state.sleep_rows,
    "made": uinput_made.made_rows,
}

if __name__ == "__main__":
    for part in sys.argv[1:]:
        PARTS[part]()
