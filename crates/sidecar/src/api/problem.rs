//! Problem bodies (RFC 9457), and the table of their codes.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use http::StatusCode;
use repass_domain::{Error, Outcome, UnknownOutcome, Violation};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{ApiResponse, Retention};

/// Why a request failed, and whether the change may have been applied all the same.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Where `code` is documented, on this sidecar.
    #[serde(rename = "type")]
    #[schema(example = "/docs#password_refused")]
    kind: String,
    /// What `code` means, in a few words.
    title: &'static str,
    /// The status of the response.
    #[schema(example = 422)]
    status: u16,
    /// What went wrong this time, in a sentence for people. Not for programs.
    detail: String,
    /// What went wrong, for programs.
    #[schema(example = "password_refused")]
    code: &'static str,
    /// `not_applied`: the old password still works. `unknown`: the new one may work; resolve it with `resolution`. A
    /// problem of a resolution is always `unknown`, since a probe that was not made says nothing about the change.
    /// Absent where another request has the outcome: the one in flight with the same `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<super::call::ProblemEffect>)]
    effect: Option<Outcome>,
    /// Every rule that the new password violates.
    #[schema(value_type = Vec<super::policy::PolicyViolationSchema>)]
    violations: Vec<Violation>,
    /// The provider's id of the exchange, for its support desk.
    tracking_id: Option<String>,
    /// How to resolve an unknown outcome: pass it to `resolutions` as `attempt`. Present if `effect` is `unknown`, except
    /// for a resolution that was requested without a readable handle. Contains no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<ProblemResolution>,
    #[serde(skip)]
    retry_after: Option<Duration>,
    #[serde(skip)]
    retention: Retention,
}

/// A problem, one pointer wide.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<ProblemBody>);

/// Where an unknown outcome is resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ProblemResolution {
    /// Where to post it.
    #[schema(example = "/v1/providers/zoom/resolutions")]
    href: String,
    /// What to post as `attempt`, with the same user and passwords.
    attempt: String,
}

