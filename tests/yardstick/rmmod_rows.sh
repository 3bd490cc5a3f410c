#!/bin/sh
# What removing the driver's module does while a descriptor is open. Only told: we have no modules.
exec 3<>/dev/i2c-0
began=$(date +%s%N)
said=$(rmmod i2c-stub 2>&1) && status=0 || status=$?
printf 'note\trmmod i2c-stub with a descriptor open: status %d after %d ms: %s\n' \
	$status $((($(date +%s%N) - began) / 1000000)) "$said"
exec 3<&-
rmmod i2c-stub && printf 'note\trmmod i2c-stub after the close: status 0\n'
