//! The error of every call.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::{ErrorKind, FieldProblem, Outcome, ProviderDetail, Rule, UnknownOutcome, Violation};

/// The error of a call: what went wrong ([`kind`](Error::kind)), and whether the change may have been applied all the
/// same ([`outcome`](Error::outcome)).
///
/// Branch on these two. There is no `is_retryable`, because that depends on the operation.
///
/// `Display` is one line for operators: it may contain the provider's messages, codes and ids.
/// [`user_message`](Self::user_message) is for end users. No form (`Display`, `Debug`, `Serialize`) contains a password,
/// a token or unredacted text of a provider, so an error can be logged. There is no `source`: adapters convert the errors
/// of other crates.
///
/// ```
/// use repass_domain::{Outcome, Error, ErrorKind, Rule, Violation};
///
/// let error = Error::refused(vec![Violation::of_provider(Rule::MinLength(8))]);
/// assert_eq!(error.kind(), ErrorKind::PasswordRefused);
/// assert_eq!(error.outcome(), Outcome::NotApplied);
/// assert_eq!(error.to_string(), "the new password is refused; it needs: at least 8 characters");
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    unknown_outcome: Option<UnknownOutcome>,
    violations: Vec<Violation>,
    field_problems: Vec<FieldProblem>,
    retry_after: Option<Duration>,
    detail: Option<ProviderDetail>,
    // The outcome of the probe itself, where `unknown_outcome` is that of the change before it.
    probe: Option<Outcome>,
}

impl Error {
    fn build(kind: ErrorKind, message: String, unknown_outcome: Option<UnknownOutcome>) -> Self {
        Self(Box::new(Inner {
            kind,
            message,
            unknown_outcome,
            violations: vec![],
            field_problems: vec![],
            retry_after: None,
            detail: None,
            probe: None,
        }))
    }

    /// Creates an error that proves that nothing was changed. `message` says what happened, then what to do: lower
    /// case, no full stop, no secrets.
    pub fn not_applied(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::build(kind, message.into(), None)
    }

    /// Creates an error after which the change may or may not have been applied. `message` as for
    /// [`not_applied`](Self::not_applied).
    pub fn unknown(kind: ErrorKind, message: impl Into<String>, handle: UnknownOutcome) -> Self {
        Self::build(kind, message.into(), Some(handle))
    }

    /// Creates an [`ErrorKind::PasswordRefused`] error with the rules that the new password breaks. Nothing was
    /// changed.
    pub fn refused(violations: Vec<Violation>) -> Self {
        let rules: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let mut message = "the new password is refused".to_owned();
        if !rules.is_empty() {
            message.push_str("; it needs: ");
            message.push_str(&rules.join(", "));
        }
        let mut error = Self::not_applied(ErrorKind::PasswordRefused, message);
        error.0.violations = violations;
        error
    }

    /// Creates an [`ErrorKind::InvalidRequest`] error with the invalid fields of a profile update. Nothing was
    /// changed.
    pub fn invalid_fields(problems: Vec<FieldProblem>) -> Self {
        let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let message = format!("the update is refused: {}", messages.join("; "));
        let mut error = Self::not_applied(ErrorKind::InvalidRequest, message);
        error.0.field_problems = problems;
        error
    }

    /// Turns the error of a probe into an error of the change that it was to resolve: the outcome stays unknown. The
    /// outcome of the probe is kept as [`probe_outcome`](Self::probe_outcome).
    pub fn with_unknown_outcome(mut self, handle: &UnknownOutcome) -> Self {
        self.0.probe = Some(self.probe_outcome());
        self.0.unknown_outcome = Some(handle.clone());
        self
    }

    /// Appends a note to the message, after a semicolon.
    pub fn with_note(mut self, note: &str) -> Self {
        self.0.message.push_str("; ");
        self.0.message.push_str(note);
        self
    }

    /// Adds details of the provider's response.
    pub fn with_detail(mut self, detail: ProviderDetail) -> Self {
        self.0.detail = Some(detail);
        self
    }

    /// Sets the delay before a retry makes sense; `None` removes it.
    pub fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    /// The kind of the error: what went wrong. [`ErrorKind::remedy`] says what to do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the change may have been applied: [`Outcome::NotApplied`] or [`Outcome::Unknown`], never
    /// [`Outcome::Applied`].
    pub fn outcome(&self) -> Outcome {
        match self.0.unknown_outcome {
            None => Outcome::NotApplied,
            Some(_) => Outcome::Unknown,
        }
    }

    /// The outcome of the probe itself, for an error of [`resolve`](crate::PasswordService::resolve). `NotApplied` means
    /// that the probe was not made or did not set the password; the outcome of the change before it is still unknown.
    pub fn probe_outcome(&self) -> Outcome {
        self.0.probe.unwrap_or_else(|| self.outcome())
    }

    /// The rules that the new password is known to break; empty unless [`ErrorKind::PasswordRefused`].
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// The known problems of a profile update's fields; empty unless [`ErrorKind::InvalidRequest`].
    pub fn field_problems(&self) -> &[FieldProblem] {
        &self.0.field_problems
    }

