//! One row of a provider's error table.

use repass_domain::{ErrorKind, FieldProblem, Rule};
use repass_transport::{Answer, Observed, StatusCode};

/// What one answer means: what was observed, and, unless the provider did it, why it did not.
/// Texts of the provider are kept raw here; a [`Reader`](crate::Reader) scrubs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The row of the delivery table: decides the effect, and whether it is sent again.
    pub observed: Observed,
    /// The kind of failure; means nothing when `observed` is [`Observed::Done`].
    pub kind: ErrorKind,
    /// What a person can do about it, in place of the kind's general sentence.
    pub advice: Option<&'static str>,
    /// The rules that the new password breaks, with [`ErrorKind::PasswordRefused`].
    pub rules: Vec<Rule>,
    /// What is wrong with the fields of a profile, with [`ErrorKind::InvalidRequest`].
    pub fields: Vec<FieldProblem>,
    /// The provider's own code.
    pub code: Option<String>,
    /// The provider's own words.
    pub message: Option<String>,
}

impl Verdict {
    /// The provider did it.
    pub fn done() -> Self {
        Self::new(Observed::Done, ErrorKind::Internal)
    }

    /// The provider said no, for this reason.
    pub fn refused(kind: ErrorKind) -> Self {
        Self::new(Observed::Refused, kind)
    }

    /// The provider said no, because the new password breaks a rule.
    pub fn breaks(rule: Rule) -> Self {
        Self {
            rules: vec![rule],
            ..Self::refused(ErrorKind::PasswordRefused)
        }
    }

    /// The provider said no, because these fields of a profile are wrong.
    pub fn invalid(fields: Vec<FieldProblem>) -> Self {
        Self {
            fields,
            ..Self::refused(ErrorKind::InvalidRequest)
        }
    }

    /// A row without texts.
    pub fn new(observed: Observed, kind: ErrorKind) -> Self {
        Self {
            observed,
            kind,
            advice: None,
            rules: vec![],
            fields: vec![],
            code: None,
            message: None,
        }
    }

    /// What the status alone tells, for answers that the adapter's table does not know.
    pub fn by_status(answer: &Answer) -> Self {
        let observed = Observed::of_answer(answer);
        let status = answer.status();
        match observed {
            Observed::Done => Self::done(),
            Observed::SuccessCut if answer.is_late() => Self::new(observed, ErrorKind::TimedOut)
                .advise("the provider's answer did not end in time"),
            Observed::SuccessCut => Self::new(observed, ErrorKind::ConnectionLost)
                .advise("the provider's answer was cut before it told the outcome"),
            Observed::TokenRejected => Self::new(observed, ErrorKind::Unauthenticated),
            Observed::RateLimited => Self::new(observed, ErrorKind::RateLimited),
            Observed::EncodingRefused => Self::new(observed, ErrorKind::Misconfigured)
                .advise("the provider does not take the body's encoding"),
            Observed::Refused if status == StatusCode::FORBIDDEN => {
                Self::new(observed, ErrorKind::PermissionDenied)
            }
            Observed::Refused if status == StatusCode::CONFLICT => Self::new(observed, ErrorKind::Conflict),
            Observed::Refused if status.is_redirection() => Self::new(observed, ErrorKind::Misconfigured)
                .advise("the provider redirects elsewhere, and passwords do not follow; set the base URL to its target"),
            Observed::Refused if status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(observed, ErrorKind::Misconfigured)
                    .advise("there is no such call at this address; check the base URL")
            }
            Observed::Refused => Self::new(observed, ErrorKind::InvalidRequest),
            _ if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                Self::new(observed, ErrorKind::ProviderFault)
            }
            _ => Self::new(observed, ErrorKind::UnexpectedAnswer),
        }
    }

    /// The same with what a person can do about it: a sentence without a capital or full stop.
    pub fn advise(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    /// The same with the provider's code and words.
    pub fn quoting(mut self, code: Option<String>, message: Option<String>) -> Self {
        self.code = code;
        self.message = message;
        self
    }
}
