#!/bin/sh
# The same client on each side in turn, round by round; here, or in a guest with the modules uinput and evdev.
#
#   sides.sh ROUNDS COUNT GAP OUTLIVE CLIENT SIDE...
#
# What is printed, `../rounds.sh` says.
rounds=$1 count=$2 gap=$3 outlive=$4 client=$5
shift 5

. "$(dirname "$0")/../rounds.sh"
said=$(mktemp /dev/shm/outlive-bench-XXXXXX) || exit
trap 'rm -f "$said"' EXIT
trap 'exit 1' HUP INT TERM

measure() {
	case $1 in
	evdev) attempt "$client" uinput "$count" "$gap" ;;
	trap | fuse | plain)
		attempt "$outlive" run --device input:mouse,num=0 --road "$1" -- "$client" /dev/input/event0 "$count" "$gap"
		;;
	*) echo "failed no such side" ;;
	esac
}

in_rounds "$rounds" "$@"