    /// How long to wait before a retry, counted from the creation of the error.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Details of the provider's response, truncated and redacted.
    pub fn provider_detail(&self) -> Option<&ProviderDetail> {
        self.0.detail.as_ref()
    }

    /// A message for the end user, in full English sentences: whether anything was changed, and what to do.
    ///
    /// It consists only of fixed text, known rules, names of profile fields and a number of seconds, never of text,
    /// codes, statuses or ids from the provider or the configuration. For other languages, translate
    /// [`kind`](Self::kind), [`outcome`](Self::outcome) and the codes of [`violations`](Self::violations).
    ///
    /// ```
    /// use repass_domain::{Error, ErrorKind, ProviderDetail, Rule, Violation};
    ///
    /// let detail = ProviderDetail { code: Some("1124".into()), ..ProviderDetail::default() };
    /// let error = Error::refused(vec![Violation::of_provider(Rule::MinLength(8))]).with_detail(detail);
    /// assert_eq!(
    ///     error.user_message(),
    ///     "Nothing was changed. Choose another password: it needs at least 8 characters."
    /// );
    /// assert!(error.to_string().contains("code 1124"));
    /// ```
    pub fn user_message(&self) -> String {
        if self.outcome() == Outcome::Unknown {
            return "It is not known yet whether the change was made. Do not try again until that is clear."
                .to_owned();
        }
        let advice = match (self.0.kind, self.0.retry_after) {
            (ErrorKind::PasswordRefused, _) => self.password_advice(),
            (ErrorKind::InvalidRequest, _) if !self.0.field_problems.is_empty() => {
                let fields = self.0.field_problems.iter().map(FieldProblem::field);
                format!("Correct these fields: {}.", fields.collect::<Vec<_>>().join(", "))
            }
            (kind, Some(delay)) if kind.is_transient() => {
                format!("Try again in {} seconds.", delay.as_secs_f64().ceil())
            }
            (kind, _) => kind.user_advice().to_owned(),
        };
        format!("Nothing was changed. {advice}")
    }

    fn password_advice(&self) -> String {
        let mut needs = Vec::new();
        for rule in self.0.violations.iter().map(Violation::rule) {
            let text = match rule {
                Rule::ChangesPerDay => {
                    return "This password was changed too often within 24 hours. Try again tomorrow."
                        .to_owned();
                }
                Rule::MinAge(Some(_)) => {
                    return format!("This password can be changed again later: {rule}.");
                }
                Rule::MinAge(None) => {
                    return "This password was changed too recently. Try again tomorrow.".to_owned();
                }
                Rule::Other(_) => continue,
                Rule::NotOneCharacter => "different characters".to_owned(),
                Rule::NotUserData => "to contain no part of your name or account".to_owned(),
                Rule::NotCommon | Rule::NotBreached => "to be harder to guess".to_owned(),
                Rule::NotCurrent => "to differ from the current one".to_owned(),
                Rule::NotRecent(_) => "to differ from the recent ones".to_owned(),
                known => known.to_string(),
            };
            if !needs.contains(&text) {
                needs.push(text);
            }
        }
        if needs.is_empty() {
            ErrorKind::PasswordRefused.user_advice().to_owned()
        } else {
            format!("Choose another password: it needs {}.", needs.join(", "))
        }
    }

    /// The handle for [`resolve`](crate::PasswordService::resolve); present exactly if [`outcome`](Self::outcome) is
    /// [`Outcome::Unknown`].
    pub fn unknown_outcome(&self) -> Option<&UnknownOutcome> {
        self.0.unknown_outcome.as_ref()
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

/// Serializes as an object with `outcome`, `kind`, `message` (the `Display`), `violations`, `field_problems`,
/// `retry_after_seconds` (rounded up), `detail` (of the provider's response) and `attempt` (the handle of an unknown
/// outcome). Absent values are left out. `--json` and the audit use the same keys.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct ErrorBody<'a> {
            outcome: Outcome,
            kind: ErrorKind,
            message: String,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            violations: &'a [Violation],
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            field_problems: &'a [FieldProblem],
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_after_seconds: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'a ProviderDetail>,
            #[serde(skip_serializing_if = "Option::is_none")]
            attempt: Option<&'a UnknownOutcome>,
        }

        let rounded_up = |delay: Duration| delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        let body = ErrorBody {
            outcome: self.outcome(),
            kind: self.0.kind,
            message: self.to_string(),
            violations: &self.0.violations,
            field_problems: &self.0.field_problems,
            retry_after_seconds: self.0.retry_after.map(rounded_up),
            detail: self.0.detail.as_ref(),
            attempt: self.unknown_outcome(),
        };
        body.serialize(serializer)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("outcome", &self.outcome())
            .field("message", &self.0.message)
            .field("violations", &self.0.violations)
            .field("field_problems", &self.0.field_problems)
            .field("retry_after", &self.0.retry_after)
            .field("detail", &self.0.detail)
            .field("unknown_outcome", &self.unknown_outcome())
            .finish()
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rule;

