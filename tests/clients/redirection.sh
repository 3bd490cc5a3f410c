#!/bin/sh
# What a shell does with a device: tests, redirection, inheritance.
#
#   redirection.sh FDGAMES         FDGAMES: the program built of fdgames.c
set -u
device=${OUTLIVE_CLIENT_DEVICE:-/dev/i2c-7}
fdgames=${1:?"usage: redirection.sh FDGAMES"}
failed=0
number=0

# expect WHAT COMMAND...: the command succeeds
expect() {
	what=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $what"
	else
		echo "FAIL $what: '$*' says $?"
		failed=$((failed + 1))
	fi
}

if [ ! -e "$device" ]; then
	echo "there is no $device. Is this running under 'outlive run --device i2c:24c02@0x50,bus=7'?" >&2
	exit 2
fi
expect "test -c" test -c "$device"
expect "test -r" test -r "$device"
expect "test -w" test -w "$device"
expect "stat says major 89 (0x59) and minor 7" test "$(stat -c '%F %t %T' "$device")" = "character special file 59 7"
exec 3<>"$device"
expect "exec 3<> is inherited" "$fdgames" inherited 3
expect "and again, by a subshell" sh -c '"$1" inherited 3' sh "$fdgames"
expect "as standard input" sh -c '"$1" inherited 0 <&3' sh "$fdgames"
expect "dd reads from the chip that fdgames chose" test "$(dd bs=1 count=4 status=none <&3 | wc -c)" = 4
exec 3>&-
expect "after 3>&- it is closed" "$fdgames" closed 3
echo "$((number - failed)) ok, $failed failed"
[ "$failed" -eq 0 ]
