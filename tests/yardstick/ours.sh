# What a run of ours begins with, in either guest: `. ./ours.sh`, in a script that is started with OUTLIVE ROADS CONTENT.
outlive=$1
roads=$2
content=$3
results=/run/results
# Prints how many handles a device has, from what `outlive ls --json` says.
handles="python3 -c 'import json, sys; print(json.load(sys.stdin)[0][\"handles\"])'"
# As i2c-stub, which knows SMBus only.
smbus_only=i2c:pcf8570@0x50,num=0,functionality=0x0e7f0000
