#!/usr/bin/env bash
# What bulk costs beside the library's bare call: processor time per row, of the client alone, against a sandbox
# without limits in a process of its own; then the rate against one that allows 60 a second; then dry runs.
# Exits 1 if a bar is missed. Both sides have the same configuration and kind of runtime, wipe what they free, and
# have as many changes under way; the bare calls make, seal, journal and count nothing, and their time is without
# the program's start.
#
#   tests/bulk_cost.sh [ROWS [PACED_ROWS]]
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${1:-100000}
paced=${2:-5000}
cargo build --quiet --release -p repass-cli --bin repass --example load_wiped
repass=$PWD/target/release/repass
load=$PWD/target/release/examples/load_wiped
missed=0
work=$(mktemp -d)
sandbox=
trap 'if [ -n "$sandbox" ]; then kill "$sandbox"; fi; rm -rf "$work"' EXIT
cd "$work"
recipient=age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p

# serve PLAN OPTIONS…: a sandbox, and a configuration for that plan.
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

# cpu COMMAND…: its processor time in microseconds, children included.
cpu() {
    TIMEFORMAT='%U %S'
    { time "$@" > run.log 2>&1; } 2>&1 | awk '{ printf "%d\n", ($1 + $2) * 1e6 }'
}

# bar WHAT VALUE at-most|at-least BAR: says so, and remembers if it is missed.
bar() {
    if awk -v is="$2" -v how="$3" -v bar="$4" 'BEGIN { exit !(how == "at-most" ? is <= bar : is >= bar) }'; then
        echo "  $1: $2 ($3 $4)"
    else
        echo "  $1: $2 ($3 $4): MISSED"
        missed=1
    fi
}

# measure CONCURRENCY ROUNDS OPTIONS…: both against such a sandbox, in turns. Leaves in $ratio the least of bulk over
# the least of the bare calls: whatever else this machine does only adds to either.
measure() {
    local concurrency=$1 rounds=$2 bares=() bulks=() round bare all least_bare least_bulk
    shift 2
    for round in $(seq "$rounds"); do
        serve unlimited --users "$rows" "$@"
        seq -f 'user%06g@example.com,unused,New-Passw0rd-1' 1 "$rows" > load.csv
        bare=$("$load" --provider zoom --config repass.toml --users load.csv \
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
        echo "    bare call $bare µs, bulk $all µs"
        bares+=("$bare")
        bulks+=("$all")
    done
    least_bare=$(printf '%s\n' "${bares[@]}" | sort -n | head -1)
    least_bulk=$(printf '%s\n' "${bulks[@]}" | sort -n | head -1)
    echo "  at the least: bare call $least_bare µs, bulk $least_bulk µs"
    ratio=$(awk -v bare="$least_bare" -v bulk="$least_bulk" 'BEGIN { printf "%.2f", bulk / bare }')
}

echo "processor time per row, $rows rows against a sandbox without limits"
echo "over HTTPS, as providers are reached, 256 at a time"
measure 256 7 --tls
bar "times the bare call" "$ratio" at-most 1.5
echo "the same, 32 at a time, which is the default"
measure 32 3 --tls
echo "  times the bare call: $ratio"
echo "over plain HTTP, to this machine only, 256 at a time"
measure 256 3
echo "  times the bare call: $ratio"

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
    echo "the sandbox does not tell what it answered: $answered" >&2
    exit 1
fi
refused=$(grep -o '"429":[0-9]*' <<< "$answered" | cut -d: -f2 || true)
stop
percent=$(awk -v start="$start" -v end="$end" -v rows="$paced" 'BEGIN { printf "%.1f", (rows - 60) / (end - start) / 60 * 100 }')
bar "percent of the allowed rate" "$percent" at-least 98
bar "answers of 429" "${refused:-0}" at-most 0

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
    bar "$rows rows, a second" "$(awk -v rows="$rows" -v start="$start" -v end="$end" 'BEGIN { printf "%.0f", rows / (end - start) }')" at-least 100000
    bar "peak memory in MiB" "$(awk -v peak="$peak" 'BEGIN { printf "%.1f", peak / 1024 }')" at-most 64
done
exit "$missed"
