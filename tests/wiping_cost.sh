#!/usr/bin/env bash
# What wiping all freed memory costs: processor time per change with and without the wiping allocator,
# through the full stack over HTTPS, 16 at a time. Fails above 1.10 times. Give the machine to it alone.
set -euo pipefail
cd "$(dirname "$0")/.."
changes=${1:-5000} rounds=${2:-7}

cargo build --quiet --release -p repass --bin repass --example load --example load_wiped
bin=${CARGO_TARGET_DIR:-target}/release
work=$(mktemp -d)
"$bin/repass" sandbox --tls --users "$changes" --token made-up-token >"$work/announced" &
sandbox=$!
trap 'kill "$sandbox"; rm -r "$work"' EXIT
until [ -s "$work/announced" ]; do sleep 0.1; done
base_url=$(sed -E 's/.*"zoom":\{"base_url":"([^"]*)".*/\1/' "$work/announced")
printf '%b' "$(sed -E 's/.*"ca_pem":"([^"]*)".*/\1/' "$work/announced")" >"$work/ca.pem"

# Processor time of one run, in microseconds per change. Zoom takes no password twice, so each is new.
cost() {
    awk -v n="$changes" -v round="$2" 'BEGIN {
        for (i = 1; i <= n; i++) printf "user%06d@example.com,-,Passw0rd-%s-%d\n", i, round, i
    }' >"$work/users.csv"
    "$bin/examples/$1" --provider zoom --base-url "$base_url" --token made-up-token --ca "$work/ca.pem" \
        --users "$work/users.csv" --concurrency 16 --json | sed -E 's/.*"cpu_us_per_change":([0-9.]+).*/\1/'
}

for round in $(seq "$rounds"); do
    cost load "${round}a" >>"$work/without"
    cost load_wiped "${round}b" >>"$work/with"
done
median() { sort -n "$1" | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
without=$(median "$work/without") with=$(median "$work/with")
awk -v a="$without" -v b="$with" 'BEGIN {
    printf "%.1f µs of CPU per change without, %.1f with wiping: %.2f times\n", a, b, b / a
    exit b / a > 1.10
}'
