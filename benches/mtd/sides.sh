#!/bin/sh
# The same client on each side in turn, round by round; here, or in a guest with the module mtdram.
#
#   sides.sh ROUNDS MEBIBYTES PASSES OUTLIVE CLIENT SIDE...
#
# What is printed, `../rounds.sh` says.
rounds=$1 mebibytes=$2 passes=$3 outlive=$4 client=$5
shift 5

bytes=$((mebibytes << 20))
folder=$(mktemp -d /dev/shm/outlive-bench-XXXXXX) || exit
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
. "$(dirname "$0")/../rounds.sh"
said=$folder/said
head -c "$bytes" /dev/zero >"$folder/plain" || exit

measure() {
	case $1 in
	file) attempt "$client" "$folder/plain" "$bytes" "$passes" ;;
	mtdram) attempt "$client" /dev/mtd0 "$bytes" "$passes" ;;
	trap | fuse | plain)
		attempt "$outlive" run --device "mtd:ram,num=7,size=${mebibytes}MiB" --road "$1" -- \
			"$client" /dev/mtd7 "$bytes" "$passes"
		;;
	*) echo "failed no such side" ;;
	esac
}

in_rounds "$rounds" "$@"
