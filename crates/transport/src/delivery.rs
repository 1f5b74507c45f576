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
    /// The provider said no.
    Refused,
    /// The provider failed inside, or said something that nobody understands.
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
    /// Once, with a fresh token.
    OnceWithFreshToken,
    /// Once, in the provider's other encoding: the adapter's part.
    OnceInOtherEncoding,
}

impl Observed {
    /// Every observation.
    pub const ALL: [Self; 10] = [
        Self::NotSent,
        Self::Declined,
        Self::Lost,
        Self::Done,
        Self::SuccessCut,
        Self::TokenRejected,
        Self::EncodingRefused,
        Self::RateLimited,
        Self::Refused,
        Self::Faulted,
    ];

    /// The row for a request that may be sent again only if it was not acted on.
    pub const fn row(self) -> (Acted, Resend) {
        match self {
            Self::NotSent | Self::Declined => (Acted::No, Resend::AfterBackoff),
            Self::Lost | Self::SuccessCut | Self::Faulted => (Acted::Maybe, Resend::Never),
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

    /// What an answer means by its status alone. Adapters start from it and say otherwise only
    /// where their provider documents it.
    pub fn of_answer(answer: &Answer) -> Self {
        match answer.status() {
            // No body is to come, so none can be missing.
            StatusCode::NO_CONTENT => Self::Done,
            status if status.is_success() && answer.is_complete() => Self::Done,
            status if status.is_success() => Self::SuccessCut,
            StatusCode::UNAUTHORIZED => Self::TokenRejected,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::EncodingRefused,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
            StatusCode::BAD_REQUEST
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::CONFLICT
            | StatusCode::UNPROCESSABLE_ENTITY => Self::Refused,
            status if status.is_redirection() => Self::Refused,
            _ => Self::Faulted,
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
            (&[200, 201, 204][..], Observed::Done),
            (
                &[400, 403, 404, 405, 409, 422, 301, 302, 303, 307, 308, 304],
                Observed::Refused,
            ),
            (&[401], Observed::TokenRejected),
            (&[415], Observed::EncodingRefused),
            (&[429], Observed::RateLimited),
            (&[408, 500, 501, 502, 503, 504, 418, 402, 599], Observed::Faulted),
        ] {
            for status in statuses {
                assert_eq!(seen(*status), observed, "{status}");
            }
        }
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
