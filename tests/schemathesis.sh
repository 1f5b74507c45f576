#!/usr/bin/env bash
# The sidecar against its own description: schemathesis makes requests, good and bad, and looks whether every
# answer is one that the description tells. `tests/schemathesis.sh 5000` makes about so many.
# Needs python3 with venv and pip; schemathesis itself is installed under target/.
set -euo pipefail
cd "$(dirname "$0")/.."
cases=${1:-300}

venv=$PWD/target/schemathesis
if [ ! -x "$venv"/bin/schemathesis ]; then
    if ! { python3 -m venv "$venv" && "$venv"/bin/pip install --quiet 'schemathesis>=4.32,<5'; } 2> target/schemathesis.log; then
        rm -rf "$venv"
        echo "SKIPPED: schemathesis cannot be installed here (python3 -m venv, pip); see target/schemathesis.log" >&2
        exit 0
    fi
fi

repass=${REPASS:-$PWD/target/debug/repass}
[ -n "${REPASS:-}" ] || cargo build --quiet --package repass
folder=$(mktemp -d)
token=schemathesis-token-0001
(umask 077 && printf %s "$token" > "$folder/token")
mkfifo "$folder/announced"
"$repass" --sandbox serve --listen 127.0.0.1:0 --token-file "$folder/token" > "$folder/announced" &
server=$!
trap 'kill $server 2> /dev/null; wait $server || true; rm -rf "$folder"' EXIT
read -r announced < "$folder/announced"
url=$(sed -E 's/.*"listening":"([^"]*)".*/\1/' <<< "$announced")

cat > "$folder/schemathesis.toml" <<EOF
# A request may be well-formed and be refused all the same: no such user, too weak a password.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 409, 422, 429]
# What is refused for its size is not looked at any further.
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 422]
EOF

# Ten operations, in each of the phases: so many examples make about as many cases as were asked for.
examples=$((cases / 8 + 1))
# It leaves a folder where it is.
cd "$folder"
"$venv/bin/schemathesis" --config-file "$folder/schemathesis.toml" run "$url/openapi.json" \
    --header "Authorization: Bearer $token" --checks all --phases examples,coverage,fuzzing,stateful \
    --max-examples "$examples" --seed 4711 --continue-on-failure --workers 1 --no-color
curl --silent --fail --header "Authorization: Bearer $token" "$url/healthz"
