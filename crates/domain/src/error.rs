//! Why a change did not end in [`Changed`](crate::Changed), and whether it may have happened.

use std::fmt;
use std::time::Duration;

use crate::{Attempt, Effect, ErrorKind, FieldProblem, ProviderDetail, Violation};

/// What went wrong ([`kind`](Error::kind)), and whether the password may have been changed all the
/// same ([`effect`](Error::effect)). Branch on these two; there is no `is_retryable`, because that
/// depends on what you are doing.
///
/// `Display` is one sentence that a person can act on. Neither it nor `Debug` ever holds a
/// password, a token or unscrubbed text of a provider. There is no `source`: foreign errors end at
/// the adapter.
///
/// ```
/// use repass_domain::{Effect, Error, ErrorKind, Rule, Violation};
///
/// let error = Error::refused(vec![Violation::of_provider(Rule::MinLength(8))]);
/// assert_eq!(error.kind(), ErrorKind::PasswordRefused);
/// assert_eq!(error.effect(), Effect::NotApplied);
/// assert_eq!(error.to_string(), "the new password is refused; it needs: at least 8 characters");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    outcome: Outcome,
    violations: Vec<Violation>,
    field_problems: Vec<FieldProblem>,
    retry_after: Option<Duration>,
    detail: Option<ProviderDetail>,
}

// An unknown outcome cannot be built without the attempt that settles it.
enum Outcome {
    NotApplied,
    Unknown(Attempt),
}

impl Error {
    fn build(kind: ErrorKind, message: String, outcome: Outcome) -> Self {
        Self(Box::new(Inner {
            kind,
            message,
            outcome,
            violations: vec![],
            field_problems: vec![],
            retry_after: None,
            detail: None,
        }))
    }

    /// Nothing was changed, for certain. `message` is shown to people: a sentence without a
    /// capital or full stop, free of secrets, that says what to do where that is known.
    pub fn not_applied(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::build(kind, message.into(), Outcome::NotApplied)
    }

    /// The change was sent and its answer does not tell. `message` as for
    /// [`not_applied`](Self::not_applied).
    pub fn unknown(kind: ErrorKind, message: impl Into<String>, attempt: Attempt) -> Self {
        Self::build(kind, message.into(), Outcome::Unknown(attempt))
    }

    /// The new password breaks these rules: [`ErrorKind::PasswordRefused`], nothing was changed.
    pub fn refused(violations: Vec<Violation>) -> Self {
        let rules: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let message = format!("the new password is refused; it needs: {}", rules.join(", "));
        let mut error = Self::not_applied(ErrorKind::PasswordRefused, message);
        error.0.violations = violations;
        error
    }

    /// These fields of a profile update are wrong: [`ErrorKind::InvalidRequest`], nothing was
    /// changed.
    pub fn invalid_fields(problems: Vec<FieldProblem>) -> Self {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let message = format!("the update is refused: {}", told.join("; "));
        let mut error = Self::not_applied(ErrorKind::InvalidRequest, message);
        error.0.field_problems = problems;
        error
    }

    /// The same with what the provider said.
    pub fn with_detail(mut self, detail: ProviderDetail) -> Self {
        self.0.detail = Some(detail);
        self
    }

    /// The same with the earliest moment at which trying again makes sense.
    pub fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    /// What happened; each variant's documentation says what to do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the password may have been changed.
    pub fn effect(&self) -> Effect {
        match self.0.outcome {
            Outcome::NotApplied => Effect::NotApplied,
            Outcome::Unknown(_) => Effect::Unknown,
        }
    }

    /// Every rule that the new password broke, as far as it is known; empty unless
    /// [`ErrorKind::PasswordRefused`].
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// Everything that is wrong with the fields of a profile update, as far as it is known; empty
    /// unless [`ErrorKind::InvalidRequest`].
    pub fn field_problems(&self) -> &[FieldProblem] {
        &self.0.field_problems
    }

    /// How long the provider asks to wait, counted from when the error was made.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What the provider said, cut to length and scrubbed.
    pub fn provider_detail(&self) -> Option<&ProviderDetail> {
        self.0.detail.as_ref()
    }

    /// What [`resolve`](crate::PasswordService::resolve) needs; present exactly when
    /// [`effect`](Self::effect) is [`Effect::Unknown`].
    pub fn attempt(&self) -> Option<&Attempt> {
        match &self.0.outcome {
            Outcome::NotApplied => None,
            Outcome::Unknown(attempt) => Some(attempt),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(delay) = self.0.retry_after {
            write!(f, "; try again in {} s", delay.as_secs_f64().ceil())?;
        }
        if let Some(detail) = self.0.detail.as_ref().filter(|detail| !detail.is_empty()) {
            write!(f, " ({detail})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("effect", &self.effect())
            .field("message", &self.0.message)
            .field("violations", &self.0.violations)
            .field("field_problems", &self.0.field_problems)
            .field("retry_after", &self.0.retry_after)
            .field("detail", &self.0.detail)
            .field("attempt", &self.attempt())
            .finish()
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rule;

    #[test]
    fn is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
    }

    #[test]
    fn an_attempt_is_there_exactly_when_the_effect_is_unknown() {
        let lost = Error::unknown(ErrorKind::ConnectionLost, "lost", Attempt::new("zoom"));
        assert_eq!(lost.effect(), Effect::Unknown);
        assert_eq!(lost.attempt().map(Attempt::provider), Some("zoom"));
        let refused = Error::refused(vec![Violation::of_caller(Rule::Digit)]);
        assert_eq!((refused.effect(), refused.attempt()), (Effect::NotApplied, None));
    }

    #[test]
    fn every_field_problem_is_named_at_once() {
        let error = Error::invalid_fields(vec![
            FieldProblem::new("pmi", "range", "takes 10 digits"),
            FieldProblem::new("emial", "unknown_field", "is no field"),
        ]);
        assert_eq!(
            error.to_string(),
            "the update is refused: pmi takes 10 digits; emial is no field"
        );
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::InvalidRequest, Effect::NotApplied)
        );
        assert_eq!(error.field_problems()[1].code(), "unknown_field");
    }

    #[test]
    fn display_names_every_rule_the_delay_and_the_provider_s_words() {
        let rules = vec![
            Violation::of_provider(Rule::MinLength(8)),
            Violation::of_provider(Rule::Digit),
        ];
        let error = Error::refused(rules)
            .with_retry_after(Some(Duration::from_millis(1200)))
            .with_detail(ProviderDetail {
                code: Some("1124".into()),
                ..ProviderDetail::default()
            });
        assert_eq!(
            error.to_string(),
            "the new password is refused; it needs: at least 8 characters, at least one digit; \
             try again in 2 s (code 1124)"
        );
    }
}
