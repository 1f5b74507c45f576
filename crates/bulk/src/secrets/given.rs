//! The passwords of an input, as a journal that several processes share keeps them: encrypted, one age file for the rows
//! of each commit.

use std::collections::HashMap;
use std::io::Cursor;

use repass_domain::Password;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key::{Key, Recipients};
use super::reader::Segments;
use super::writer::armored;
use crate::BulkError;
use crate::input::Row;

/// The passwords of one row.
#[derive(Debug)]
pub(crate) struct GivenPasswords {
    pub(crate) new: Password,
    pub(crate) current: Option<Password>,
}

#[derive(Serialize)]
struct SealedLine<'a> {
    line: u64,
    new_password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_password: Option<&'a str>,
}

#[derive(Deserialize)]
struct OpenedLine {
    line: u64,
    new_password: SecretString,
    current_password: Option<SecretString>,
}

// More than a line without its passwords.
const FRAME: usize = 128;

/// Encrypts the passwords of these rows, each of which has a new one.
pub(crate) fn seal_given<'a>(
    rows: impl Iterator<Item = &'a Row> + Clone,
    recipients: &Recipients,
) -> Result<Vec<u8>, BulkError> {
    // In a buffer that never grows and so leaves no copies.
    let longest = rows.clone().map(max_bytes).max().unwrap_or_default();
    let mut text = Zeroizing::new(Vec::with_capacity(longest));
    let mut sealed = Vec::new();
    let written = armored(recipients.dynamic(), &mut sealed, |seal| {
        for row in rows {
            let Some(line) = sealed_line(row) else { continue };
            text.clear();
            serde_json::to_writer(&mut *text, &line)?;
            text.push(b'\n');
            seal.write_all(&text)?;
        }
        Ok(())
    });
    written.map_err(|error| BulkError::internal(format!("cannot encrypt the passwords: {error}")))?;
    Ok(sealed)
}

#[expect(
    clippy::disallowed_methods,
    reason = "into a buffer that is wiped, on its way to be sealed"
)]
fn sealed_line(row: &Row) -> Option<SealedLine<'_>> {
    Some(SealedLine {
        line: row.line,
        new_password: row.new.as_ref()?.expose_secret(),
        current_password: row.current.as_ref().map(secrecy::ExposeSecret::expose_secret),
    })
}

// JSON escapes a byte as at most six bytes, `\u0000`.
fn max_bytes(row: &Row) -> usize {
    let passwords = sealed_line(row).map_or(0, |line| {
        line.new_password.len() + line.current_password.map_or(0, str::len)
    });
    6 * passwords + FRAME
}

/// Decrypts what [`seal_given`] has made: the passwords by line.
pub(crate) fn open_given(sealed: Vec<u8>, key: &Key) -> Result<HashMap<u64, GivenPasswords>, BulkError> {
    let mut segments = Segments::new(
        Box::new(Cursor::new(sealed)),
        "the passwords of the run".to_owned(),
        key,
    );
    let mut passwords = HashMap::new();
    while let Some(text) = segments.next()? {
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let (line, opened) = opened_line(line)?;
            passwords.insert(line, opened);
        }
    }
    Ok(passwords)
}

fn opened_line(text: &[u8]) -> Result<(u64, GivenPasswords), BulkError> {
    // The messages may quote a password.
    let modified = || BulkError::usage("the passwords of the run contain a line that repass did not write");
    let opened: OpenedLine = serde_json::from_slice(text).map_err(|_| modified())?;
    let password = |secret| Password::new(secret).map_err(|_| modified());
    let passwords = GivenPasswords {
        new: password(opened.new_password)?,
        current: opened.current_password.map(password).transpose()?,
    };
    Ok((opened.line, passwords))
}

#[cfg(test)]
mod tests {
    use repass_domain::UserId;

    use super::*;
    use crate::secrets::key::generate_file_key;

    fn row(line: u64, new: &str, current: Option<&str>) -> Row {
        let password = |text: &str| Password::new(text).unwrap();
        Row {
            line,
            user: UserId::new("alice@example.com").unwrap(),
            provider: 0,
            new: Some(password(new)),
            current: current.map(password),
        }
    }

    fn key() -> (Key, Recipients) {
        let (text, recipients) = generate_file_key();
        #[expect(clippy::disallowed_methods, reason = "a key of this test")]
        let key = Key::in_file(text.expose_secret()).unwrap();
        (key, recipients)
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "passwords of this test")]
    fn passwords_are_opened_as_they_were_given() {
        let (key, recipients) = key();
        let rows = [
            row(2, "quote\"and\\slash", Some("the old one")),
            row(3, "\u{fffd}\u{1f511} long enough", None),
        ];
        let sealed = seal_given(rows.iter(), &recipients).unwrap();
        let opened = open_given(sealed, &key).unwrap();
        assert_eq!(opened.len(), 2);
        assert_eq!(opened[&2].new.expose_secret(), "quote\"and\\slash");
        let current = opened[&2].current.as_ref().unwrap();
        assert_eq!(current.expose_secret(), "the old one");
        assert_eq!(opened[&3].new.expose_secret(), "\u{fffd}\u{1f511} long enough");
        assert!(opened[&3].current.is_none());
    }

    #[test]
    fn no_password_is_sealed_in_clear_and_no_other_key_opens_it() {
        let (_, recipients) = key();
        let sealed = seal_given([row(2, "hunter2-hunter2", None)].iter(), &recipients).unwrap();
        let text = String::from_utf8(sealed.clone()).unwrap();
        assert!(!text.contains("hunter2"));
        let (other, _) = key();
        let refused = open_given(sealed, &other).unwrap_err().to_string();
        assert_eq!(
            refused,
            "cannot open the passwords of the run: it is encrypted to another key"
        );
    }
}
