//! The header of CSV: its columns and its separator.
//!
//! A file without a header may have a password in its first line, so messages never quote it.

use zeroize::Zeroizing;

use super::PasswordSource;
use super::csv::Fields;
use super::raw_row::COLUMNS;

/// The index of each column.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) user: usize,
    pub(super) new: Option<usize>,
    pub(super) current: Option<usize>,
    pub(super) provider: Option<usize>,
    pub(super) count: usize,
}

const NAMES: [&str; 4] = ["user", "new_password", "current_password", "provider"];

/// Names of other tools for these columns, folded, and the names here.
const OTHER_NAMES: [(&str, &str); 31] = [
    ("userprincipalname", "user"),
    ("upn", "user"),
    ("username", "user"),
    ("userid", "user"),
    ("users", "user"),
    ("useremail", "user"),
    ("email", "user"),
    ("emailaddress", "user"),
    ("mail", "user"),
    ("login", "user"),
    ("loginname", "user"),
    ("logon", "user"),
    ("samaccountname", "user"),
    ("account", "user"),
    ("accountname", "user"),
    ("id", "user"),
    ("guid", "user"),
    ("objectid", "user"),
    ("uid", "user"),
    ("password", "new_password"),
    ("passwd", "new_password"),
    ("pwd", "new_password"),
    ("pass", "new_password"),
    ("newpwd", "new_password"),
    ("newpass", "new_password"),
    ("oldpassword", "current_password"),
    ("existingpassword", "current_password"),
    ("service", "provider"),
    ("system", "provider"),
    ("idp", "provider"),
    ("target", "provider"),
];

impl Columns {
    pub(super) fn of(header: &Fields, passwords: PasswordSource) -> Result<Self, String> {
        let mut problems = Vec::new();
        let mut found = [None; NAMES.len()];
        for index in 0..header.count() {
            let name = folded(header.get(index));
            let known = NAMES.iter().position(|known| folded(known.as_bytes()) == name);
            match known {
                Some(known) => {
                    if found[known].replace(index).is_some() {
                        problems.push(format!("the header has the column {} twice", NAMES[known]));
                    }
                }
                None => problems.push(unknown(index + 1, &name, header)),
            }
        }
        let [user, new, current, provider] = found;
        if user.is_none() {
            problems.push("the header has no column user".to_owned());
        }
        match passwords {
            PasswordSource::Input if new.is_none() => {
                problems.push(
                    "the header has no column new_password, and passwords are not generated".to_owned(),
                );
            }
            PasswordSource::Generated if new.is_some() || current.is_some() => problems.push(
                "the header has a column of passwords, although passwords are generated; remove it"
                    .to_owned(),
            ),
            _ => {}
        }
        match user {
            Some(user) if problems.is_empty() => Ok(Self {
                user,
                new,
                current,
                provider,
                count: header.count(),
            }),
            _ => Err(format!(
                "{}; the first line must name the columns, which are: {COLUMNS}",
                problems.join("; ")
            )),
        }
    }
}

fn unknown(number: usize, name: &str, header: &Fields) -> String {
    if name.is_empty() {
        return format!("column {number} of the header is empty; is there an extra separator?");
    }
    if let Some((other, ours)) = OTHER_NAMES.iter().find(|(other, _)| *other == name) {
        return format!("column {number} of the header is called {other}; call it {ours}");
    }
    let is_bar = header.count() == 1 && header.get(0).iter().position(|byte| *byte == b'|').is_some();
    if is_bar {
        return "the columns are separated by `|`; separate them by commas, semicolons or tabs, or put the line \
                `sep=|` before the header"
            .to_owned();
    }
    format!("column {number} of the header is unknown")
}

/// A name without case, blanks, hyphens, underscores and invisible characters. It may be a password.
fn folded(name: &[u8]) -> Zeroizing<String> {
    // Allocated in full size, because a string that grows leaves copies.
    let mut folded = Zeroizing::new(String::with_capacity(3 * name.len() + 3));
    let Ok(name) = std::str::from_utf8(name) else {
        folded.push('?');
        return folded;
    };
    let counts = |c: &char| {
        !c.is_whitespace()
            && !c.is_control()
            && !matches!(c, '-' | '_' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    folded.extend(name.chars().filter(counts).flat_map(char::to_lowercase));
    folded
}

/// The separator of a first line such as `sep=;`, which spreadsheets write and hide.
pub(super) fn named_separator(start: &[u8]) -> Option<u8> {
    let line = first_line(start);
    let (key, value) = line.split_at_checked(4)?;
    let is_one = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b' ');
    match value {
        [byte] if key.eq_ignore_ascii_case(b"sep=") && is_one(byte) => Some(*byte),
        _ => None,
    }
}

/// The first of the usual separators on the first line.
pub(super) fn likely_separator(start: &[u8]) -> u8 {
    let found = first_line(start)
        .iter()
        .find(|byte| matches!(byte, b',' | b';' | b'\t'));
    found.copied().unwrap_or(b',')
}

fn first_line(start: &[u8]) -> &[u8] {
    let visible = start.trim_ascii_start();
    let line = visible.split(|byte| matches!(byte, b'\n' | b'\r')).next();
    line.unwrap_or_default()
}

pub(super) fn missing() -> String {
    format!("there is no header; the first line must name the columns, which are: {COLUMNS}")
}

pub(super) fn too_long() -> String {
    format!(
        "the first line is longer than {} KiB; it must name the columns: {COLUMNS}",
        super::MAX_ROW_BYTES / 1024
    )
}
