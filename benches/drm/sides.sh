#!/bin/sh
# The same client on each road in turn, and two processes with pipes between them, round by round.
#
#   sides.sh ROUNDS COUNT OUTLIVE CLIENT PIPES SIDE...
#
# Prints "side NAME", what the client prints, and "failed REASON" if it or its side did not work.
rounds=$1 count=$2 outlive=$3 client=$4 pipes=$5
shift 5

said=$(mktemp /dev/shm/outlive-bench-XXXXXX) || exit
trap 'rm -f "$said"' EXIT
trap 'exit 1' HUP INT TERM

# The last line that a program says becomes the reason, if it fails.
attempt() {
	"$@" 2>"$said" || echo "failed $(tail -n 1 "$said")"
}

measure() {
	echo "side $1"
	case $1 in
	pipes) attempt "$pipes" "$count" ;;
	trap | fuse | plain)
		attempt "$outlive" run --device drm:virtual,num=0,mode=1920x1080 --road "$1" -- "$client" /dev/dri/card0 "$count"
		;;
	*) echo "failed no such side" ;;
	esac
}

while [ "$rounds" -gt 0 ]; do
	rounds=$((rounds - 1))
	for side in "$@"; do
		measure "$side"
	done
done
