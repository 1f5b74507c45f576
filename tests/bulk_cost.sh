#!/usr/bin/env bash
# The cost of `repass bulk` compared with direct library calls: the client's CPU time per row, against a sandbox
# without limits in a separate process; then the rate against one that allows 60 requests a second; then dry runs.
# Exits 1 if a limit is missed. Both sides use the same configuration, runtime, allocator and concurrency. The
# direct calls neither generate, encrypt, journal nor report anything, and their time excludes startup.
#
#   tests/bulk_cost.sh [ROWS [PACED_ROWS]]
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${1:-100000}
paced=${2:-5000}
cargo build --quiet --release -p repass-cli -p xtask --bin repass --bin load_wiped
target=${CARGO_TARGET_DIR:-$PWD/target}
repass=$target/release/repass
load=$target/release/load_wiped
missed=0
work=$(mktemp -d)
sandbox=
trap 'if [ -n "$sandbox" ]; then kill "$sandbox"; fi; rm -rf "$work"' EXIT
cd "$work"
recipient=age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p

# serve PLAN OPTIONS…: starts a sandbox and writes a configuration for that plan.
serve() {
    local plan=$1
    shift
    rm -f repass.toml repass.token repass.ca.pem sandbox.json
    "$repass" sandbox --write-config repass.toml "$@" > sandbox.json 2> sandbox.log &
    sandbox=$!
    until [ -s sandbox.json ] && [ -s repass.toml ]; do sleep 0.1; done
    sed -i "s/kind = \"zoom\"/kind = \"zoom\"\nplan = \"$plan\"\nbody = \"json\"/" repass.toml
}

stop() {
    kill "$sandbox"
    wait "$sandbox" 2> /dev/null || true
    sandbox=
}

field() { grep -oE "\"$1\":[^,}]*" | head -1 | cut -d: -f2- | tr -d '"'; }

# cpu COMMAND…: its CPU time in microseconds, including its children.
cpu() {
    TIMEFORMAT='%U %S'
    { time "$@" > run.log 2>&1; } 2>&1 | awk '{ printf "%d\n", ($1 + $2) * 1e6 }'
}

# limit WHAT VALUE at-most|at-least LIMIT: prints the result, and remembers a miss.
limit() {
    if awk -v is="$2" -v how="$3" -v limit="$4" 'BEGIN { exit !(how == "at-most" ? is <= limit : is >= limit) }'; then
        echo "  $1: $2 ($3 $4)"
    else
        echo "  $1: $2 ($3 $4): MISSED"
        missed=1
    fi
}

# measure CONCURRENCY ROUNDS OPTIONS…: runs both in turn against such a sandbox. Sets $ratio to the minimum of bulk
# over the minimum of the direct calls: other load on the machine only adds to either.
measure() {
    local concurrency=$1 rounds=$2 directs=() bulks=() round direct all least_direct least_bulk
    shift 2
    for round in $(seq "$rounds"); do
        serve unlimited --users "$rows" "$@"
        seq -f 'user%06g@example.com,unused,New-Passw0rd-1' 1 "$rows" > load.csv
        direct=$("$load" --provider zoom --config repass.toml --users load.csv \
            --concurrency "$concurrency" --json | field cpu_us_per_change)
        stop
        serve unlimited --users "$rows" "$@"
        { echo user; seq -f 'user%06g@example.com' 1 "$rows"; } > users.csv
        rm -rf run secrets.age
        all=$(cpu "$repass" bulk run users.csv --generate --secrets-out secrets.age --recipient "$recipient" \
            --run run --quiet --yes --concurrency "$concurrency")
        "$repass" bulk status run --quiet
        stop
        all=$(awk -v all="$all" -v rows="$rows" 'BEGIN { printf "%.1f", all / rows }')
        echo "    direct call $direct µs, bulk $all µs"
        directs+=("$direct")
        bulks+=("$all")
    done
    least_direct=$(printf '%s\n' "${directs[@]}" | sort -n | head -1)
    least_bulk=$(printf '%s\n' "${bulks[@]}" | sort -n | head -1)
    echo "  minimum: direct call $least_direct µs, bulk $least_bulk µs"
    ratio=$(awk -v direct="$least_direct" -v bulk="$least_bulk" 'BEGIN { printf "%.2f", bulk / direct }')
}

echo "CPU time per row, $rows rows against a sandbox without limits"
echo "over HTTPS, as with real providers, 256 in flight"
measure 256 7 --tls
limit "times the direct call" "$ratio" at-most 1.5
echo "the same, 32 in flight (the default)"
measure 32 3 --tls
echo "  times the direct call: $ratio"
echo "over plain HTTP, 256 in flight"
measure 256 3
echo "  times the direct call: $ratio"

echo "rate against a sandbox that allows 60 a second, $paced rows"
serve business --users "$paced" --zoom-rate-limits business
{ echo user; seq -f 'user%06g@example.com' 1 "$paced"; } > users.csv
rm -rf run secrets.age
start=$(date +%s.%N)
"$repass" bulk run users.csv --generate --secrets-out secrets.age --recipient "$recipient" --run run --quiet --yes
end=$(date +%s.%N)
answered=$(exec 3<>"/dev/tcp/127.0.0.1/$(field requests_url < sandbox.json | sed -E 's|.*:([0-9]+)/.*|\1|')"
    printf 'GET /_sandbox/requests HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\n\r\n' >&3
    cat <&3)
if ! grep -q '"204":' <<< "$answered"; then
    echo "the sandbox did not report its responses: $answered" >&2
    exit 1
fi
limited=$(grep -o '"429":[0-9]*' <<< "$answered" | cut -d: -f2 || true)
stop
percent=$(awk -v start="$start" -v end="$end" -v rows="$paced" 'BEGIN { printf "%.1f", (rows - 60) / (end - start) / 60 * 100 }')
limit "percent of the allowed rate" "$percent" at-least 98
limit "responses with 429" "${limited:-0}" at-most 0

echo "dry runs from standard input"
serve unlimited
for rows in 100000 1000000; do
    { echo user; seq -f 'user%07g@example.com' 1 "$rows"; } > dry.csv
    start=$(date +%s.%N)
    "$repass" bulk run - --generate --dry-run --quiet < dry.csv &
    pid=$!
    peak=0
    while [ -r /proc/$pid/status ]; do
        now=$(awk '/VmHWM/ { print $2 }' /proc/$pid/status 2> /dev/null || true)
        if [ "${now:-0}" -gt "$peak" ]; then peak=$now; fi
    done
    wait $pid
    end=$(date +%s.%N)
    limit "$rows rows, a second" "$(awk -v rows="$rows" -v start="$start" -v end="$end" 'BEGIN { printf "%.0f", rows / (end - start) }')" at-least 100000
    limit "peak memory in MiB" "$(awk -v peak="$peak" 'BEGIN { printf "%.1f", peak / 1024 }')" at-most 64
done
exit "$missed"
