//! What the provider said, made fit to be shown.

use std::fmt;
use std::sync::OnceLock;

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{Authority, PasswordChange, ProfileUpdate};

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
pub struct Scrubber<'a> {
    call: Call<'a>,
    // Made when a text first needs them: most calls end without one.
    needles: OnceLock<Needles>,
}

#[derive(Clone, Copy)]
enum Call<'a> {
    Nothing,
    Change(&'a PasswordChange),
    Profile(&'a ProfileUpdate),
}

impl<'a> Scrubber<'a> {
    /// The longest text that comes out, in characters.
    pub const MAX_CHARS: usize = 300;

    /// The shortest value of a profile that is taken out, in characters.
    pub const MIN_VALUE_CHARS: usize = 4;

    /// Knows no secrets: for calls that carry none.
    pub fn for_nothing() -> Self {
        Self::of(Call::Nothing)
    }

    /// Knows both passwords and the user of this change, in every encoding in which they may
    /// come back: as they are, as JSON, percent-encoded, as a form's, base64.
    pub fn for_change(change: &'a PasswordChange) -> Self {
        Self::of(Call::Change(change))
    }

    /// Knows the user and the new values of this update, in the same encodings. Values of less than
    /// [`MIN_VALUE_CHARS`](Self::MIN_VALUE_CHARS) stay: they are everyday words and numbers, and
    /// taking them out would leave no sentence readable.
    pub fn for_profile(update: &'a ProfileUpdate) -> Self {
        Self::of(Call::Profile(update))
    }

    fn of(call: Call<'a>) -> Self {
        Self {
            call,
            needles: OnceLock::new(),
        }
    }

    /// The text without secrets, then without characters that control a terminal, then cut to
    /// [`MAX_CHARS`](Self::MAX_CHARS): in this order, so that no cut secret stays.
    pub fn scrub(&self, text: &str) -> String {
        if let Call::Change(change) = self.call
            && is_identifier(text)
            && !secrets(change).any(|secret| stands_in(secret, text))
        {
            return text.to_owned();
        }
        let text = self.without_secrets(text.to_owned());
        let one_line: String = text.chars().map(|c| if misleads(c) { ' ' } else { c }).collect();
        // A blank may have been all that was missing in one.
        let one_line = self.without_secrets(one_line);
        let one_line = one_line.trim();
        match one_line.char_indices().nth(Self::MAX_CHARS) {
            Some((end, _)) => format!("{}…", &one_line[..end]),
            None => one_line.to_owned(),
        }
    }

    fn without_secrets(&self, mut text: String) -> String {
        for (needle, mark) in &self.needles.get_or_init(|| Needles::of(self.call)).0 {
            if text.contains(needle.as_str()) {
                text = text.replace(needle.as_str(), mark);
            }
        }
        text
    }
}

// What moves a terminal's cursor, or turns the order in which its text is read.
fn misleads(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control()
}

/// The change's passwords, and whose they are.
#[expect(clippy::disallowed_methods, reason = "looked for in place")]
fn secrets(change: &PasswordChange) -> impl Iterator<Item = &str> {
    let current = match change.authority() {
        Authority::CurrentPassword(current) => Some(current.expose_secret()),
        Authority::Administrator => None,
    };
    [
        Some(change.new_password().expose_secret()),
        current,
        Some(change.user().expose()),
    ]
    .into_iter()
    .flatten()
}

// Tracking ids come with every answer, so they have a way of their own that makes no needles. Of a
// secret's other forms, those with `%`, `+` or a backslash cannot stand in such a text.
fn is_identifier(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:;=-/".contains(&byte);
    text.len() <= 128 && text.bytes().all(plain)
}

fn stands_in(secret: &str, text: &str) -> bool {
    // In base64 it only gets longer.
    if secret.len() > text.len() {
        return false;
    }
    // Three bytes at a time: a quicker encoder leaves eight of a secret on the stack.
    let mut buffer = Zeroizing::new([0; 256]);
    text.contains(secret)
        || Base64Unpadded::encode(secret.as_bytes(), &mut *buffer).is_ok_and(|form| text.contains(form))
        || Base64UrlUnpadded::encode(secret.as_bytes(), &mut *buffer).is_ok_and(|form| text.contains(form))
}

/// What is looked for, and what stands in its place.
struct Needles(Vec<(Zeroizing<String>, &'static str)>);

impl Needles {
    fn of(call: Call<'_>) -> Self {
        let mut needles = Self(Vec::new());
        match call {
            Call::Nothing => {}
            Call::Change(change) => {
                for secret in secrets(change) {
                    let mark = if secret == change.user().expose() {
                        "[user]"
                    } else {
                        "[redacted]"
                    };
                    needles.add(secret, mark);
                }
            }
            Call::Profile(update) => {
                for value in update.fields().values() {
                    needles.add_value(value);
                }
                needles.add(update.user().expose(), "[user]");
            }
        }
        // The longest first, so that a secret inside another leaves no rest of the longer one.
        needles
            .0
            .sort_by_key(|(needle, _)| std::cmp::Reverse(needle.len()));
        needles
    }

    fn add_value(&mut self, value: &Value) {
        let text = match value {
            Value::String(text) => {
                // A text may stand for the list or object that it spells.
                if let Ok(spelled @ (Value::Array(_) | Value::Object(_))) = serde_json::from_str(text) {
                    self.add_value(&spelled);
                }
                text.clone()
            }
            Value::Number(number) => number.to_string(),
            Value::Array(items) => return items.iter().for_each(|item| self.add_value(item)),
            Value::Object(members) => return members.values().for_each(|member| self.add_value(member)),
            Value::Null | Value::Bool(_) => return,
        };
        if text.chars().count() >= Scrubber::MIN_VALUE_CHARS {
            self.add(&text, "[value]");
        }
    }

    fn add(&mut self, secret: &str, mark: &'static str) {
        let mut forms = vec![
            joined([secret], secret.len()),
            json(secret),
            html(secret),
            Zeroizing::new(Base64Unpadded::encode_string(secret.as_bytes())),
            Zeroizing::new(Base64UrlUnpadded::encode_string(secret.as_bytes())),
        ];
        for kept in KEPT {
            for blank in ["%20", "+"] {
                forms.push(percent(secret, kept, blank, str::make_ascii_uppercase));
                forms.push(percent(secret, kept, blank, str::make_ascii_lowercase));
            }
        }
        for form in forms {
            if !form.is_empty() && !self.0.iter().any(|(known, _)| *known == form) {
                self.0.push((form, mark));
            }
        }
    }
}

// Each form in a buffer with room for the longest it can be: one that grows leaves copies behind.
fn joined<'p>(pieces: impl IntoIterator<Item = &'p str>, room: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(room));
    pieces.into_iter().for_each(|piece| text.push_str(piece));
    text
}

fn json(secret: &str) -> Zeroizing<String> {
    let mut quoted = Zeroizing::new(Vec::with_capacity(6 * secret.len() + 2));
    let written = serde_json::to_writer(&mut *quoted, secret);
    match (written, std::str::from_utf8(&quoted)) {
        (Ok(()), Ok(quoted)) => joined(quoted.get(1..quoted.len() - 1), quoted.len()),
        _ => Zeroizing::default(),
    }
}

// What encoders leave as it is: nothing, RFC 3986's unreserved characters, and what forms of browsers, scripts
// and .NET do.
const KEPT: [&AsciiSet; 5] = [
    NON_ALPHANUMERIC,
    &MARKS.remove(b'~'),
    &MARKS.remove(b'*'),
    &MARKS
        .remove(b'!')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')')
        .remove(b'*')
        .remove(b'~'),
    &MARKS.remove(b'!').remove(b'(').remove(b')').remove(b'*'),
];
const MARKS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

