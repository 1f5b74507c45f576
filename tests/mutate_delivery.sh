#!/usr/bin/env bash
# usage: mutate_delivery.sh [ROW]...
# Mutates each row of the retry policy (or only these rows), one at a time and in a copy of the last commit, and
# expects `cargo xtask simulate` to fail. Prints a line per mutation; exits 1 if one survives. Takes some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git archive HEAD | tar -x -C "$copy"
policy=crates/transport/src/retry_policy.rs
original=$copy/original.rs
cp "$copy/$policy" "$original"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$copy/target}
survivors=0
rows=("$@")

simulate() { (cd "$copy" && cargo run --quiet -p xtask -- simulate --seeds 10 --sockets 200); }

simulate >"$copy/log" 2>&1 || { cat "$copy/log"; echo "the simulation fails without a mutation"; exit 2; }

mutant() { # row, from, to
    if [ ${#rows[@]} -gt 0 ] && [[ " ${rows[*]} " != *" $1 "* ]]; then return; fi
    FROM=$2 TO=$3 perl -0pe 's/\Q$ENV{FROM}\E/$ENV{TO}/' "$original" >"$copy/$policy"
    if cmp -s "$original" "$copy/$policy"; then
        echo "NOT APPLIED $1: $3"
        survivors=$((survivors + 1))
        return
    fi
    if simulate >"$copy/log" 2>&1; then
        echo "survived    $1: $3"
        survivors=$((survivors + 1))
    elif grep -q "broken laws *[1-9]" "$copy/log"; then
        echo "caught      $1: $3: $(grep -A1 "broken laws *[1-9]" "$copy/log" | sed -n '2s/.*\(seed [0-9]*: \)\?\([a-z][^:]*\): .*/\2/p' | cut -c1-60)"
    else
        cat "$copy/log"
        echo "NO RESULT   $1: $3"
        survivors=$((survivors + 1))
    fi
    cp "$original" "$copy/$policy"
}

# These put an arm before all others of the match, which then wins.
effect() { # row, attempt outcome, side effect
    mutant "$1" "match self {" "match self { Self::$2 => SideEffect::$3,"
}
retry() { # row, attempt outcome, idempotency, action
    mutant "$1" "match (self, idempotency) {" "match (self, idempotency) { (Self::$2, $3) => RetryAction::$4,"
}

effect not-sent NotSent Possible
retry not-sent NotSent _ Never
for in_doubt in lost:Lost success-cut:SuccessCut unproven:Unproven faulted:Faulted; do
    effect "${in_doubt%:*}" "${in_doubt#*:}" None
    retry "${in_doubt%:*}" "${in_doubt#*:}" Idempotency::NonIdempotent AfterBackoff
done
effect done Done Possible
effect done Done None
retry done Done _ AfterBackoff
effect token-rejected TokenRejected Possible
retry token-rejected TokenRejected _ Never
retry encoding-refused EncodingRefused _ Never
retry encoding-refused EncodingRefused _ AfterBackoff
effect rate-limited RateLimited Possible
retry rate-limited RateLimited _ Never
effect refused Refused Possible
effect refused Refused Certain
retry refused Refused _ AfterBackoff
challenge='StatusCode::UNAUTHORIZED if response.header("www-authenticate").is_some() => Self::TokenRejected'
mutant status-401 "$challenge" "StatusCode::UNAUTHORIZED => Self::TokenRejected"
mutant status-401 "$challenge" "StatusCode::UNAUTHORIZED => Self::Faulted"
mutant status-429 "StatusCode::TOO_MANY_REQUESTS => Self::RateLimited" "StatusCode::TOO_MANY_REQUESTS => Self::Refused"
mutant status-415 "StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::EncodingRefused" "StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::Faulted"
mutant status-202 "StatusCode::OK if response.is_complete()" "StatusCode::OK | StatusCode::ACCEPTED if response.is_complete()"
# A status that HTTP does not define as not processed proves nothing; one that it does proves a refusal.
for status in SEE_OTHER FOUND BAD_REQUEST FORBIDDEN CONFLICT UNPROCESSABLE_ENTITY; do
    mutant "status-$status" "StatusCode::MOVED_PERMANENTLY" "StatusCode::$status | StatusCode::MOVED_PERMANENTLY"
done
for status in TEMPORARY_REDIRECT NOT_FOUND PAYLOAD_TOO_LARGE REQUEST_HEADER_FIELDS_TOO_LARGE; do
    mutant "status-$status" "| StatusCode::$status" ""
done
mutant status-408 "StatusCode::REQUEST_TIMEOUT => Self::Faulted" "StatusCode::REQUEST_TIMEOUT => Self::Refused"
mutant status-5xx "status if status.is_server_error() => Self::Faulted" "status if status.is_server_error() => Self::Refused"
mutant others "_ => Self::Unproven," "_ => Self::Refused,"
echo "$survivors survived"
[ "$survivors" -eq 0 ]
