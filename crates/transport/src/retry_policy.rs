//! Did it happen, and may it be sent again? The one table from which code, documentation and
//! tests take the response.

use http::StatusCode;

use crate::{Idempotency, Response};

/// How one attempt to send a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// The request failed before the first byte could leave: bad input, no budget, no token, no connection.
    NotSent,
    /// The connection or response was lost after the first byte may have left.
    Lost,
    /// The provider's response says that it acted on the request.
    Done,
    /// The status of a success whose proof is in the body, and the body was cut.
    SuccessCut,
    /// The gateway rejected the token.
    TokenRejected,
    /// The provider does not accept the body's encoding.
    EncodingRefused,
    /// The gateway refused the request by its rate limit.
    RateLimited,
    /// Proof of a refusal: the provider said no in its own documented format, or HTTP defines the
    /// status as not processed.
    Refused,
    /// A response that proves nothing: a status by which HTTP does not say what became of the request,
    /// in a body that is not the provider's. A firewall, a proxy or a sorry page may have written it
    /// after the provider acted.
    Unproven,
    /// The provider failed inside, or its response cannot be read.
    Faulted,
}

/// Whether the provider acted on the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SideEffect {
    /// The provider certainly did not act.
    None,
    /// The provider may have acted.
    Possible,
    /// The provider certainly acted.
    Certain,
}

/// Whether and when the same request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryAction {
    /// Never sent again.
    Never,
    /// Sent again after a back-off, within budget and rate limit.
    AfterBackoff,
    /// Sent again when the server says, if that is within the budget.
    WhenServerSays,
    /// Sent again at once with a fresh token; where that is rejected too, a few more times with pauses.
    OnceWithFreshToken,
    /// Sent again once, in the provider's other encoding: the adapter's part.
    OnceInOtherEncoding,
}

impl AttemptOutcome {
    /// Every way in which an attempt can end, in the order of the variants.
    pub const ALL: [Self; 10] = [
        Self::NotSent,
        Self::Lost,
        Self::Done,
        Self::SuccessCut,
        Self::TokenRejected,
        Self::EncodingRefused,
        Self::RateLimited,
        Self::Refused,
        Self::Unproven,
        Self::Faulted,
    ];

    /// Whether the provider acted on a request whose attempt ended like this.
    pub const fn side_effect(self) -> SideEffect {
        match self {
            Self::NotSent
            | Self::TokenRejected
            | Self::EncodingRefused
            | Self::RateLimited
            | Self::Refused => SideEffect::None,
            Self::Lost | Self::SuccessCut | Self::Unproven | Self::Faulted => SideEffect::Possible,
            Self::Done => SideEffect::Certain,
        }
    }

    /// Whether and when a request of this idempotency may be sent again after this outcome. One that is not
    /// idempotent is retried only when it certainly had no side effect; one that is, also when its response was lost.
    pub const fn retry_action(self, idempotency: Idempotency) -> RetryAction {
        match (self, idempotency) {
            (Self::NotSent, _) | (Self::Lost | Self::SuccessCut | Self::Faulted, Idempotency::Idempotent) => {
                RetryAction::AfterBackoff
            }
            (Self::TokenRejected, _) => RetryAction::OnceWithFreshToken,
            (Self::EncodingRefused, _) => RetryAction::OnceInOtherEncoding,
            (Self::RateLimited, _) => RetryAction::WhenServerSays,
            _ => RetryAction::Never,
        }
    }

    /// Reads from a response how the attempt ended by HTTP alone (RFC 9110, RFC 6585). Adapters start from it and say
    /// otherwise only where their provider documents it, under the status with which it does.
    ///
    /// Only 200 and 204 are successes: 202 promises nothing, and the others belong to requests that
    /// are not made here. A refusal is proven by a status that HTTP defines as not processed: one that
    /// objects to the request's form or target (404, 405, 406, 411, 413, 414, 415, 417, 421, 426, 428,
    /// 431), asks for credentials (401 with a challenge), limits the rate (429), or sends the same
    /// request elsewhere (301, 307, 308). 302 and 303 may follow a request that was acted on, and 400,
    /// 403, 409 and 422 are what firewalls and frameworks write for many reasons: they prove nothing
    /// until the provider's own format does.
    pub fn of_response(response: &Response) -> Self {
        match response.status() {
            // No body is to come, so none can be missing.
            StatusCode::NO_CONTENT => Self::Done,
            StatusCode::OK if response.is_complete() => Self::Done,
            status if status.is_success() && !response.is_complete() => Self::SuccessCut,
            StatusCode::UNAUTHORIZED if response.header("www-authenticate").is_some() => Self::TokenRejected,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::EncodingRefused,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::LENGTH_REQUIRED
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::URI_TOO_LONG
            | StatusCode::EXPECTATION_FAILED
            | StatusCode::MISDIRECTED_REQUEST
            | StatusCode::UPGRADE_REQUIRED
            | StatusCode::PRECONDITION_REQUIRED
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::Refused,
            StatusCode::REQUEST_TIMEOUT => Self::Faulted,
            status if status.is_server_error() => Self::Faulted,
            _ => Self::Unproven,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_idempotent_request_is_retried_only_without_side_effect() {
        for outcome in AttemptOutcome::ALL {
            let action = outcome.retry_action(Idempotency::NonIdempotent);
            assert!(
                outcome.side_effect() == SideEffect::None || action == RetryAction::Never,
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn attempt_outcome_follows_the_status() {
        let seen =
            |status: u16| AttemptOutcome::of_response(&Response::new(StatusCode::from_u16(status).unwrap()));
        for (statuses, outcome) in [
            (&[200, 204][..], AttemptOutcome::Done),
            (
                &[
                    301, 307, 308, 404, 405, 406, 411, 413, 414, 417, 421, 426, 428, 431,
                ],
                AttemptOutcome::Refused,
            ),
            (
                &[
                    201, 202, 203, 205, 206, 207, 300, 302, 303, 304, 305, 400, 401, 402, 403, 407, 409, 410,
                    412, 416, 418, 422, 423, 424, 425, 451, 499, 600, 999,
                ],
                AttemptOutcome::Unproven,
            ),
            (&[415], AttemptOutcome::EncodingRefused),
            (&[429], AttemptOutcome::RateLimited),
            (&[408, 500, 501, 502, 503, 504, 520, 599], AttemptOutcome::Faulted),
        ] {
            for status in statuses {
                assert_eq!(seen(*status), outcome, "{status}");
            }
        }
        let challenge = Response::new(StatusCode::UNAUTHORIZED)
            .with_header("www-authenticate", "Bearer error=\"invalid_token\"");
        assert_eq!(
            AttemptOutcome::of_response(&challenge),
            AttemptOutcome::TokenRejected
        );
        assert_eq!(
            AttemptOutcome::of_response(&Response::new(StatusCode::OK).cut()),
            AttemptOutcome::SuccessCut
        );
        assert_eq!(
            AttemptOutcome::of_response(&Response::new(StatusCode::NO_CONTENT).cut()),
            AttemptOutcome::Done
        );
    }
}
