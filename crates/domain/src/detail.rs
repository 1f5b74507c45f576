//! What the provider said, made fit to be shown.

use std::fmt;
use std::sync::OnceLock;

use serde::Serialize;
use serde_json::Value;

use crate::redaction::{self, CallTrigrams};
use crate::{ChangeMode, Evidence, PasswordChange, ProfileUpdate, Redactor};

/// The provider's response to a failed call: status, error code, message and tracking id, redacted and cut to length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProviderDetail {
    /// The HTTP status of the provider's response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's own error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's own error message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The provider's id of this exchange, for its support desk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
    /// The table by which the response was read and the grade of its row, where a table describes the provider. The
    /// provider did not say it, so it is neither shown nor serialized.
    #[serde(skip)]
    pub evidence: Option<Evidence>,
}

impl ProviderDetail {
    /// Whether every field is empty, so that there is nothing to show.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for ProviderDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut part = |label: &str, value: &dyn fmt::Display| {
            write!(f, "{separator}{label}{value}")?;
            separator = ", ";
            Ok(())
        };
        if let Some(status) = self.status {
            part("status ", &status)?;
        }
        if let Some(code) = &self.code {
            part("code ", code)?;
        }
        if let Some(message) = &self.message {
            part("", &format_args!("\"{message}\""))?;
        }
        if let Some(id) = &self.tracking_id {
            part("tracking id ", id)?;
        }
        Ok(())
    }
}

/// Removes one call's secrets from text that a provider sent, because providers echo what they receive. What is
/// found, and in which forms, [`Redactor`] says.
///
/// ```
/// use repass_domain::{Password, PasswordChange, CallRedactor};
///
/// let change = PasswordChange::reset("alice@example.com".parse()?, Password::new("S3cret!")?);
/// let redactor = CallRedactor::for_change(&change);
/// assert_eq!(redactor.redact("'S3cret!' is bad\u{1b}[31m"), "'[redacted]' is bad [31m");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CallRedactor<'a> {
    call: Call<'a>,
    // Made when a text first needs it: most calls end without one.
    redactor: OnceLock<Box<Redactor>>,
}

