#!/bin/sh
# bench/probe.sh [NIDUS]: how long `nidus probe` takes here.  Prints, asserts nothing.
# All facts but KVM are to come within 400 ms on two cores, KVM within 150 ms.
set -eu
nidus=${1:-build/src/cli/nidus}
rounds=${ROUNDS:-9}
NIDUS_STATE_DIR=$(mktemp -d)
export NIDUS_STATE_DIR
trap 'rm -rf "$NIDUS_STATE_DIR"' EXIT

# Median and extremes of elapsed_ms.
measure() {
	what=$1
	shift
	i=0
	while [ "$i" -lt "$rounds" ]; do
		"$nidus" probe --json "$@" | jq .elapsed_ms
		i=$((i + 1))
	done | sort -n | awk -v what="$what" '{ t[NR] = $1 }
		END { printf "%-34s median %4d ms, %d to %d (%d runs)\n", what, t[int((NR + 1) / 2)], t[1], t[NR], NR }'
}

costly=$("$nidus" probe --list --json | jq -r '.facts[] | select(.costly) | .name')
# shellcheck disable=SC2046 # names are words
measure "all facts but the costly ones" $("$nidus" probe --list --json | jq -r '.facts[] | select(.costly | not) | .name')
for name in $costly; do
	measure "$name, asked afresh" --fresh "$name"
	measure "$name, kept from earlier" "$name"
done
measure "all, costly ones kept"

echo "slowest:"
"$nidus" probe --json | jq -r '.facts[] | select(.cached | not) | "\(.elapsed_us)\t\(.name)"' | sort -rn | head -n 8 |
	while read -r us name; do
		printf '  %7.1f ms  %s\n' "$(echo "$us" | awk '{ print $1 / 1000 }')" "$name"
	done
