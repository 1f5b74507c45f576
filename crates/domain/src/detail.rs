//! What the provider said, made fit to be shown.

use std::fmt;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{Authority, PasswordChange};

/// What the provider said, scrubbed and cut to length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProviderDetail {
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's own error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The provider's id of this exchange, for its support desk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
}

impl ProviderDetail {
    /// Whether there is nothing in it to show.
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

/// Takes one call's secrets out of a provider's text: providers do echo what they were sent.
///
/// ```
/// use repass_domain::{Password, PasswordChange, Scrubber};
///
/// let change = PasswordChange::reset("alice@example.com".parse()?, Password::new("S3cret!")?);
/// let scrubber = Scrubber::for_change(&change);
/// assert_eq!(scrubber.scrub("'S3cret!' is bad\u{1b}[31m"), "'[redacted]' is bad [31m");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Scrubber {
    needles: Vec<(Zeroizing<String>, &'static str)>,
}

impl Scrubber {
    /// The longest text that comes out, in characters.
    pub const MAX_CHARS: usize = 300;

    /// Knows no secrets: for calls that carry none.
    pub fn for_nothing() -> Self {
        Self { needles: Vec::new() }
    }

    /// Knows both passwords and the user of this change, in every encoding in which they may
    /// come back: as they are, as JSON, percent-encoded, base64.
    pub fn for_change(change: &PasswordChange) -> Self {
        let mut scrubber = Self::for_nothing();
        #[expect(clippy::disallowed_methods, reason = "needles are wiped with the scrubber")]
        let (new, current) = (
            change.new_password().expose_secret(),
            match change.authority() {
                Authority::CurrentPassword(current) => Some(current.expose_secret()),
                Authority::Administrator => None,
            },
        );
        for secret in [Some(new), current].into_iter().flatten() {
            scrubber.add(secret, "[redacted]");
        }
        scrubber.add(change.user().expose(), "[user]");
        // The longest first, so that a secret inside another leaves no rest of the longer one.
        scrubber
            .needles
            .sort_by_key(|(needle, _)| std::cmp::Reverse(needle.len()));
        scrubber
    }

    fn add(&mut self, secret: &str, mark: &'static str) {
        let json = Zeroizing::new(serde_json::Value::from(secret).to_string());
        let percent = Zeroizing::new(utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string());
        let forms = [
            Zeroizing::new(secret.to_owned()),
            Zeroizing::new(json.trim_matches('"').to_owned()),
            Zeroizing::new(percent.to_lowercase()),
            percent,
            Zeroizing::new(BASE64_STANDARD_NO_PAD.encode(secret)),
            Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(secret)),
        ];
        for form in forms {
            if !form.is_empty() && !self.needles.iter().any(|(known, _)| *known == form) {
                self.needles.push((form, mark));
            }
        }
    }

    /// The text without secrets, then without control characters, then cut to
    /// [`MAX_CHARS`](Self::MAX_CHARS): in this order, so that no cut secret stays.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (needle, mark) in &self.needles {
            if text.contains(needle.as_str()) {
                text = text.replace(needle.as_str(), mark);
            }
        }
        let one_line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let one_line = one_line.trim();
        match one_line.char_indices().nth(Self::MAX_CHARS) {
            Some((end, _)) => format!("{}…", &one_line[..end]),
            None => one_line.to_owned(),
        }
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrubber([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Password;

    fn scrubber(current: &str, new: &str) -> Scrubber {
        let password = |text| Password::new(text).unwrap();
        Scrubber::for_change(&PasswordChange::replace(
            "alice@example.com".parse().unwrap(),
            password(current),
            password(new),
        ))
    }

    #[test]
    fn every_encoding_of_a_secret_is_taken_out() {
        let scrubber = scrubber("old \"pass\"\\1", "né w&pass/2");
        let echoes = [
            "né w&pass/2",
            "old \"pass\"\\1",
            r#"old \"pass\"\\1"#,
            "n%C3%A9%20w%26pass%2F2",
            "n%c3%a9%20w%26pass%2f2",
            &BASE64_STANDARD_NO_PAD.encode("né w&pass/2"),
        ];
        for echo in echoes {
            assert_eq!(scrubber.scrub(&format!("<{echo}>")), "<[redacted]>", "{echo}");
        }
        assert_eq!(
            scrubber.scrub("User does not exist: alice@example.com."),
            "User does not exist: [user]."
        );
    }

    #[test]
    fn a_secret_across_the_cut_does_not_stay() {
        let scrubber = scrubber("old", "long-secret-9");
        let text = format!("{}long-secret-9", "x".repeat(Scrubber::MAX_CHARS - 4));
        assert!(!scrubber.scrub(&text).contains("long"));
    }

    #[test]
    fn a_password_inside_the_other_leaves_no_rest() {
        assert_eq!(
            scrubber("pass", "pass-and-more").scrub("pass-and-more"),
            "[redacted]"
        );
    }
}
