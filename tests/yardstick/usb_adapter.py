"""An I2C adapter on USB, and the bus behind it: `usb_adapter.py PORT`, in a guest that has vhci-hcd and i2c-tiny-usb.

It is the far end of USB/IP (Documentation/usb/usbip_protocol.rst), whose near end the kernel gets as a descriptor: there is no
network. What it is asked is what i2c-tiny-usb asks (drivers/i2c/busses/i2c-tiny-usb.c). On the bus is one chip at 0x50, memory
of 256 bytes with an address counter. A transfer with 0x52 is not answered: it stays in the adapter's hands.

The adapter is there until this is killed: then its hardware is gone, as if it had been pulled."""

import socket
import struct
import sys

CONTROLLER = "/sys/devices/platform/vhci_hcd.0"
DEVICE, FULL_SPEED = 1 << 16 | 2, 2

CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4
BASIC = struct.Struct(">5I")  # command, seqnum, devid, direction, ep
SUBMIT = struct.Struct(">Iiiii8s")  # flags, length, start frame, packets, interval, setup
SETUP = struct.Struct("<BBHHH")  # bmRequestType, bRequest, wValue, wIndex, wLength
EPIPE, ECONNRESET = 32, 104

# Chapter 9 of the USB 2.0 specification; the numbers of the maker and the product are those that i2c-tiny-usb is for.
GET_DESCRIPTOR, VENDOR, TO_HOST = 6, 0x40, 0x80
DEVICE_DESCRIPTOR = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0110, 255, 0, 0, 8, 0x0403, 0xC631, 0x0100, 0, 0, 0, 1)
INTERFACE = struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 0, 255, 0, 0, 0)
CONFIGURATION = struct.pack("<BBHBBBBB", 9, 2, 9 + len(INTERFACE), 1, 1, 0, 0x80, 50) + INTERFACE

# Vendor requests of i2c-tiny-usb. A transfer is 4, with 1 as it begins and 2 as it ends.
GET_FUNC, SET_DELAY, GET_STATUS, IO, BEGINS = 1, 2, 3, 4, 1
ADDRESS_ACK, ADDRESS_NAK = 1, 2
FUNCTIONALITY = 0x0EFF0001  # I2C_FUNC_I2C and I2C_FUNC_SMBUS_EMUL of linux/i2c.h
CHIP, LATE = 0x50, 0x52


class Stall(Exception):
    """The request is refused."""


class Chip:
    """Memory."""

    def __init__(self):
        self.memory = bytearray(range(256))
        self.counter = 0
        self.status = ADDRESS_ACK

    def write(self, address, data, begins):
        if not self.hears(address):
            return
        if begins and data:
            self.counter, data = data[0], data[1:]
        for byte in data:
            self.memory[self.counter] = byte
            self.counter = (self.counter + 1) % 256

    def read(self, address, length):
        if not self.hears(address):
            return bytes(length)
        said = bytes(self.memory[(self.counter + i) % 256] for i in range(length))
        self.counter = (self.counter + length) % 256
        return said

    def hears(self, address):
        self.status = ADDRESS_ACK if address == CHIP else ADDRESS_NAK
        return self.status == ADDRESS_ACK


def answer(chip, setup, sent):
    """What a control transfer brings; `None` for one that is not answered."""
    kind, request, value, index, length = SETUP.unpack(setup)
    if kind & 0x60 != VENDOR:
        if request != GET_DESCRIPTOR:
            return b""
        descriptors = {1: DEVICE_DESCRIPTOR, 2: CONFIGURATION}
        if value >> 8 not in descriptors:
            raise Stall
        return descriptors[value >> 8][:length]
    if request == GET_FUNC:
        return struct.pack("<I", FUNCTIONALITY)
    if request == GET_STATUS:
        return bytes([chip.status])
    if request == SET_DELAY:
        return b""
    if request & IO == 0:
        raise Stall
    if index == LATE:
        return None
    if kind & TO_HOST:
        return chip.read(index, length)
    chip.write(index, sent, True)
    return b""


def submitted(host, chip, number, direction, body):
    _, length, _, _, _, setup = SUBMIT.unpack(body)
    sent = host.recv(length, socket.MSG_WAITALL) if direction == 0 and length else b""
    status, brought = 0, b""
    try:
        brought = answer(chip, setup, sent)
    except Stall:
        status = -EPIPE
    if brought is None:
        return
    done = len(brought) if direction else len(sent)
    header = BASIC.pack(RET_SUBMIT, number, 0, 0, 0) + struct.pack(">iiiii8x", status, done, 0, 0, 0)
    host.sendall(header + (brought if direction else b""))


def main(port):
    host, kernel = socket.socketpair()
    with open(f"{CONTROLLER}/attach", "w") as attach:
        attach.write(f"{port} {kernel.fileno()} {DEVICE} {FULL_SPEED}")
    kernel.close()
    chip = Chip()
    while header := host.recv(BASIC.size + SUBMIT.size, socket.MSG_WAITALL):
        command, number, _, direction, _ = BASIC.unpack_from(header)
        if command == CMD_SUBMIT:
            submitted(host, chip, number, direction, header[BASIC.size :])
        elif command == CMD_UNLINK:
            host.sendall(BASIC.pack(RET_UNLINK, number, 0, 0, 0) + struct.pack(">i24x", -ECONNRESET))
        else:
            raise SystemExit(f"the kernel sent the command {command}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
