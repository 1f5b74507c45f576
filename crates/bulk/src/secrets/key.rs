//! Keys: the recipients of a file of secrets, and what opens it.

use std::fmt;
use std::iter;

use age::x25519;
use secrecy::{ExposeSecret as _, SecretString};

use crate::BulkError;

const SECRET_PREFIX: &str = "AGE-SECRET-KEY-";

/// The public keys of those who can read the generated passwords: age recipients, `age1…`.
#[derive(Clone)]
pub struct Recipients(pub(super) Vec<x25519::Recipient>);

impl Recipients {
    /// Parses age recipients, each given as text.
    ///
    /// # Errors
    /// A text is not a recipient, or there are none.
    pub fn new<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, BulkError> {
        let mut recipients = Vec::new();
        let mut problems = Vec::new();
        for text in texts {
            match one(text.as_ref().trim()) {
                Ok(recipient) => recipients.push(recipient),
                Err(problem) => problems.push(problem),
            }
        }
        if recipients.is_empty() && problems.is_empty() {
            problems.push(
                "no recipient is given: a recipient is a public key such as `age-keygen` prints, age1…"
                    .to_owned(),
            );
        }
        if problems.is_empty() {
            return Ok(Self(recipients));
        }
        Err(BulkError::usage(problems.join("; ")))
    }

    /// Parses a file of age recipients, one per line; blank lines and lines with `#` are ignored.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn in_file(text: &str) -> Result<Self, BulkError> {
        let lines = without_byte_order_mark(text).lines().map(str::trim);
        Self::new(lines.filter(|line| !line.is_empty() && !line.starts_with('#')))
    }

    /// Adds these recipients to the others.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    pub(super) fn dynamic(&self) -> impl Iterator<Item = &dyn age::Recipient> {
        self.0.iter().map(|recipient| recipient as &dyn age::Recipient)
    }
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipients").field(&self.texts()).finish()
    }
}

fn one(text: &str) -> Result<x25519::Recipient, String> {
    if text.to_ascii_uppercase().starts_with(SECRET_PREFIX) {
        return Err(
            "a recipient is a secret key, which is not for sealing and better not shown; give its public key, which \
             `age-keygen -y` prints"
                .to_owned(),
        );
    }
    text.parse()
        .map_err(|_| format!("`{}` {}", shown(text), why_no_recipient(text)))
}

fn why_no_recipient(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if text.contains([',', ';']) || (lower.starts_with("age1") && text.contains(char::is_whitespace)) {
        return "is more than one recipient; give --recipient once for each".to_owned();
    }
    if SSH_KINDS.iter().any(|kind| lower.starts_with(kind)) {
        return format!("is an ssh key, which repass does not encrypt to; {MAKE_A_KEY}");
    }
    if lower.starts_with("age-plugin-") {
        return format!("is the identity of an age plugin, which repass does not support; {MAKE_A_KEY}");
    }
    // The data of a plain recipient has no `1`, which stands behind a plugin's name.
    let plugin = lower.strip_prefix("age1").and_then(|rest| rest.rsplit_once('1'));
    if let Some((plugin, _)) = plugin {
        return format!(
            "is a recipient of the age plugin {plugin}, which repass does not support; {MAKE_A_KEY}"
        );
    }
    if lower.starts_with("-----begin ") || lower.contains("pgp") {
        return format!("is not an age key; {MAKE_A_KEY}");
    }
    "is not an age recipient: it must start with age1, and its checksum must match".to_owned()
}

const SSH_KINDS: [&str; 4] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];

const MAKE_A_KEY: &str = "make a key by `age-keygen -o key.txt` and give its public key, age1…";

fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// The key that opens a file of secrets: age identities or a passphrase.
pub enum Key {
    /// The secret keys of age recipients.
    Identities(Identities),
    /// The passphrase with which the file of secrets was encrypted.
    Passphrase(SecretString),
}

/// The secret keys of age recipients, as read from an identity file.
pub struct Identities(pub(super) Vec<x25519::Identity>);

impl Key {
    /// Parses the bytes of an identity file, as written by `age-keygen`.
    ///
    /// # Errors
    /// It has no key, or a line is not a key. The message says what it is instead, and never quotes it.
    pub fn in_bytes(bytes: &[u8]) -> Result<Self, BulkError> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if text.starts_with(b"age-encryption.org/") || text.trim_ascii_start().starts_with(b"-----BEGIN AGE ")
        {
            return Err(BulkError::usage(
                "is protected by a passphrase, which repass does not ask for; decrypt it by `age -d` into a file in \
                 memory (/dev/shm) that only you can read, give that one, and remove it afterwards",
            ));
        }
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(BulkError::usage("is UTF-16; save it as UTF-8"));
        }
        let text = std::str::from_utf8(text).map_err(|_| BulkError::usage("is not valid UTF-8"))?;
        Self::in_file(text)
    }

    /// Parses the text of an identity file, as written by `age-keygen`.
    ///
    /// # Errors
    /// As there.
    pub fn in_file(text: &str) -> Result<Self, BulkError> {
        let lines = without_byte_order_mark(text).lines().map(str::trim).enumerate();
        let kept = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let keys: Result<Vec<_>, BulkError> = kept
            .map(|(index, line)| {
                line.parse::<x25519::Identity>()
                    .map_err(|_| BulkError::usage(format!("line {} {}", index + 1, why_no_identity(line))))
            })
            .collect();
        let keys = keys?;
        if keys.is_empty() {
            return Err(BulkError::usage(
                "contains no secret key of age (AGE-SECRET-KEY-1…)",
            ));
        }
        Ok(Self::Identities(Identities(keys)))
    }
}

// Constant texts, so that no key is ever quoted.
fn why_no_identity(line: &str) -> &'static str {
    let starts = |start: &str| {
        line.get(..start.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(start))
    };
    if starts("AGE-PLUGIN-") {
        "is the identity of an age plugin, which repass does not support; give the key that `age-keygen` made"
    } else if starts("AGE-SECRET-KEY-PQ-") {
        "is a post-quantum key of age, which repass does not support; give the key that `age-keygen` made"
    } else if starts("age1") {
        "is a public key; give the file of the secret key, AGE-SECRET-KEY-1…"
    } else if starts("-----BEGIN OPENSSH ") || (starts("-----BEGIN ") && line.contains("PRIVATE KEY")) {
        "is a private key of ssh, which repass does not support; give the key that `age-keygen` made"
    } else if SSH_KINDS.into_iter().any(starts) {
        "is a public key of ssh; give the key that `age-keygen` made"
    } else {
        "is not a secret key of age"
    }
}

fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identities(_) => "Identities([REDACTED])",
            Self::Passphrase(_) => "Passphrase([REDACTED])",
        })
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identities([REDACTED])")
    }
}

/// Generates the key of a file: its text to encrypt, and its recipient.
pub(super) fn generate_file_key() -> (SecretString, Recipients) {
    let identity = x25519::Identity::generate();
    (identity.to_string(), Recipients(vec![identity.to_public()]))
}

/// Parses the text of a [`generate_file_key`].
#[expect(clippy::disallowed_methods, reason = "parsed where it is used")]
pub(super) fn read(text: &SecretString) -> Option<x25519::Identity> {
    text.expose_secret().trim().parse().ok()
}

pub(super) fn scrypt(passphrase: &SecretString) -> impl Iterator<Item = age::scrypt::Recipient> + use<> {
    iter::once(age::scrypt::Recipient::new(passphrase.clone()))
}
