#!/bin/sh
# The same client on each road in turn, and two processes with pipes between them, round by round.
#
#   sides.sh ROUNDS COUNT OUTLIVE CLIENT PIPES SIDE...
#
# What is printed, `../rounds.sh` says.
rounds=$1 count=$2 outlive=$3 client=$4 pipes=$5
shift 5

. "$(dirname "$0")/../rounds.sh"
said=$(mktemp /dev/shm/outlive-bench-XXXXXX) || exit
trap 'rm -f "$said"' EXIT
trap 'exit 1' HUP INT TERM

measure() {
	case $1 in
	pipes) attempt "$pipes" "$count" ;;
	trap | fuse | plain)
		attempt "$outlive" run --device drm:virtual,num=0,mode=1920x1080 --road "$1" -- "$client" /dev/dri/card0 "$count"
		;;
	*) echo "failed no such side" ;;
	esac
}

in_rounds "$rounds" "$@"