#[derive(Clone, Copy)]
enum Call<'a> {
    Nothing,
    Change(&'a PasswordChange),
    Profile(&'a ProfileUpdate),
}

impl<'a> CallRedactor<'a> {
    /// The maximum length of redacted text, in characters.
    pub const MAX_CHARS: usize = Redactor::MAX_CHARS;

    /// The minimum length, in characters, of a profile value that is redacted.
    pub const MIN_VALUE_CHARS: usize = 4;

    /// Creates a redactor without secrets, for calls that carry none.
    pub fn for_nothing() -> Self {
        Self::of(Call::Nothing)
    }

    /// Creates a redactor that removes both passwords of this change, parts of them, and its user.
    pub fn for_change(change: &'a PasswordChange) -> Self {
        Self::of(Call::Change(change))
    }

    /// Creates a redactor that removes the user and the new values of this profile update, each as a whole. Values of
    /// less than [`MIN_VALUE_CHARS`](Self::MIN_VALUE_CHARS) stay: they are everyday words and numbers, and taking
    /// them out would leave no sentence readable.
    pub fn for_profile(update: &'a ProfileUpdate) -> Self {
        Self::of(Call::Profile(update))
    }

    fn of(call: Call<'a>) -> Self {
        Self {
            call,
            redactor: OnceLock::new(),
        }
    }

    /// Removes the secrets and the characters that control a terminal from a text, and cuts it to
    /// [`MAX_CHARS`](Self::MAX_CHARS). In this order, so that no cut secret stays.
    pub fn redact(&self, text: &str) -> String {
        self.redactor().sanitize(text)
    }

    /// Redacts like [`redact`](Self::redact), and also removes the secrets of this other redactor: those of the
    /// credentials that went with the request.
    pub fn redact_with(&self, text: &str, credentials: Option<&Redactor>) -> String {
        if self.is_clean(text, credentials) {
            return text.to_owned();
        }
        match credentials {
            Some(credentials) => Redactor::sanitize_all(&[self.redactor(), credentials], text),
            None => self.redact(text),
        }
    }

    // Whether no redactor would change this text. `false` says nothing.
    fn is_clean(&self, text: &str, credentials: Option<&Redactor>) -> bool {
        let mut of_call = CallTrigrams::default();
        match self.call {
            Call::Nothing => {}
            Call::Profile(_) => return false,
            Call::Change(change) => {
                of_call.add_secret(change.new_password());
                if let ChangeMode::SelfService(current) = change.mode() {
                    of_call.add_secret(current);
                }
                of_call.add_whole(change.user().expose());
            }
        }
        match credentials {
            Some(credentials) => redaction::is_clean(text, &[of_call.table(), credentials.trigrams()]),
            None => redaction::is_clean(text, &[of_call.table()]),
        }
    }

    /// The [`Redactor`] with this call's secrets, for text that is read further. Redact a text by it *before* you
    /// read a number out of it: one that stands inside an echo is a part of a password.
    pub fn redactor(&self) -> &Redactor {
        let make = || match self.call {
            Call::Nothing => Redactor::new(),
            Call::Change(change) => of_change(change),
            Call::Profile(update) => {
                let values = update.fields().values().fold(Redactor::new(), with_value);
                values.with_whole(update.user().expose(), "[user]")
            }
        };
        self.redactor.get_or_init(|| Box::new(make()))
    }
}

fn of_change(change: &PasswordChange) -> Redactor {
    let mut redactor = Redactor::new().with(change.new_password(), "[redacted]");
    if let ChangeMode::SelfService(current) = change.mode() {
        redactor = redactor.with(current, "[redacted]");
    }
    redactor.with_whole(change.user().expose(), "[user]")
}

fn with_value(redactor: Redactor, value: &Value) -> Redactor {
    let (redactor, text) = match value {
        Value::String(text) => {
            // A text may stand for the list or object that it spells.
            let redactor = match serde_json::from_str(text) {
                Ok(spelled @ (Value::Array(_) | Value::Object(_))) => with_value(redactor, &spelled),
                _ => redactor,
            };
            (redactor, text.clone())
        }
        Value::Number(number) => (redactor, number.to_string()),
        Value::Array(items) => return items.iter().fold(redactor, with_value),
        Value::Object(members) => return members.values().fold(redactor, with_value),
        Value::Null | Value::Bool(_) => return redactor,
    };
    if text.chars().count() < CallRedactor::MIN_VALUE_CHARS {
        return redactor;
    }
    redactor.with_whole(&text, "[value]")
}

impl fmt::Debug for CallRedactor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallRedactor([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64Unpadded, Encoding as _};

    use super::*;
    use crate::Password;

    fn redactor(current: &str, new: &str) -> CallRedactor<'static> {
        let password = |text| Password::new(text).unwrap();
        let user = "alice@example.com".parse().unwrap();
        let change = PasswordChange::change(user, password(current), password(new));
        CallRedactor::for_change(Box::leak(Box::new(change)))
    }

    #[test]
    fn call_redactor_identifier_passes_unless_it_holds_a_secret() {
        let redactor = redactor("Old-Passw0rd", "New-Passw0rd");
        let tracking = "v=2.0;clid=us02;rid=WEB_0123456789abcdef";
        assert_eq!(redactor.redact(tracking), tracking);
        let encoded = Base64Unpadded::encode_string(b"Old-Passw0rd");
        for echo in ["id=New-Passw0rd", &format!("id={encoded}")] {
            assert_eq!(redactor.redact(echo), "id=[redacted]");
        }
    }

    #[test]
    fn call_redactor_blank_hides_no_secret() {
        let redactor = redactor("Old-Passw0rd", "new pass-9");
        assert_eq!(redactor.redact("id=new+pass-9"), "id=[redacted]");
        assert_eq!(redactor.redact("'new\tpass-9'"), "'[redacted]'");
    }

    #[test]
    fn call_redactor_removes_every_encoding_of_a_secret() {
        let redactor = redactor("old \"pass\"\\1", "Né w&pass/2");
        let echoes = [
            "Né w&pass/2",
            "old \"pass\"\\1",
            r#"old \"pass\"\\1"#,
            "N%C3%A9%20w%26pass%2F2",
            "N%c3%a9%20w%26pass%2f2",
            "N%C3%A9+w%26pass%2F2",
            "N%c3%a9+w%26pass%2f2",
            &Base64Unpadded::encode_string("Né w&pass/2".as_bytes()),
        ];
        for echo in echoes {
            assert_eq!(redactor.redact(&format!("<{echo}>")), "<[redacted]>", "{echo}");
        }
        assert_eq!(
            redactor.redact("User does not exist: alice@example.com."),
            "User does not exist: [user]."
        );
    }

    #[test]
    fn call_redactor_removes_partial_percent_encoding() {
        let redactor = redactor("Old-Passw0rd", "a b-c!(d)~");
        for echo in [
            "a%20b-c%21%28d%29~",
            "a+b-c%21%28d%29%7E",
            "a%20b-c!(d)~",
            "a+b-c!(d)%7e",
        ] {
            assert_eq!(redactor.redact(&format!("<{echo}>")), "<[redacted]>", "{echo}");
        }
    }

    #[test]
    fn call_redactor_removes_a_secret_across_the_cut() {
        let redactor = redactor("old", "long-secret-9");
        let text = format!("{}long-secret-9", "x".repeat(CallRedactor::MAX_CHARS - 4));
        assert!(!redactor.redact(&text).contains("long"));
    }

    #[test]
    fn call_redactor_removes_profile_values_but_not_short_words() {
        let update = ProfileUpdate::new("alice@example.com".parse().unwrap())
            .set("first_name", "Annabel")
            .set("pmi", 5_550_123_456_u64)
            .set("language", "en")
            .set("custom_attributes", serde_json::json!([{"value": "Team 7"}]))
            .set("phone_numbers", r#"[{"number": "5550100"}]"#);
        assert_eq!(
            CallRedactor::for_profile(&update)
                .redact("alice@example.com: Annabel, 5550123456 or 5550100 in \"Team 7\": taken"),
            "[user]: [value], [value] or [value] in \"[value]\": taken"
        );
    }

    #[test]
    fn call_redactor_password_inside_the_other_leaves_no_rest() {
        assert_eq!(
            redactor("pass", "pass-and-more").redact("pass-and-more"),
            "[redacted]"
        );
    }
}
