"""Linux' /dev/tpmN in front of the TPM of `tpm_responder.py`, by tpm_vtpm_proxy, in a guest, as root: `tpm_proxy.py`.

It says the device's name when that can be opened, and serves until it is killed, which removes the device."""

import fcntl
import os
import struct
import sys
import threading
import time

from tpm_responder import Responder

# VTPM_PROXY_IOC_NEW_DEV and VTPM_PROXY_FLAG_TPM2 of linux/vtpm_proxy.h
NEW_DEVICE, TPM2 = 0xC014A100, 1


def tell_when_there(name):
    """The kernel asks the TPM first, and makes the node then."""
    while not os.path.exists(f"/dev/{name}"):
        time.sleep(0.01)
    print(f"/dev/{name}", flush=True)


def main():
    control = os.open("/dev/vtpmx", os.O_RDWR)
    made = bytearray(struct.pack("IIIII", TPM2, 0, 0, 0, 0))
    fcntl.ioctl(control, NEW_DEVICE, made)
    _, number, server, _, _ = struct.unpack("IIIII", made)
    threading.Thread(target=tell_when_there, args=(f"tpm{number}",), daemon=True).start()
    responder = Responder()
    while True:
        late, response = responder.answer(os.read(server, 4096))
        time.sleep(late)
        if response is None:
            continue
        try:
            os.write(server, response)
        except OSError as error:  # the kernel no longer waits, or never took so long a response
            print(f"a response is refused: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
