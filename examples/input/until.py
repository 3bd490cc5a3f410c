#!/usr/bin/python3
"""until.py PATTERN COMMAND...: runs a command that would listen for ever, until it prints PATTERN, and then interrupts it.

Exits with 0 if it printed that, else as the command did. What the command prints is printed.
"""

import re
import signal
import subprocess
import sys

pattern, command = re.compile(sys.argv[1]), sys.argv[2:]
# Who starts this in the background may have had it ignored.
signal.signal(signal.SIGINT, signal.SIG_DFL)
listener = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
heard = False
for line in listener.stdout:
    print(line, end="", flush=True)
    if not heard and pattern.search(line):
        heard = True
        listener.send_signal(signal.SIGINT)
code = listener.wait()
sys.exit(0 if heard else code if code >= 0 else 128 - code)
