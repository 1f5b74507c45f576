#!/usr/bin/env bash
# usage: mutate_delivery.sh [ROW]...
# Mutates each row of the retry policy and each claim of the LDAP wire (or only these rows), one at a time and in a copy
# of the last commit, and expects `cargo xtask simulate` or, for LDAP, the tests of the wire and of the adapter to fail.
# Prints a line per mutation; exits 1 if one survives. Takes some minutes.
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

wants() { [ ${#rows[@]} -eq 0 ] || [[ " ${rows[*]} " == *" $1 "* ]]; }
wants_ldap() { [ ${#rows[@]} -eq 0 ] || [[ " ${rows[*]} " == *" ldap-"* ]]; }
wants_http() {
    local row
    [ ${#rows[@]} -eq 0 ] && return
    for row in "${rows[@]}"; do [[ $row == ldap-* ]] || return 0; done
    return 1
}

! wants_http || simulate >"$copy/log" 2>&1 || { cat "$copy/log"; echo "the simulation fails without a mutation"; exit 2; }

mutant() { # row, from, to
    wants "$1" || return 0
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

# The LDAP wire: what the connection says of a request, and what the adapter says of a response or of none.
wire() { (cd "$copy" && cargo test --quiet --no-fail-fast -p repass-transport -p repass-ldap); }

claim() { # row, file, from, to
    wants "$1" || return 0
    local file=$copy/$2
    cp "$file" "$copy/claim.rs"
    FROM=$3 TO=$4 perl -0pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/' "$file"
    if cmp -s "$copy/claim.rs" "$file"; then
        echo "NOT APPLIED $1: $4"
        survivors=$((survivors + 1))
    elif wire >"$copy/log" 2>&1; then
        echo "survived    $1: $4"
        survivors=$((survivors + 1))
    elif grep -q "^test result: FAILED" "$copy/log"; then
        echo "caught      $1: $4: $(sed -n 's/^---- \(.*\) stdout ----$/\1/p' "$copy/log" | head -1)"
    else
        cat "$copy/log"
        echo "NO RESULT   $1: $4"
        survivors=$((survivors + 1))
    fi
    cp "$copy/claim.rs" "$file"
}

! wants_ldap || wire >"$copy/log" 2>&1 || { cat "$copy/log"; echo "a test of LDAP fails without a mutation"; exit 2; }
connection=crates/transport/src/ldap/connection.rs
answers=crates/ldap-adapter/src/errors.rs
service=crates/ldap-adapter/src/service.rs
guard=crates/ldap-adapter/src/guard.rs
claim ldap-broken $connection "Some(_) => TransportError::lost(Cause::ConnectionLost, what)" "Some(_) => TransportError::not_sent(Cause::ConnectionLost, what)"
claim ldap-late $connection "Some(_) => TransportError::lost(Cause::TimedOut, what)" "Some(_) => TransportError::not_sent(Cause::TimedOut, what)"
claim ldap-notice $connection "Err(TransportError::lost(Cause::ConnectionLost, what))" "Err(TransportError::not_sent(Cause::ConnectionLost, what))"
claim ldap-unreadable $connection "TransportError::lost(Cause::UnreadableAnswer, what)" "TransportError::not_sent(Cause::UnreadableAnswer, what)"
claim ldap-other-id $connection "if message.id == id {" "if message.id >= id {"
claim ldap-invented $answers "code::SUCCESS if reply.has_value => unproven()" "code::SUCCESS if reply.has_value => Classification::done()"
claim ldap-no-row $answers "(code::UNAVAILABLE_CRITICAL_EXTENSION, _) => Classification::rejected(ErrorKind::Unsupported),
        _ => unproven()," "(code::UNAVAILABLE_CRITICAL_EXTENSION, _) => Classification::rejected(ErrorKind::Unsupported),
        _ => Classification::done(),"
claim ldap-unavailable $answers "code::BUSY => Classification::rejected(ErrorKind::ProviderFault)," "code::BUSY | code::UNAVAILABLE => Classification::rejected(ErrorKind::ProviderFault),"
claim ldap-operations-error $answers "(code::OPERATIONS_ERROR, Some(0x2020 | 0x4dc))" "(code::OPERATIONS_ERROR, _)"
claim ldap-marker-assumed $service "if guard.marks(&now.entry) == Some(true) {" "if guard.marks(&now.entry) != Some(false) {"
claim ldap-resend-bare $service "let sent = self.send(&rest, &mut session, before, change, Some(guard)).await;" "let sent = self.send(&rest, &mut session, before, change, None).await;"
claim ldap-not-stale $service "Some(false) if is_stale => Some(result)," "Some(false) => Some(result),"
claim ldap-stale-code $guard "code::NO_SUCH_ATTRIBUTE | code::ATTRIBUTE_OR_VALUE_EXISTS" "code::BUSY | code::NO_SUCH_ATTRIBUTE | code::ATTRIBUTE_OR_VALUE_EXISTS"
echo "$survivors survived"
[ "$survivors" -eq 0 ]
