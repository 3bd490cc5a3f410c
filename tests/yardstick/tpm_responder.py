"""A TPM 2.0 whose answers depend on the command alone, for the rows of /dev/tpmN: what is behind Linux' device and behind ours.

Commands of its own have codes of vendors (bit 29, TPM 2.0 library, part 2, 6.5.2); what their parameters are is at each. The few
others that a kernel or a launcher asks first are answered as those of a TPM without anything."""

import struct

HEADER = struct.Struct(">HII")  # tag, length of all of it, code
NO_SESSIONS = 0x8001
SUCCESS, COMMAND_SIZE, COMMAND_CODE, RETRY_LATER = 0, 0x142, 0x143, 0x922

SELF_TEST, STARTUP, SHUTDOWN, GET_CAPABILITY, GET_RANDOM, PCR_READ, PCR_EXTEND = 0x143, 0x144, 0x145, 0x17A, 0x17B, 0x17E, 0x182
SET_LOCALITY = 0x20001000  # TPM2_CC_SET_LOCALITY of linux/vtpm_proxy.h

ECHO, LENGTH, LATE, NEVER, CLAIM, COUNT, RETRY, CODE = range(0x20000001, 0x20000009)


def command(code, parameters=b"", tag=NO_SESSIONS):
    """A command, or a response, with its header."""
    return HEADER.pack(tag, HEADER.size + len(parameters), code) + parameters


def pattern(length):
    """Bytes that do not repeat soon."""
    return bytes(at * 7 + at // 256 & 0xFF for at in range(length))


class Responder:
    """What it keeps: how many of its own commands came."""

    def __init__(self):
        self.count = 0
        self.retries = 0

    def answer(self, request):
        """How many seconds it takes, and the response; `None` for none ever."""
        if len(request) < HEADER.size:
            return 0, command(COMMAND_SIZE)
        code, parameters = HEADER.unpack_from(request)[2], request[HEADER.size :]
        if code in (PCR_EXTEND, *range(ECHO, CODE + 1)):
            self.count += code != COUNT
            return self.own(code, parameters)
        return 0, self.common(code, parameters)

    def own(self, code, parameters):
        number = struct.unpack_from(">I", parameters)[0] if len(parameters) >= 4 else 0
        if code == LATE:  # milliseconds
            return number / 1000, command(SUCCESS, parameters)
        if code in (NEVER, PCR_EXTEND):
            return 0, None
        if code == LENGTH:  # how long the response is
            return 0, command(SUCCESS, pattern(number - HEADER.size))
        if code == CLAIM:  # how long its header says that it is; how long it is
            response = command(SUCCESS, pattern(4086))[: struct.unpack_from(">I", parameters, 4)[0]]
            return 0, response[:2] + struct.pack(">I", number) + response[6:]
        if code == COUNT:
            return 0, command(SUCCESS, struct.pack(">I", self.count))
        if code == RETRY:  # how often it says "later"
            self.retries += 1
            later = self.retries <= number
            return 0, command(RETRY_LATER if later else SUCCESS)
        if code == CODE:  # the code of the response
            return 0, command(number)
        return 0, command(SUCCESS, parameters)

    def common(self, code, parameters):
        if code in (SELF_TEST, STARTUP, SHUTDOWN, SET_LOCALITY):
            return command(SUCCESS)
        if code == GET_RANDOM:
            length = min(struct.unpack_from(">H", parameters)[0], 32)
            return command(SUCCESS, struct.pack(">H", length) + pattern(length))
        if code == GET_CAPABILITY:
            return command(SUCCESS, capability(*struct.unpack_from(">III", parameters)))
        return command(COMMAND_CODE)


def capability(kind, first, count):
    """Of TPM2_GetCapability (part 3, 30.2): what it has of a kind."""
    if kind == 2:  # commands: those that it has, and their attributes are their codes
        codes = [code for code in (SELF_TEST, STARTUP, GET_CAPABILITY, GET_RANDOM) if code >= first][:count]
        return struct.pack(">BII", 0, kind, len(codes)) + b"".join(struct.pack(">I", code) for code in codes)
    if kind == 6 and count:  # properties: as many commands
        return struct.pack(">BIIII", 0, kind, 1, first, 4)
    return struct.pack(">BII", 0, kind, 0)  # no banks of PCRs, and nothing else
