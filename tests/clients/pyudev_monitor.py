#!/usr/bin/python3
"""What a Python program hears of devices by pyudev: one line an event, of the subsystem that is named.

Says "ready" when it listens, and ends when a device has been removed.
"""

import sys

try:
    import pyudev
except ImportError:
    sys.exit("pyudev is not here: Debian's package is python3-pyudev, for /usr/bin/python3")

monitor = pyudev.Monitor.from_netlink(pyudev.Context())
monitor.filter_by(sys.argv[1])
monitor.start()
print("ready", flush=True)
for device in iter(monitor.poll, None):
    words = [device.action, device.subsystem, device.device_path, device.device_node, device.get("OUTLIVE_GENERATION")]
    words += [f"initialized={device.is_initialized}", f"tag={'outlive' in device.tags}", device.device_number]
    print("event", *words, flush=True)
    if device.action == "remove":
        break
