#!/usr/bin/env bash
# usage: schemathesis.sh [CASES]
# Tests the sidecar against its OpenAPI description: schemathesis sends about CASES valid and invalid requests (300)
# and checks every response against the description.
# Needs python3 with venv and pip; schemathesis itself is installed under target/.
set -euo pipefail
cd "$(dirname "$0")/.."
cases=${1:-300}

venv=$PWD/target/schemathesis
if [ ! -x "$venv"/bin/schemathesis ]; then
    if ! { python3 -m venv "$venv" && "$venv"/bin/pip install --quiet 'schemathesis>=4.32,<5'; } 2> target/schemathesis.log; then
        rm -rf "$venv"
        echo "SKIPPED: cannot install schemathesis (python3 -m venv, pip); see target/schemathesis.log" >&2
        exit 0
    fi
fi

repass=${REPASS:-${CARGO_TARGET_DIR:-$PWD/target}/debug/repass}
[ -n "${REPASS:-}" ] || cargo build --quiet --package repass-cli
folder=$(mktemp -d)
token=schemathesis-token-0001
(umask 077 && printf %s "$token" > "$folder/token")
mkfifo "$folder/startup"
"$repass" --sandbox serve --listen 127.0.0.1:0 --token-file "$folder/token" > "$folder/startup" &
server=$!
trap 'kill $server 2> /dev/null; wait $server || true; rm -rf "$folder"' EXIT
read -r startup < "$folder/startup"
url=$(sed -E 's/.*"listening":"([^"]*)".*/\1/' <<< "$startup")

cat > "$folder/schemathesis.toml" <<EOF
# A well-formed request may still be rejected: unknown user, weak password.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 409, 422, 429]
# A request that is too large is rejected before it is validated.
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 422]
EOF

# Ten operations in each phase: this many examples give about as many cases as requested.
examples=$((cases / 8 + 1))
# It writes to the current directory.
cd "$folder"
"$venv/bin/schemathesis" --config-file "$folder/schemathesis.toml" run "$url/openapi.json" \
    --header "Authorization: Bearer $token" --checks all --phases examples,coverage,fuzzing,stateful \
    --max-examples "$examples" --seed 4711 --continue-on-failure --workers 1 --no-color
curl --silent --fail --header "Authorization: Bearer $token" "$url/healthz"