fn percent(secret: &str, kept: &'static AsciiSet, blank: &str, hex: fn(&mut str)) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(3 * secret.len()));
    for piece in utf8_percent_encode(secret, kept) {
        let from = text.len();
        text.push_str(if piece == "%20" { blank } else { piece });
        // A `%` of the secret's own comes as `%25`.
        if piece.starts_with('%') {
            hex(&mut text[from..]);
        }
    }
    text
}

// As pages show it.
fn html(secret: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(6 * secret.len()));
    for character in secret.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            other => text.push(other),
        }
    }
    text
}

impl fmt::Debug for Scrubber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrubber([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Password;

    fn scrubber(current: &str, new: &str) -> Scrubber<'static> {
        let password = |text| Password::new(text).unwrap();
        let user = "alice@example.com".parse().unwrap();
        let change = PasswordChange::change(user, password(current), password(new));
        Scrubber::for_change(Box::leak(Box::new(change)))
    }

    #[test]
    fn an_identifier_passes_unless_a_secret_stands_in_it() {
        let scrubber = scrubber("Old-Passw0rd", "New-Passw0rd");
        let tracking = "v=2.0;clid=us02;rid=WEB_0123456789abcdef";
        assert_eq!(scrubber.scrub(tracking), tracking);
        let encoded = Base64Unpadded::encode_string(b"Old-Passw0rd");
        for echo in ["id=New-Passw0rd", &format!("id={encoded}")] {
            assert_eq!(scrubber.scrub(echo), "id=[redacted]");
        }
    }

    #[test]
    fn a_blank_hides_no_secret() {
        let scrubber = scrubber("Old-Passw0rd", "new pass-9");
        assert_eq!(scrubber.scrub("id=new+pass-9"), "id=[redacted]");
        assert_eq!(scrubber.scrub("'new\tpass-9'"), "'[redacted]'");
    }

    #[test]
    fn every_encoding_of_a_secret_is_taken_out() {
        let scrubber = scrubber("old \"pass\"\\1", "Né w&pass/2");
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
            assert_eq!(scrubber.scrub(&format!("<{echo}>")), "<[redacted]>", "{echo}");
        }
        assert_eq!(
            scrubber.scrub("User does not exist: alice@example.com."),
            "User does not exist: [user]."
        );
    }

    #[test]
    fn every_encoder_leaves_other_marks_as_they_are() {
        let scrubber = scrubber("Old-Passw0rd", "a b-c!(d)~");
        for echo in [
            "a%20b-c%21%28d%29~",
            "a+b-c%21%28d%29%7E",
            "a%20b-c!(d)~",
            "a+b-c!(d)%7e",
        ] {
            assert_eq!(scrubber.scrub(&format!("<{echo}>")), "<[redacted]>", "{echo}");
        }
    }

    #[test]
    fn a_secret_across_the_cut_does_not_stay() {
        let scrubber = scrubber("old", "long-secret-9");
        let text = format!("{}long-secret-9", "x".repeat(Scrubber::MAX_CHARS - 4));
        assert!(!scrubber.scrub(&text).contains("long"));
    }

    #[test]
    fn the_values_of_a_profile_are_taken_out_but_not_everyday_words() {
        let update = ProfileUpdate::new("alice@example.com".parse().unwrap())
            .set("first_name", "Annabel")
            .set("pmi", 5_550_123_456_u64)
            .set("language", "en")
            .set("custom_attributes", serde_json::json!([{"value": "Team 7"}]))
            .set("phone_numbers", r#"[{"number": "5550100"}]"#);
        assert_eq!(
            Scrubber::for_profile(&update)
                .scrub("alice@example.com: Annabel, 5550123456 or 5550100 in \"Team 7\": taken"),
            "[user]: [value], [value] or [value] in \"[value]\": taken"
        );
    }

    #[test]
    fn a_password_inside_the_other_leaves_no_rest() {
        assert_eq!(
            scrubber("pass", "pass-and-more").scrub("pass-and-more"),
            "[redacted]"
        );
    }
}
