//! A row as it was read, and its validation.

use repass_domain::{InvalidPassword, Password, UserId};

use super::{InvalidRow, Item, PasswordSource, Row};
use crate::ProviderNames;

/// The known columns.
pub(super) const COLUMNS: &str = "user, new_password, current_password, provider";

/// The fields of a row, borrowed from the reader's buffer.
#[derive(Default)]
pub(super) struct RawRow<'a> {
    pub(super) user: &'a [u8],
    pub(super) provider: &'a [u8],
    pub(super) new: Option<Field<'a>>,
    pub(super) current: Option<Field<'a>>,
}

/// A field with a password.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) text: &'a [u8],
    /// It is quoted, so blanks at its ends are intended.
    pub(super) exact: bool,
}

impl RawRow<'_> {
    /// Converts it into a row, or collects everything that is wrong with it.
    pub(super) fn validate(&self, line: u64, names: &ProviderNames, passwords: PasswordSource) -> Item {
        let mut reasons = Vec::new();
        let user = match std::str::from_utf8(self.user).map(UserId::new) {
            Ok(Ok(user)) => Some(user),
            Ok(Err(invalid)) => {
                reasons.push(invalid.to_string());
                None
            }
            Err(_) => {
                reasons.push("the user id is not valid UTF-8; save the file as UTF-8".to_owned());
                None
            }
        };
        let provider = std::str::from_utf8(self.provider).unwrap_or("?");
        let provider = keep(&mut reasons, names.index_of(provider));
        let new = match (passwords, self.new) {
            (PasswordSource::Generated, None) => Some(None),
            (PasswordSource::Generated, Some(_)) => {
                reasons.push("has a new_password, although passwords are to be generated".to_owned());
                None
            }
            (PasswordSource::Input, None) => {
                reasons.push("has no new_password".to_owned());
                None
            }
            (PasswordSource::Input, Some(new)) => keep(&mut reasons, password("new", new)).map(Some),
        };
        let current = match self.current {
            None | Some(Field { text: [], .. }) => Some(None),
            Some(_) if passwords == PasswordSource::Generated => {
                reasons.push(
                    "has a current_password, but a generated password is set by an administrator's reset"
                        .to_owned(),
                );
                None
            }
            Some(current) => keep(&mut reasons, password("current", current)).map(Some),
        };
        match (user, provider, new, current) {
            (Some(user), Some(provider), Some(new), Some(current)) => Item::Row(Row {
                line,
                user,
                provider,
                new,
                current,
            }),
            (user, ..) => Item::Invalid(InvalidRow::new(line, user, reasons.join("; "))),
        }
    }
}

fn password(which: &str, field: Field<'_>) -> Result<Password, String> {
    if !field.exact && has_outer_blanks(field.text) {
        return Err(format!(
            "the {which} password begins or ends with a blank and is not in quotes; put it in quotes if the blank is \
             meant, else take the blank out"
        ));
    }
    Password::from_utf8(field.text).map_err(|invalid| match invalid {
        InvalidPassword::NotUtf8 => {
            format!("the {which} password is not valid UTF-8; save the file as UTF-8")
        }
        invalid => format!("the {which} password {}", invalid.reason()),
    })
}

fn has_outer_blanks(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        let ends = [text.chars().next(), text.chars().next_back()];
        ends.into_iter().flatten().any(char::is_whitespace)
    })
}

fn keep<T>(reasons: &mut Vec<String>, result: Result<T, String>) -> Option<T> {
    result.map_err(|reason| reasons.push(reason)).ok()
}
