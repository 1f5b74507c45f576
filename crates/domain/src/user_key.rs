//! Comparison keys of user ids.

use std::fmt;
use std::hash::{Hash, Hasher};

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::UserId;

/// The comparison key of a user id. Providers accept several spellings of an id; ids with equal keys identify the same
/// user.
///
/// - **GUIDs** in each form that .NET reads (bare digits, hyphens, braces, parentheses, `{0x…}`), in any letter case.
/// - **E-mail addresses** in any letter case and Unicode normalization form, with an internationalized domain in
///   Unicode or in Punycode.
/// - Every other id is compared as it is: Zoom's own ids are case-sensitive.
///
/// The key is for comparisons and is never sent. Like the id it is personal data: `Debug` is redacted.
///
/// ```
/// use repass_domain::UserId;
///
/// let key = |id: &str| UserId::new(id).map(|id| id.key());
/// assert_eq!(key("Ann@Example.com")?, key("ann@example.com")?);
/// assert_eq!(key("{A11CE000-0000-4000-8000-000000000001}")?, key("a11ce000000040008000000000000001")?);
/// assert_ne!(key("KdYKjnimT4KPd8FFgQt9FQ")?, key("kdykjnimt4kpd8ffgqt9fq")?);
/// # Ok::<(), repass_domain::InvalidUserId>(())
/// ```
#[derive(Clone)]
pub struct UserKey(SecretString);

impl UserKey {
    /// Computes the key of a user id by the rules that nearly every provider has. Accepts any text, even one that is
    /// not a valid [`UserId`].
    pub fn of(id: &str) -> Self {
        if let Some(guid) = guid(id) {
            return Self::exact(&guid);
        }
        match id.rsplit_once('@') {
            Some((_, domain)) if id.is_ascii() && !may_be_punycode(domain) => {
                Self(id.to_ascii_uppercase().into())
            }
            Some((local, domain)) => Self::exact(&format!("{}@{}", fold(local), fold_domain(domain))),
            None => Self::exact(id),
        }
    }

    /// Creates a key that equals only the key of the same text. For providers with other rules, whose adapters
    /// compute one canonical text for each user.
    pub fn exact(text: &str) -> Self {
        Self(text.into())
    }

    /// The key as text, for the key of a store. Keep it out of logs and labels.
    #[expect(clippy::disallowed_methods, reason = "the only access to the text")]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl UserId {
    /// The comparison key of this id by the common rules of [`UserKey`].
    pub fn key(&self) -> UserKey {
        UserKey::of(self.expose())
    }
}

impl PartialEq for UserKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for UserKey {}

impl Hash for UserKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserKey([REDACTED])")
    }
}

/// Upper case after NFC, as ASP.NET Core Identity normalizes names: character by character, so that `ß` is not `SS`.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    let upper = if is_nfc(text) {
        text.chars().map(upper).collect::<String>()
    } else {
        text.nfc().map(upper).collect()
    };
    upper.nfc().collect()
}

