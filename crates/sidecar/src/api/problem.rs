//! What did not go well, as RFC 9457 has it told.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use http::StatusCode;
use repass_domain::{Error, ErrorKind, Outcome, UnknownOutcome, Violation};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Answer, Retention};

/// Why a request did not do what it asked for, and whether it may have done it all the same.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Told {
    /// Where `code` is explained, on this sidecar.
    #[serde(rename = "type")]
    #[schema(example = "/docs#password_refused")]
    kind: String,
    /// What `code` means, in a few words.
    title: &'static str,
    /// The answer's status.
    #[schema(example = 422)]
    status: u16,
    /// What went wrong this time, in a sentence for a person. Not for programs.
    detail: String,
    /// What went wrong, for programs.
    #[schema(example = "password_refused")]
    code: &'static str,
    /// `not_applied`: the old password still holds. `unknown`: the new one may hold; settle it by the resolution. For
    /// a resolution it is always `unknown`, since a probe that was not made says nothing about the change.
    /// Absent where another request has the answer: that one under way with the same `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<super::call::Unsettled>)]
    effect: Option<Outcome>,
    /// Every rule that the new password breaks.
    #[schema(value_type = Vec<super::policy::BrokenRule>)]
    violations: Vec<Violation>,
    /// The provider's id of the exchange, for its support desk.
    tracking_id: Option<String>,
    /// What settles an unknown outcome: hand it to `resolutions` as `attempt`. There if `effect` is `unknown`, but for
    /// a resolution that was asked for without a handle that can be read. Holds nothing secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<Resolvable>,
    #[serde(skip)]
    retry_after: Option<Duration>,
    #[serde(skip)]
    retention: Retention,
}

/// What went wrong, one pointer wide.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Told>);

/// Where an unknown outcome is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemResolution)]
pub(crate) struct Resolvable {
    /// Where to post it.
    #[schema(example = "/v1/providers/zoom/resolutions")]
    href: String,
    /// What to post as `attempt`, beside the same user and passwords.
    attempt: String,
}

impl Problem {
    /// A request that was refused before anything was sent.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Told {
            kind: format!("/docs#{code}"),
            title: title(code),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            effect: Some(Outcome::NotApplied),
            violations: Vec::new(),
            tracking_id: None,
            resolution: None,
            retry_after: None,
            retention: Retention::None,
        }))
    }

    /// The same at a path: what keeps a resolution from being made says nothing about the change that it asks about.
    pub(crate) fn at(path: &str, status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let problem = Self::new(status, code, detail);
        let is_resolution = path.trim_end_matches('/').ends_with("/resolutions");
        if is_resolution {
            problem.unprobed(None)
        } else {
            problem
        }
    }

    /// What became of a call.
    pub(crate) fn of_call(error: &Error) -> Self {
        let status = status(error);
        let mut problem = Self::new(status, error.kind().as_str(), error.to_string());
        let told = &mut *problem.0;
        told.violations = error.violations().to_vec();
        told.tracking_id = error
            .provider_detail()
            .and_then(|detail| detail.tracking_id.clone());
        told.retention = match error.unknown_outcome() {
            Some(_) => Retention::Certain,
            // What the provider has answered comes with its words, or at least with the room for them.
            None if error.provider_detail().is_some() => Retention::Droppable,
            None => Retention::None,
        };
        told.retry_after = error.retry_after().or(match status {
            StatusCode::TOO_MANY_REQUESTS => Some(SOON),
            StatusCode::SERVICE_UNAVAILABLE => Some(LATER),
            _ => None,
        });
        match error.unknown_outcome() {
            Some(attempt) => problem.unknown(attempt),
            None => problem,
        }
    }

    /// The same, where the outcome of this attempt is not known.
    pub(crate) fn unknown(mut self, attempt: &UnknownOutcome) -> Self {
        self.0.status = StatusCode::CONFLICT.as_u16();
        self.unprobed(Some(attempt))
    }

    /// The same, where it kept a probe from being made: the outcome is as unknown as it was. With the handle that was
    /// posted, if one was.
    pub(crate) fn unprobed(mut self, attempt: Option<&UnknownOutcome>) -> Self {
        if self.0.effect.is_some() {
            self.0.effect = Some(Outcome::Unknown);
            self.0.resolution = attempt.map(|attempt| Resolvable {
                href: format!("/v1/providers/{}/resolutions", attempt.provider()),
                attempt: handle(attempt),
            });
        }
        self
    }

    /// The same, where it is not this request that has the outcome.
    pub(crate) fn told_elsewhere(mut self) -> Self {
        self.0.effect = None;
        self
    }

    /// The same, to be tried again after this long.
    pub(crate) fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    pub(crate) fn answer(&self) -> Answer {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer::problem(status, &self.0, self.0.retry_after).kept(self.0.retention)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.answer().into_response()
    }
}

