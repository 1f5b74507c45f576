#!/usr/bin/env bash
# curl and jq: a change, a wrong password, an unknown outcome and its resolution.
set -euo pipefail
sidecar=${SIDECAR:-http://127.0.0.1:8788}
sandbox=${SANDBOX:-http://127.0.0.1:8787}
provider=$sidecar/v1/providers/portal
alice=a11ce000-0000-4000-8000-000000000001

# Bodies come on standard input: other users of this machine can read arguments.
post() {
    curl --silent --show-error --header 'Content-Type: application/json' --data-binary @- \
        --write-out '\n%{http_code}' "$@"
}

split() {
    status=${1##*$'\n'}
    body=${1%$'\n'*}
}

first=Curl-Passw0rd-$RANDOM$RANDOM
second=Curl-Passw0rd-$RANDOM$RANDOM

# Requests with the same key and body are the same change, however often they are sent.
split "$(jq -n --arg user $alice --arg new "$first" '{user: $user, new_password: $new}' |
    post --header "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)" "$provider/password-changes")"
[ "$status" = 200 ] && echo "changed: $(jq -r .effect <<< "$body")"

split "$(jq -n --arg user $alice --arg new "$second" '{user: $user, current_password: "not this one", new_password: $new}' |
    post "$provider/password-changes")"
[ "$status" = 403 ] && echo "refused: $(jq -r .code <<< "$body"), $(jq -r .effect <<< "$body")"

# The portal applies the next change, but its response is lost.
curl --silent --fail --header 'Content-Type: application/json' --data \
    '{"match": {"provider": "identity"}, "action": {"when": "after-apply", "cut": {"at": "answer", "how": "fin"}}}' \
    "$sandbox/_sandbox/faults"
change=$(jq -n --arg user $alice --arg old "$first" --arg new "$second" \
    '{user: $user, current_password: $old, new_password: $new}')
split "$(post "$provider/password-changes" <<< "$change")"
[ "$status" = 409 ] && [ "$(jq -r .effect <<< "$body")" = unknown ] && echo "unknown: $(jq -r .code <<< "$body")"

handle=$(jq -r .resolution.attempt <<< "$body")
split "$(jq --arg attempt "$handle" '. + {attempt: $attempt}' <<< "$change" |
    post "$sidecar$(jq -r .resolution.href <<< "$body")")"
[ "$status" = 200 ] && echo "settled: $(jq -r .resolution <<< "$body")"
[ "$(jq -r .resolution <<< "$body")" = in_place ]
