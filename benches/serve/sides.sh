#!/bin/sh
# In a guest with the modules fuse, cuse, i2c-dev and i2c-stub: the same client on each side in turn, round by round.
#
#   sides.sh ROUNDS CALLS OUTLIVE CLIENT LIBFUSE_I2C UMOCKDEV_I2C PIPE_PING_PONG SIDE...
#
# What is printed, `../rounds.sh` says.
rounds=$1 calls=$2 outlive=$3 client=$4 libfuse_i2c=$5 umockdev_i2c=$6 ping_pong=$7
shift 7

. "$(dirname "$0")/../rounds.sh"
said=/tmp/said

on_node() {
	attempt env OUTLIVE_CLIENT_DEVICE="$1" "$client" "$calls"
}

on_road() {
	attempt "$outlive" run --device i2c:24c02@0x50,bus=7 --road "$1" -- "$client" "$calls"
}

measure() {
	case $1 in
	pipes) attempt "$ping_pong" "$calls" ;;
	stub) on_node /dev/i2c-0 ;;
	serve) on_node /dev/i2c-21 ;;
	libfuse-one) on_node /dev/i2c-22 ;;
	libfuse-many) on_node /dev/i2c-23 ;;
	trap | fuse | plain) on_road "$1" ;;
	umockdev) attempt umockdev-wrapper "$umockdev_i2c" "$client" $((calls / 10)) ;;
	*) echo "failed no such side" ;;
	esac
}

"$outlive" serve --device i2c:24c02@0x50,bus=21 >/dev/null &
"$libfuse_i2c" i2c-22 -f -s &
"$libfuse_i2c" i2c-23 -f &
patience=100
while [ $patience -gt 0 ] && ! { [ -e /dev/i2c-21 ] && [ -e /dev/i2c-22 ] && [ -e /dev/i2c-23 ]; }; do
	sleep 0.1
	patience=$((patience - 1))
done

in_rounds "$rounds" "$@"
