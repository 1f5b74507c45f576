#!/usr/bin/env bash
# Runs the three clients against a sidecar and a sandbox that it starts. Skips a client whose program is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
repass=${REPASS:-${CARGO_TARGET_DIR:-target}/debug/repass}
here=examples/clients
folder=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true; wait; rm -rf "$folder"' EXIT

# Starts a server and waits for its first line, which names its address.
start() {
    mkfifo "$folder/$1"
    "${@:2}" > "$folder/$1" &
    pids+=($!)
    read -r startup < "$folder/$1"
}
start sandbox "$repass" sandbox --write-config "$folder/made/repass.toml"
SANDBOX=$(sed -E 's/.*"ledger_url":"([^"]*)\/_sandbox\/ledger".*/\1/' <<< "$startup")
start sidecar "$repass" -c "$folder/made/repass.toml" serve --listen 127.0.0.1:0
SIDECAR=$(sed -E 's/.*"listening":"([^"]*)".*/\1/' <<< "$startup")
export SANDBOX SIDECAR

ran=0
try() {
    echo "== $1"
    if ! command -v "$2" > /dev/null || ! eval "$3"; then
        echo "SKIPPED: $2 or one of its dependencies is missing"
        return
    fi
    "${@:4}"
    ran=$((ran + 1))
}
try "curl" curl 'command -v jq > /dev/null' "$here/curl.sh"
try "Python requests" python3 'python3 -c "import requests" 2> /dev/null' python3 "$here/python_requests.py"
try "Node fetch" node 'node -e "process.exit(typeof fetch === \"function\" ? 0 : 1)"' node "$here/node_fetch.mjs"
echo "$ran of 3 clients ran"