fn upper(c: char) -> char {
    // In no culture but the Turkish ones is the dotless letter an `I`.
    if c == 'ı' {
        return c;
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn may_be_punycode(domain: &str) -> bool {
    let mut windows = domain.as_bytes().windows(4);
    windows.any(|window| window.eq_ignore_ascii_case(b"xn--"))
}

fn fold_domain(domain: &str) -> String {
    let is_plain = domain.is_ascii() && !may_be_punycode(domain);
    let ascii = (!is_plain).then(|| idna::domain_to_ascii(domain).ok()).flatten();
    fold(ascii.as_deref().unwrap_or(domain))
}

/// The 32 digits of a GUID in lower case.
fn guid(text: &str) -> Option<String> {
    let digits = match text.len() {
        32 => text.to_owned(),
        36 => without_hyphens(text)?,
        38 => {
            let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
            let inner = inner.or_else(|| text.strip_prefix('(')?.strip_suffix(')'));
            without_hyphens(inner?)?
        }
        _ => grouped(text)?,
    };
    let is_guid = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_guid.then(|| digits.to_ascii_lowercase())
}

fn without_hyphens(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    (lengths == [8, 4, 4, 4, 12]).then(|| groups.concat())
}

/// `{0xa11ce000,0x0000,0x4000,{0x80,0x00,0x00,0x00,0x00,0x00,0x00,0x01}}`
fn grouped(text: &str) -> Option<String> {
    let (head, tail) = text.strip_prefix('{')?.strip_suffix("}}")?.split_once(",{")?;
    let numbers: Vec<&str> = head.split(',').chain(tail.split(',')).collect();
    let widths = [8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2];
    if numbers.len() != widths.len() {
        return None;
    }
    let digits = numbers.iter().zip(widths).map(|(number, width)| {
        let digits = number.strip_prefix("0x").or_else(|| number.strip_prefix("0X"))?;
        (1..=width)
            .contains(&digits.len())
            .then(|| format!("{digits:0>width$}"))
    });
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_user_have_equal_keys() {
        for (one, other) in [
            ("ann@example.com", "ANN@Example.COM"),
            ("müller@example.com", "MÜLLER@EXAMPLE.COM"),
            ("mu\u{308}ller@example.com", "müller@example.com"),
            ("MU\u{308}LLER@example.com", "müller@example.com"),
            ("σας@example.com", "ΣΑΣ@example.com"),
            ("ann@bücher.example", "ann@xn--bcher-kva.example"),
            ("ann@BÜCHER.example", "Ann@XN--BCHER-KVA.example"),
            ("ann@bu\u{308}cher.example", "ann@bücher.example"),
            (
                "a11ce000-0000-4000-8000-000000000001",
                "A11CE000-0000-4000-8000-000000000001",
            ),
            (
                "a11ce000-0000-4000-8000-000000000001",
                "a11ce000000040008000000000000001",
            ),
            (
                "a11ce000-0000-4000-8000-000000000001",
                "{a11ce000-0000-4000-8000-000000000001}",
            ),
            (
                "a11ce000-0000-4000-8000-000000000001",
                "(A11CE000-0000-4000-8000-000000000001)",
            ),
            (
                "a11ce000-0000-4000-8000-000000000001",
                "{0xa11ce000,0x0000,0x4000,{0x80,0x00,0x00,0x00,0x00,0x00,0x00,0x01}}",
            ),
            (
                "a11ce000-0000-4000-8000-000000000001",
                "{0XA11CE000,0x0,0x4000,{0x80,0x0,0x0,0x0,0x0,0x0,0x0,0x1}}",
            ),
        ] {
            assert_eq!(UserKey::of(one), UserKey::of(other), "{one} {other}");
        }
    }

    #[test]
    fn different_users_have_different_keys() {
        for (one, other) in [
            ("KdYKjnimT4KPd8FFgQt9FQ", "kdykjnimt4kpd8ffgqt9fq"),
            ("Alice", "alice"),
            ("ann@example.com", "ann@example.co"),
            ("strasse@example.com", "straße@example.com"),
            ("i@example.com", "ı@example.com"),
            ("a@b@example.com", "b@example.com"),
            ("ann@münchen.example", "ann@xn--bcher-kva.example"),
            (
                "a11ce000-0000-4000-8000-000000000001",
                "a11ce000-0000-4000-8000-000000000002",
            ),
            // Not GUIDs.
            (
                "a11ce000-0000-4000-8000-00000000000g",
                "A11CE000-0000-4000-8000-00000000000G",
            ),
            (
                "{a11ce000000040008000000000000001",
                "a11ce000000040008000000000000001",
            ),
            (
                "(a11ce000-0000-4000-8000-000000000001}",
                "a11ce000-0000-4000-8000-000000000001",
            ),
        ] {
            assert_ne!(UserKey::of(one), UserKey::of(other), "{one} {other}");
        }
    }

    #[test]
    fn user_key_debug_is_redacted() {
        assert_eq!(
            format!("{:?}", UserKey::of("ann@example.com")),
            "UserKey([REDACTED])"
        );
    }
}
