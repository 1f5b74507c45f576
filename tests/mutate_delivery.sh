#!/usr/bin/env bash
# usage: mutate_delivery.sh [ROW]...
# Mutates each row of the delivery table (or these rows), one at a time and in a copy, and expects the
# campaigns to notice. Prints a line for each; exits 1 if a mutant survives. Takes some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git archive HEAD | tar -x -C "$copy"
table=crates/transport/src/delivery.rs
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$copy/target}
survivors=0
rows=("$@")

campaign() { (cd "$copy" && cargo run --quiet -p xtask -- simulate --seeds 10 --sockets 200); }

campaign >"$copy/log" 2>&1 || { cat "$copy/log"; echo "the campaign fails without a mutation"; exit 2; }

mutant() { # row, from, to
    if [ ${#rows[@]} -gt 0 ] && [[ " ${rows[*]} " != *" $1 "* ]]; then return; fi
    cp "$table" "$copy/$table"
    FROM=$2 TO=$3 perl -0pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/' "$copy/$table"
    if cmp -s "$table" "$copy/$table"; then echo "NOT APPLIED $1"; survivors=$((survivors + 1)); return; fi
    if campaign >"$copy/log" 2>&1; then
        echo "survived    $1: $3"
        survivors=$((survivors + 1))
    elif grep -q "broken laws *[1-9]" "$copy/log"; then
        echo "caught      $1: $3: $(grep -A1 "broken laws *[1-9]" "$copy/log" | sed -n '2s/.*\(seed [0-9]*: \)\?\([a-z][^:]*\): .*/\2/p' | cut -c1-60)"
    else
        cat "$copy/log"; echo "NO VERDICT  $1"; survivors=$((survivors + 1))
    fi
    cp "$table" "$copy/$table"
}

mutant not-sent "Self::Declined => (Acted::No, Resend::AfterBackoff)" "Self::Declined => (Acted::Maybe, Resend::Never)"
mutant not-sent "Self::Declined => (Acted::No, Resend::AfterBackoff)" "Self::Declined => (Acted::No, Resend::Never)"
in_doubt="Self::Lost | Self::SuccessCut | Self::Unproven | Self::Faulted => (Acted::Maybe, Resend::Never)"
mutant lost "$in_doubt" "Self::Lost => (Acted::No, Resend::Never), Self::SuccessCut | Self::Unproven | Self::Faulted => (Acted::Maybe, Resend::Never)"
mutant lost "$in_doubt" "Self::Lost => (Acted::Maybe, Resend::AfterBackoff), Self::SuccessCut | Self::Unproven | Self::Faulted => (Acted::Maybe, Resend::Never)"
mutant success-cut "$in_doubt" "Self::SuccessCut => (Acted::No, Resend::Never), Self::Lost | Self::Unproven | Self::Faulted => (Acted::Maybe, Resend::Never)"
mutant success-cut "$in_doubt" "Self::SuccessCut => (Acted::Maybe, Resend::AfterBackoff), Self::Lost | Self::Unproven | Self::Faulted => (Acted::Maybe, Resend::Never)"
mutant unproven "$in_doubt" "Self::Unproven => (Acted::No, Resend::Never), Self::Lost | Self::SuccessCut | Self::Faulted => (Acted::Maybe, Resend::Never)"
mutant unproven "$in_doubt" "Self::Unproven => (Acted::Maybe, Resend::AfterBackoff), Self::Lost | Self::SuccessCut | Self::Faulted => (Acted::Maybe, Resend::Never)"
mutant faulted "$in_doubt" "Self::Faulted => (Acted::No, Resend::Never), Self::Lost | Self::SuccessCut | Self::Unproven => (Acted::Maybe, Resend::Never)"
mutant faulted "$in_doubt" "Self::Faulted => (Acted::Maybe, Resend::AfterBackoff), Self::Lost | Self::SuccessCut | Self::Unproven => (Acted::Maybe, Resend::Never)"
mutant done "Self::Done => (Acted::Yes, Resend::Never)" "Self::Done => (Acted::Maybe, Resend::Never)"
mutant done "Self::Done => (Acted::Yes, Resend::Never)" "Self::Done => (Acted::No, Resend::Never)"
mutant done "Self::Done => (Acted::Yes, Resend::Never)" "Self::Done => (Acted::Yes, Resend::AfterBackoff)"
mutant token-rejected "Self::TokenRejected => (Acted::No, Resend::OnceWithFreshToken)" "Self::TokenRejected => (Acted::Maybe, Resend::OnceWithFreshToken)"
mutant token-rejected "Self::TokenRejected => (Acted::No, Resend::OnceWithFreshToken)" "Self::TokenRejected => (Acted::No, Resend::Never)"
mutant encoding-refused "Self::EncodingRefused => (Acted::No, Resend::OnceInOtherEncoding)" "Self::EncodingRefused => (Acted::No, Resend::Never)"
mutant encoding-refused "Self::EncodingRefused => (Acted::No, Resend::OnceInOtherEncoding)" "Self::EncodingRefused => (Acted::No, Resend::AfterBackoff)"
mutant rate-limited "Self::RateLimited => (Acted::No, Resend::WhenServerSays)" "Self::RateLimited => (Acted::Maybe, Resend::WhenServerSays)"
mutant rate-limited "Self::RateLimited => (Acted::No, Resend::WhenServerSays)" "Self::RateLimited => (Acted::No, Resend::Never)"
mutant refused "Self::Refused => (Acted::No, Resend::Never)" "Self::Refused => (Acted::Maybe, Resend::Never)"
mutant refused "Self::Refused => (Acted::No, Resend::Never)" "Self::Refused => (Acted::Yes, Resend::Never)"
mutant refused "Self::Refused => (Acted::No, Resend::Never)" "Self::Refused => (Acted::No, Resend::AfterBackoff)"
challenge='StatusCode::UNAUTHORIZED if answer.header("www-authenticate").is_some() => Self::TokenRejected'
mutant status-401 "$challenge" "StatusCode::UNAUTHORIZED => Self::TokenRejected"
mutant status-401 "$challenge" "StatusCode::UNAUTHORIZED => Self::Faulted"
mutant status-429 "StatusCode::TOO_MANY_REQUESTS => Self::RateLimited" "StatusCode::TOO_MANY_REQUESTS => Self::Refused"
mutant status-415 "StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::EncodingRefused" "StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::Faulted"
mutant status-202 "StatusCode::OK if answer.is_complete()" "StatusCode::OK | StatusCode::ACCEPTED if answer.is_complete()"
# What HTTP does not define as not processed is no proof, and what it does is.
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
