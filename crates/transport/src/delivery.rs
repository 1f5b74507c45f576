//! Did it happen, and may it be sent again? The one table from which code, documentation and
//! tests take the answer.

use http::StatusCode;

use crate::{Answer, Replay};

/// What was observed of one sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Observed {
    /// It failed before the first byte could leave: bad input, no budget, no token, no connection.
    NotSent,
    /// The peer said at protocol level that it did not process it (HTTP/2 `REFUSED_STREAM`, or
    /// `GOAWAY` below our stream).
    Declined,
    /// Anything broke once the first byte may have left.
    Lost,
    /// The provider said that it did it.
    Done,
    /// A status that promises an answer in the body, and the body was cut.
    SuccessCut,
    /// The gateway does not take the token.
    TokenRejected,
    /// The provider does not take the body's encoding.
    EncodingRefused,
    /// The gateway's rate limit.
    RateLimited,
    /// Proof of a refusal: the provider said no in its own documented format, or HTTP defines the
    /// status as not processed.
    Refused,
    /// An answer that proves nothing: a status by which HTTP does not say what became of the request,
    /// in a body that is not the provider's. A firewall, a proxy or a sorry page may have written it
    /// after the provider acted.
    Unproven,
    /// The provider failed inside, or its answer cannot be read.
    Faulted,
}

/// Whether the provider acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Acted {
    /// Certainly not.
    No,
    /// It cannot be told.
    Maybe,
    /// Certainly.
    Yes,
}

/// When the same request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resend {
    /// Never.
    Never,
    /// Within budget and quota, after a back-off.
    AfterBackoff,
    /// When the server says, if that is within the budget.
    WhenServerSays,
    /// With a fresh token, at once; where that is rejected too, a few more times with pauses.
    OnceWithFreshToken,
    /// Once, in the provider's other encoding: the adapter's part.
    OnceInOtherEncoding,
}

impl Observed {
    /// Every observation.
    pub const ALL: [Self; 11] = [
        Self::NotSent,
        Self::Declined,
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

    /// The row for a request that may be sent again only if it was not acted on.
    pub const fn row(self) -> (Acted, Resend) {
        match self {
            Self::NotSent | Self::Declined => (Acted::No, Resend::AfterBackoff),
            Self::Lost | Self::SuccessCut | Self::Unproven | Self::Faulted => (Acted::Maybe, Resend::Never),
            Self::Done => (Acted::Yes, Resend::Never),
            Self::TokenRejected => (Acted::No, Resend::OnceWithFreshToken),
            Self::EncodingRefused => (Acted::No, Resend::OnceInOtherEncoding),
            Self::RateLimited => (Acted::No, Resend::WhenServerSays),
            Self::Refused => (Acted::No, Resend::Never),
        }
    }

    /// The row for a request that was declared like this. A second sending of a convergent request
    /// leads to the same state, so it may follow whatever is not an answer.
    pub const fn row_of(self, replay: Replay) -> (Acted, Resend) {
        match (replay, self) {
            (Replay::Convergent, Self::Lost | Self::SuccessCut | Self::Faulted) => {
                (Acted::Maybe, Resend::AfterBackoff)
            }
            _ => self.row(),
        }
    }

    /// What an answer proves by HTTP alone (RFC 9110, RFC 6585). Adapters start from it and say
    /// otherwise only where their provider documents it, under the status with which it does.
    ///
    /// Only 200 and 204 are successes: 202 promises nothing, and the others belong to requests that
    /// are not made here. A refusal is proven by a status that HTTP defines as not processed: one that
    /// objects to the request's form or target (404, 405, 406, 411, 413, 414, 415, 417, 421, 426, 428,
    /// 431), asks for credentials (401 with a challenge), limits the rate (429), or sends the same
    /// request elsewhere (301, 307, 308). 302 and 303 may follow a request that was acted on, and 400,
    /// 403, 409 and 422 are what firewalls and frameworks write for many reasons: they prove nothing
    /// until the provider's own format does.
    pub fn of_answer(answer: &Answer) -> Self {
        match answer.status() {
            // No body is to come, so none can be missing.
            StatusCode::NO_CONTENT => Self::Done,
            StatusCode::OK if answer.is_complete() => Self::Done,
            status if status.is_success() && !answer.is_complete() => Self::SuccessCut,
            StatusCode::UNAUTHORIZED if answer.header("www-authenticate").is_some() => Self::TokenRejected,
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
    fn only_what_was_certainly_not_acted_on_is_ever_sent_again() {
        for observed in Observed::ALL {
            let (acted, resend) = observed.row();
            assert!(acted == Acted::No || resend == Resend::Never, "{observed:?}");
        }
    }

    #[test]
    fn statuses_fall_into_their_rows() {
        let seen = |status: u16| Observed::of_answer(&Answer::new(StatusCode::from_u16(status).unwrap()));
        for (statuses, observed) in [
            (&[200, 204][..], Observed::Done),
            (
                &[
                    301, 307, 308, 404, 405, 406, 411, 413, 414, 417, 421, 426, 428, 431,
                ],
                Observed::Refused,
            ),
            (
                &[
                    201, 202, 203, 205, 206, 207, 300, 302, 303, 304, 305, 400, 401, 402, 403, 407, 409, 410,
                    412, 416, 418, 422, 423, 424, 425, 451, 499, 600, 999,
                ],
                Observed::Unproven,
            ),
            (&[415], Observed::EncodingRefused),
            (&[429], Observed::RateLimited),
            (&[408, 500, 501, 502, 503, 504, 520, 599], Observed::Faulted),
        ] {
            for status in statuses {
                assert_eq!(seen(*status), observed, "{status}");
            }
        }
        let challenge = Answer::new(StatusCode::UNAUTHORIZED)
            .with_header("www-authenticate", "Bearer error=\"invalid_token\"");
        assert_eq!(Observed::of_answer(&challenge), Observed::TokenRejected);
        assert_eq!(
            Observed::of_answer(&Answer::new(StatusCode::OK).cut()),
            Observed::SuccessCut
        );
        assert_eq!(
            Observed::of_answer(&Answer::new(StatusCode::NO_CONTENT).cut()),
            Observed::Done
        );
    }
}