    #[test]
    fn error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
    }

    #[test]
    fn unknown_outcome_is_present_exactly_when_the_outcome_is_unknown() {
        let lost = Error::unknown(ErrorKind::ConnectionLost, "lost", UnknownOutcome::new("zoom"));
        assert_eq!(lost.outcome(), Outcome::Unknown);
        assert_eq!(lost.unknown_outcome().map(UnknownOutcome::provider), Some("zoom"));
        let refused = Error::refused(vec![Violation::of_caller(Rule::Digit)]);
        assert_eq!(
            (refused.outcome(), refused.unknown_outcome()),
            (Outcome::NotApplied, None)
        );
        let unknown = UnknownOutcome::new("zoom");
        for (error, probe) in [(refused, Outcome::NotApplied), (lost, Outcome::Unknown)] {
            let unprobed = error
                .with_unknown_outcome(&UnknownOutcome::new("other"))
                .with_unknown_outcome(&unknown);
            assert_eq!(
                (unprobed.outcome(), unprobed.unknown_outcome()),
                (Outcome::Unknown, Some(&unknown))
            );
            assert_eq!(unprobed.probe_outcome(), probe);
        }
    }

    fn with_canaries(error: Error) -> Error {
        error.with_detail(ProviderDetail {
            status: Some(471),
            code: Some("canary-code".into()),
            message: Some("canary-words".into()),
            tracking_id: Some("canary-id".into()),
            evidence: Some(crate::Evidence::new("canary-table".into(), None)),
        })
    }

    #[test]
    fn user_message_contains_nothing_of_the_provider() {
        for kind in ErrorKind::ALL {
            let message = "canary-message of the operator";
            let not_applied = with_canaries(Error::not_applied(kind, message)).user_message();
            assert!(
                not_applied.starts_with("Nothing was changed. "),
                "{kind}: {not_applied}"
            );
            let handle = UnknownOutcome::new("canary-provider");
            let unknown = with_canaries(Error::unknown(kind, message, handle)).user_message();
            assert!(unknown.starts_with("It is not known yet"), "{kind}: {unknown}");
            for text in [not_applied, unknown] {
                assert!(
                    !text.contains("canary") && !text.contains("471"),
                    "{kind}: {text}"
                );
                assert!(text.ends_with('.') && !text.contains('\n'), "{kind}: {text}");
            }
        }
        let later = Error::not_applied(ErrorKind::RateLimited, "slow down");
        let later = later.with_retry_after(Some(Duration::from_millis(1200)));
        assert_eq!(
            later.user_message(),
            "Nothing was changed. Try again in 2 seconds."
        );
    }

    #[test]
    fn user_message_names_every_rule_once_without_codes() {
        let refused = |rules: &[Rule]| {
            let provider = rules.iter().cloned().map(Violation::of_provider);
            let own = rules.iter().cloned().map(Violation::of_caller);
            Error::refused(provider.chain(own).collect()).user_message()
        };
        assert_eq!(
            refused(&[
                Rule::MinLength(8),
                Rule::NotCurrent,
                Rule::Other("CanaryRule".into())
            ]),
            "Nothing was changed. Choose another password: it needs at least 8 characters, to differ from the current \
             one."
        );
        assert_eq!(
            refused(&[Rule::Other("CanaryRule".into())]),
            "Nothing was changed. Choose another password: this one does not meet the rules."
        );
        assert!(refused(&[Rule::ChangesPerDay]).ends_with("Try again tomorrow."));
    }

    #[test]
    fn error_serializes_with_stable_codes() {
        let error = with_canaries(Error::refused(vec![Violation::of_provider(Rule::Digit)]));
        let json = serde_json::to_value(error.clone()).unwrap();
        assert_eq!(
            (&json["outcome"], &json["kind"]),
            (&"not_applied".into(), &"password_refused".into())
        );
        assert_eq!(json["violations"][0]["code"], "digit");
        assert_eq!(json["message"], error.to_string());
        assert_eq!(json["detail"]["code"], "canary-code");
        assert!(
            json.get("attempt").is_none() && json.get("retry_after_seconds").is_none(),
            "{json}"
        );
        let lost = Error::unknown(ErrorKind::TimedOut, "late", UnknownOutcome::new("zoom"));
        let json = serde_json::to_value(&lost).unwrap();
        assert_eq!(
            (&json["outcome"], &json["attempt"]["provider"]),
            (&"unknown".into(), &"zoom".into())
        );
    }

    #[test]
    fn invalid_fields_display_names_every_field() {
        let error = Error::invalid_fields(vec![
            FieldProblem::new("pmi", "range", "takes 10 digits"),
            FieldProblem::new("emial", "unknown_field", "is not a field"),
        ]);
        assert_eq!(
            error.to_string(),
            "the update is refused: pmi takes 10 digits; emial is not a field"
        );
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::InvalidRequest, Outcome::NotApplied)
        );
        assert_eq!(error.field_problems()[1].code(), "unknown_field");
    }

    #[test]
    fn refused_without_violations_names_none() {
        assert_eq!(Error::refused(vec![]).to_string(), "the new password is refused");
    }

    #[test]
    fn display_names_violations_delay_and_provider_detail() {
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