// When the provider does not say. Whoever comes back too early is only refused again.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);

/// The status of a call that failed. An unknown outcome comes before whatever its kind says: no proxy sends a
/// request again that was answered 409.
fn status(error: &Error) -> StatusCode {
    if error.outcome() == Outcome::Unknown {
        return StatusCode::CONFLICT;
    }
    match error.kind() {
        ErrorKind::InvalidRequest => StatusCode::BAD_REQUEST,
        ErrorKind::PasswordRefused | ErrorKind::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::WrongCurrentPassword | ErrorKind::LockedOut | ErrorKind::NotEligible => {
            StatusCode::FORBIDDEN
        }
        ErrorKind::UserNotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unauthenticated | ErrorKind::PermissionDenied | ErrorKind::Misconfigured => {
            StatusCode::BAD_GATEWAY
        }
        ErrorKind::Unreachable
        | ErrorKind::BudgetExhausted
        | ErrorKind::ConnectionLost
        | ErrorKind::TimedOut
        | ErrorKind::ProviderFault
        | ErrorKind::UnexpectedAnswer => StatusCode::SERVICE_UNAVAILABLE,
        // New kinds get their status here; until then they are ours to explain.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An attempt as one word.
fn handle(attempt: &UnknownOutcome) -> String {
    Base64UrlUnpadded::encode_string(&serde_json::to_vec(attempt).unwrap_or_default())
}

/// The attempt behind such a word.
pub(super) fn attempt(handle: &str) -> Option<UnknownOutcome> {
    let json = Base64UrlUnpadded::decode_vec(handle).ok()?;
    // By way of `Value`, whose numbers are checked before they become a time.
    serde_json::from_value(serde_json::from_slice::<Value>(&json).ok()?).ok()
}

fn title(code: &str) -> &'static str {
    let known = CODES.iter().find(|(known, ..)| *known == code);
    known.map_or("Something that should not happen", |(_, _, title)| title)
}

/// Every code with its statuses and what it means.
pub(crate) const CODES: [(&str, &str, &str); 35] = [
    (
        "password_refused",
        "422",
        "The new password breaks the rules in `violations`",
    ),
    (
        "wrong_current_password",
        "403",
        "The current password is not the valid one",
    ),
    (
        "locked_out",
        "403",
        "The account is locked after too many wrong passwords",
    ),
    (
        "not_eligible",
        "403",
        "This user's password cannot be set at this provider",
    ),
    ("user_not_found", "404", "The provider knows no such user"),
    (
        "unsupported",
        "422",
        "The provider cannot do this at all; see its capabilities",
    ),
    (
        "invalid_request",
        "400",
        "The request cannot be understood, or not be made at this provider",
    ),
    (
        "conflict",
        "409",
        "Somebody else changed the account at the same moment, and won",
    ),
    (
        "rate_limited",
        "429, or 409 if unknown",
        "The provider's rate limit",
    ),
    (
        "unauthenticated",
        "502",
        "The provider does not take the sidecar's credentials",
    ),
    (
        "permission_denied",
        "502",
        "The sidecar's credentials may not do this at the provider",
    ),
    (
        "misconfigured",
        "502",
        "What answers at the configured address is not the provider",
    ),
    ("unreachable", "503", "No connection to the provider"),
    (
        "budget_exhausted",
        "503",
        "The time was gone before anything was sent",
    ),
    (
        "connection_lost",
        "409, or 503 if not applied",
        "The connection to the provider broke",
    ),
    (
        "timed_out",
        "409, or 503 if not applied",
        "No answer of the provider's in time",
    ),
    (
        "provider_fault",
        "409, or 503 if not applied",
        "The provider failed inside",
    ),
    (
        "unexpected_answer",
        "409, or 503 if not applied",
        "The provider answered what cannot be read",
    ),
    ("internal", "500, or 409 if unknown", "A defect of repass"),
    (
        "idempotency_in_progress",
        "409",
        "The request with this Idempotency-Key is not answered yet",
    ),
    (
        "idempotency_mismatch",
        "422",
        "This Idempotency-Key was used for another request",
    ),
    (
        "idempotency_full",
        "503",
        "As many answers are kept under Idempotency-Keys as there may be; nothing was sent",
    ),
    (
        "overloaded",
        "503",
        "The sidecar has as many calls under way as it may; nothing was sent",
    ),
    (
        "shutting_down",
        "503",
        "The sidecar is about to end; nothing was sent",
    ),
    (
        "not_authenticated",
        "401",
        "The sidecar's token is missing or wrong",
    ),
    (
        "host_not_allowed",
        "403",
        "The request's `Host` is not one of this machine's or of those given by `--allow-host`",
    ),
    (
        "origin_not_allowed",
        "403",
        "The request comes from a web page of another site",
    ),
    (
        "provider_not_found",
        "404",
        "The sidecar has no provider of this name",
    ),
    ("not_found", "404", "There is no such path"),
    ("method_not_allowed", "405", "This path does not take this method"),
    (
        "request_timeout",
        "408",
        "The request's body did not come in time",
    ),
    (
        "length_required",
        "411",
        "The request has a body and no Content-Length",
    ),
    ("body_too_large", "413", "The request's body is too large"),
    ("unsupported_media_type", "415", "The request's body is not JSON"),
    ("no_metrics", "404", "The sidecar keeps no metrics"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_status_and_its_explanation() {
        let statuses: Vec<(&str, u16)> = ErrorKind::ALL
            .iter()
            .map(|kind| {
                (
                    kind.as_str(),
                    Problem::of_call(&Error::not_applied(*kind, "x")).0.status,
                )
            })
            .collect();
        assert_eq!(
            statuses,
            [
                ("invalid_request", 400),
                ("unsupported", 422),
                ("password_refused", 422),
                ("wrong_current_password", 403),
                ("locked_out", 403),
                ("not_eligible", 403),
                ("user_not_found", 404),
                ("unauthenticated", 502),
                ("permission_denied", 502),
                ("rate_limited", 429),
                ("conflict", 409),
                ("misconfigured", 502),
                ("unreachable", 503),
                ("budget_exhausted", 503),
                ("connection_lost", 503),
                ("timed_out", 503),
                ("provider_fault", 503),
                ("unexpected_answer", 503),
                ("internal", 500),
            ]
        );
        for (code, status) in statuses {
            let explained = CODES.iter().find(|(known, ..)| *known == code);
            let explained = explained.unwrap_or_else(|| panic!("{code} is not explained"));
            assert!(explained.1.contains(&status.to_string()), "{code}");
        }
    }

    #[test]
    fn an_unknown_outcome_is_409_whatever_its_kind() {
        for kind in ErrorKind::ALL {
            let problem = Problem::of_call(&Error::unknown(kind, "x", UnknownOutcome::new("zoom"))).0;
            assert_eq!(
                (problem.status, problem.effect),
                (409, Some(Outcome::Unknown)),
                "{kind}"
            );
            assert_eq!(problem.resolution.unwrap().href, "/v1/providers/zoom/resolutions");
        }
    }

    #[test]
    fn a_handle_reads_back_and_nothing_else_does() {
        let lost = UnknownOutcome::new("zoom");
        assert_eq!(attempt(&handle(&lost)), Some(lost));
        let huge = r#"{"id":"00000000-0000-4000-8000-000000000000","provider":"zoom","at":{"secs_since_epoch":18446744073709551615,"nanos_since_epoch":4294967295}}"#;
        let huge = Base64UrlUnpadded::encode_string(huge.as_bytes());
        for other in ["", "x", "e30", "bm8", "äö", huge.as_str()] {
            assert_eq!(attempt(other), None, "{other}");
        }
    }
}