impl Problem {
    /// A request that was rejected before anything was sent. The status is that of the code in [`CODES`].
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let known = CODES.iter().find(|known| known.code == code);
        let status = known.map_or(StatusCode::INTERNAL_SERVER_ERROR, |known| known.status);
        Self(Box::new(ProblemBody {
            kind: format!("/docs#{code}"),
            title: known.map_or("An internal error", |known| known.title),
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

    /// The same at a path: an error that prevents a resolution says nothing about the change it asks about.
    pub(crate) fn at(path: &str, code: &'static str, detail: impl Into<String>) -> Self {
        let problem = Self::new(code, detail);
        let is_resolution = path.trim_end_matches('/').ends_with("/resolutions");
        if is_resolution {
            problem.not_probed(None)
        } else {
            problem
        }
    }

    /// The problem of a call that failed. An unknown outcome is 409 whatever its kind: proxies do not retry 409.
    pub(crate) fn of_call(error: &Error) -> Self {
        let mut problem = Self::new(error.kind().as_str(), error.to_string());
        let body = &mut *problem.0;
        body.violations = error.violations().to_vec();
        body.tracking_id = error
            .provider_detail()
            .and_then(|detail| detail.tracking_id.clone());
        body.retention = match error.unknown_outcome() {
            Some(_) => Retention::Keep,
            // An error from the provider's response carries its detail, even if that is empty.
            None if error.provider_detail().is_some() => Retention::Evictable,
            None => Retention::None,
        };
        if let Some(attempt) = error.unknown_outcome() {
            problem = problem.unknown(attempt);
        }
        let body = &mut *problem.0;
        body.retry_after = error.retry_after().or(match body.status {
            429 => Some(RETRY_RATE_LIMITED),
            503 => Some(RETRY_UNAVAILABLE),
            _ => None,
        });
        problem
    }

    /// The same, where the outcome of this attempt is unknown.
    pub(crate) fn unknown(mut self, attempt: &UnknownOutcome) -> Self {
        self.0.status = StatusCode::CONFLICT.as_u16();
        self.not_probed(Some(attempt))
    }

    /// The same, where it prevented a probe: the outcome is as unknown as it was. With the handle that was posted, if
    /// there was one.
    pub(crate) fn not_probed(mut self, attempt: Option<&UnknownOutcome>) -> Self {
        if self.0.effect.is_some() {
            self.0.effect = Some(Outcome::Unknown);
            self.0.resolution = attempt.map(|attempt| ProblemResolution {
                href: format!("/v1/providers/{}/resolutions", attempt.provider()),
                attempt: encode_handle(attempt),
            });
        }
        self
    }

    /// The same without `effect`, where another request has the outcome.
    pub(crate) fn without_effect(mut self) -> Self {
        self.0.effect = None;
        self
    }

    /// The same, to be retried after this delay.
    pub(crate) fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    pub(crate) fn response(&self) -> ApiResponse {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        ApiResponse::problem(status, &self.0, self.0.retry_after).with_retention(self.0.retention)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response().into_response()
    }
}

// Where the provider sends no `Retry-After`.
const RETRY_RATE_LIMITED: Duration = Duration::from_secs(1);
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(5);

/// The handle of an unknown outcome.
fn encode_handle(attempt: &UnknownOutcome) -> String {
    Base64UrlUnpadded::encode_string(&serde_json::to_vec(attempt).unwrap_or_default())
}

/// The unknown outcome that a handle stands for.
pub(super) fn decode_handle(handle: &str) -> Option<UnknownOutcome> {
    let json = Base64UrlUnpadded::decode_vec(handle).ok()?;
    // By way of `Value`, whose numbers are checked before they become a time.
    serde_json::from_value(serde_json::from_slice::<Value>(&json).ok()?).ok()
}

/// A code of problems.
pub(crate) struct ProblemCode {
    pub(crate) code: &'static str,
    /// The status where the change was not applied.
    pub(crate) status: StatusCode,
    /// Whether a change can end with this code and an unknown outcome, which is 409.
    may_be_unknown: bool,
    pub(crate) title: &'static str,
}

impl ProblemCode {
    /// The statuses of this code, for people.
    pub(crate) fn statuses(&self) -> String {
        let status = self.status.as_str();
        if self.may_be_unknown {
            format!("{status}, or 409 if unknown")
        } else {
            status.to_owned()
        }
    }
}

const fn always(status: StatusCode, code: &'static str, title: &'static str) -> ProblemCode {
    ProblemCode {
        code,
        status,
        may_be_unknown: false,
        title,
    }
}

const fn or_unknown(status: StatusCode, code: &'static str, title: &'static str) -> ProblemCode {
    ProblemCode {
        may_be_unknown: true,
        ..always(status, code, title)
    }
}

/// Every code, its status and its meaning. The only place that assigns statuses.
pub(crate) const CODES: [ProblemCode; 37] = [
    always(
        StatusCode::UNPROCESSABLE_ENTITY,
        "password_refused",
        "The new password violates the rules in `violations`",
    ),
    always(
        StatusCode::FORBIDDEN,
        "wrong_current_password",
        "The current password is wrong",
    ),
    always(
        StatusCode::FORBIDDEN,
        "locked_out",
        "The account is locked after too many wrong passwords",
    ),
    always(
        StatusCode::FORBIDDEN,
        "not_eligible",
        "This user's password cannot be set at this provider",
    ),
    always(
        StatusCode::NOT_FOUND,
        "user_not_found",
        "The provider has no such user",
    ),
    always(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unsupported",
        "The provider does not support this; see its capabilities",
    ),
    always(
        StatusCode::BAD_REQUEST,
        "invalid_request",
        "The request is malformed, or cannot be made at this provider",
    ),
    always(
        StatusCode::CONFLICT,
        "conflict",
        "Another change of the account at the same moment took precedence",
    ),
    or_unknown(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "The provider's rate limit is reached",
    ),
    always(
        StatusCode::BAD_GATEWAY,
        "unauthenticated",
        "The provider rejected the sidecar's credentials",
    ),
    always(
        StatusCode::BAD_GATEWAY,
        "permission_denied",
        "The sidecar's credentials lack a permission at the provider",
    ),
    always(
        StatusCode::BAD_GATEWAY,
        "misconfigured",
        "The server at the configured address is not the provider",
    ),
    always(
        StatusCode::SERVICE_UNAVAILABLE,
        "unreachable",
        "No connection to the provider",
    ),
    always(
        StatusCode::SERVICE_UNAVAILABLE,
        "budget_exhausted",
        "The deadline passed before anything was sent",
    ),
    or_unknown(
        StatusCode::SERVICE_UNAVAILABLE,
        "connection_lost",
        "The connection to the provider was lost",
    ),
    or_unknown(
        StatusCode::SERVICE_UNAVAILABLE,
        "timed_out",
        "The provider did not respond in time",
    ),
    or_unknown(
        StatusCode::SERVICE_UNAVAILABLE,
        "provider_fault",
        "The provider failed with an internal error",
    ),
    or_unknown(
        StatusCode::SERVICE_UNAVAILABLE,
        "unexpected_answer",
        "The provider's response cannot be interpreted",
    ),
    or_unknown(StatusCode::INTERNAL_SERVER_ERROR, "internal", "A bug in repass"),
    always(
        StatusCode::CONFLICT,
        "idempotency_in_progress",
        "The request with this Idempotency-Key is still in flight",
    ),
    always(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_mismatch",
        "This Idempotency-Key was used for another request",
    ),
    always(
        StatusCode::SERVICE_UNAVAILABLE,
        "idempotency_full",
        "The sidecar keeps as many responses for Idempotency-Keys as it can; nothing was sent",
    ),
    always(
        StatusCode::SERVICE_UNAVAILABLE,
        "idempotency_unavailable",
        "The store of Idempotency-Keys cannot be reached; nothing was sent",
    ),
    always(
        StatusCode::CONFLICT,
        "idempotency_lost",
        "The sidecar that worked on this request ended before the outcome was stored",
    ),
    always(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "The sidecar has reached its limit of calls in flight; nothing was sent",
    ),
    always(
        StatusCode::SERVICE_UNAVAILABLE,
        "shutting_down",
        "The sidecar is shutting down; nothing was sent",
    ),
    always(
        StatusCode::UNAUTHORIZED,
        "not_authenticated",
        "The sidecar's token is missing or wrong",
    ),
    always(
        StatusCode::FORBIDDEN,
        "host_not_allowed",
        "The request's `Host` is neither local nor allowed by `--allow-host`",
    ),
    always(
        StatusCode::FORBIDDEN,
        "origin_not_allowed",
        "The request comes from a web page of another site",
    ),
    always(
        StatusCode::NOT_FOUND,
        "provider_not_found",
        "The sidecar has no provider of this name",
    ),
    always(StatusCode::NOT_FOUND, "not_found", "The path does not exist"),
    always(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "The path does not support this method",
    ),
    always(
        StatusCode::REQUEST_TIMEOUT,
        "request_timeout",
        "The request's body did not arrive in time",
    ),
    always(
        StatusCode::LENGTH_REQUIRED,
        "length_required",
        "The request has a body and no Content-Length",
    ),
    always(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "The request's body is too large",
    ),
    always(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "The request's body is not JSON",
    ),
    always(
        StatusCode::NOT_FOUND,
        "no_metrics",
        "The sidecar was started without metrics",
    ),
];

#[cfg(test)]
mod tests {
    use repass_domain::{ErrorKind, Rule};

    use super::*;

    #[test]
    fn problem_of_each_error_kind_has_its_status() {
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
    }

    #[test]
    fn problem_with_unknown_outcome_is_409_for_every_kind() {
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
    fn handle_decodes_only_what_was_encoded() {
        let lost = UnknownOutcome::new("zoom");
        assert_eq!(decode_handle(&encode_handle(&lost)), Some(lost));
        let huge = r#"{"id":"00000000-0000-4000-8000-000000000000","provider":"zoom","at":{"secs_since_epoch":18446744073709551615,"nanos_since_epoch":4294967295}}"#;
        let huge = Base64UrlUnpadded::encode_string(huge.as_bytes());
        for other in ["", "x", "e30", "bm8", "äö", huge.as_str()] {
            assert_eq!(decode_handle(other), None, "{other}");
        }
    }

    #[test]
    fn problem_bodies_match_their_snapshot() {
        let mut bodies: Vec<Problem> = CODES
            .iter()
            .map(|known| Problem::new(known.code, "detail"))
            .collect();
        let violation = Violation::of_provider(Rule::MinLength(8));
        bodies.push(Problem::of_call(&Error::refused(vec![violation])));
        let lost = UnknownOutcome::new("zoom");
        let unknown = Problem::of_call(&Error::unknown(ErrorKind::TimedOut, "no response", lost.clone()));
        bodies.push(unknown);
        bodies.push(Problem::new("idempotency_in_progress", "detail").without_effect());
        let lines: Vec<String> = bodies
            .iter()
            .map(|problem| serde_json::to_string(&problem.0).unwrap())
            .collect();
        let text = lines.join("\n").replace(&encode_handle(&lost), "HANDLE");
        insta::assert_snapshot!(text);
    }
}
