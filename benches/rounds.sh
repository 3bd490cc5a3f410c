# What the `sides.sh` of all benches have in common. They set `said`, the path of a file for what programs complain of, and
# have a function `measure`, which measures the side that it is told.

# The last line that a program says becomes the reason, if it fails.
attempt() {
	"$@" 2>"$said" || echo "failed $(tail -n 1 "$said")"
}

# In turn, round by round: prints "side NAME", what its client prints, and "failed REASON" if it or its side did not work.
in_rounds() {
	left=$1
	shift
	while [ "$left" -gt 0 ]; do
		left=$((left - 1))
		for side in "$@"; do
			echo "side $side"
			measure "$side"
		done
	done
}
