//! The input of a run: CSV or JSON lines, streamed and validated row by row.

mod csv;
mod header;
mod json;
mod raw_row;
mod seen_users;
mod unsupported_format;
mod wiped_reader;

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use repass_domain::{Password, UserId};

use self::csv::Csv;
use self::json::Json;
pub(crate) use self::seen_users::SeenUsers;
use self::wiped_reader::WipedReader;
use crate::journal::{InvalidReason, NewRow};
use crate::{BulkError, ProviderNames};

/// The maximum length of an input row in bytes. A longer row is rejected without being buffered.
pub const MAX_ROW_BYTES: usize = 64 * 1024;

/// Where the new passwords of a run come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordSource {
    /// The input has a new password for each row.
    Input,
    /// A new password is generated for each row; the input has none.
    Generated,
}

/// The kind of a row whose user is in another row.
pub(crate) const DUPLICATE: &str = "duplicate_row";

/// A valid row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) user: UserId,
    pub(crate) provider: usize,
    pub(crate) new: Option<Password>,
    pub(crate) current: Option<Password>,
}

/// An invalid row, and why. Contains nothing of its text except a valid user id.
#[derive(Debug)]
pub(crate) struct InvalidRow {
    pub(crate) line: u64,
    pub(crate) user: Option<UserId>,
    pub(crate) kind: &'static str,
    pub(crate) reason: String,
}

impl InvalidRow {
    pub(crate) fn as_new_row(&self) -> NewRow<'_> {
        let (kind, message) = (self.kind, self.reason.as_str());
        NewRow {
            line: self.line,
            user: self.user.as_ref(),
            provider: None,
            invalid: Some(InvalidReason { kind, message }),
        }
    }
}

/// A row, valid or not.
#[derive(Debug)]
pub(crate) enum Item {
    Row(Row),
    Invalid(InvalidRow),
}

/// Reads a run's input, CSV or JSON lines, row by row. Passwords are only in memory that is wiped, and only while
/// their row is processed.
///
/// CSV has a header with the columns in any order: `user`, and optionally `new_password`, `current_password` and
/// `provider`. The separator is a comma, semicolon or tab, or given by a first line `sep=…`. JSON lines have an object with
/// the same keys on each line. The first byte decides which of the two it is. A byte order mark and CR LF are accepted. A
/// row with `current_password` is a change by the user, otherwise an administrator's reset.
///
/// CSV is read strictly by RFC 4180 and never corrected: a record with invalid quotes, with a line break in a field, or
/// with a password that begins or ends with a blank outside quotes is rejected. Lines with only separators and blanks are
/// skipped and counted.
pub struct Input {
    format: Format,
    shown: String,
    names: ProviderNames,
    passwords: PasswordSource,
    seen: SeenUsers,
    // Read ahead by `emptiness`.
    first: Option<Item>,
    skipped: Arc<AtomicU64>,
}

enum Format {
    Csv(Box<Csv<Box<dyn Read + Send>>>),
    Json(Json<Box<dyn Read + Send>>),
    Nothing,
}

impl Input {
    /// Reads the header or first bytes of `source`, which should not buffer. `shown` is its name in messages.
    ///
    /// # Errors
    /// It cannot be read, or its header lacks `user` or has unknown columns.
    pub fn new(
        source: Box<dyn Read + Send>,
        shown: impl Into<String>,
        names: ProviderNames,
        passwords: PasswordSource,
    ) -> Result<Self, BulkError> {
        let shown = shown.into();
        let wrong = |what: String| BulkError::usage(format!("{shown}: {what}"));
        let mut bytes = WipedReader::new(source);
        let start = bytes
            .peek(|start| start.len() >= unsupported_format::ENOUGH)
            .map_err(|error| unreadable(&shown, &error))?;
        if let Some(what) = unsupported_format::identify(start) {
            return Err(wrong(what.to_owned()));
        }
        let mark = start.len() - unsupported_format::without_byte_order_mark(start).len();
        bytes.consume(mark);
        let first = first_visible(&mut bytes).map_err(|error| unreadable(&shown, &error))?;
        let format = match first {
            None => Format::Nothing,
            Some(b'[') => {
                return Err(wrong(
                    "is a JSON array; give JSON lines: one object a line, without brackets around them"
                        .to_owned(),
                ));
            }
            Some(b'{') => Format::Json(Json::new(bytes)),
            Some(_) => {
                let read = Csv::new(bytes, passwords).map_err(|error| unreadable(&shown, &error))?;
                Format::Csv(Box::new(read.map_err(wrong)?))
            }
        };
        Ok(Self {
            format,
            shown,
            names,
            passwords,
            seen: SeenUsers::new(),
            first: None,
            skipped: Arc::default(),
        })
    }

    /// Returns why the input has no rows, or `None` if it has rows. Reads the first row ahead.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn emptiness(&mut self) -> Result<Option<&'static str>, BulkError> {
        if matches!(self.format, Format::Nothing) {
            return Ok(Some("is empty"));
        }
        if self.first.is_none() {
            self.first = self.next()?;
        }
        Ok(self.first.is_none().then_some("has no rows"))
    }

    /// The input's name in messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The counter of the lines, so far, that were skipped because they hold only separators and blanks.
    pub fn skipped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.skipped)
    }

    /// Whether the input's rows may name a provider. In JSON lines they always may.
    pub fn may_name_providers(&self) -> bool {
        match &self.format {
            Format::Csv(csv) => csv.names_providers(),
            Format::Json(_) => true,
            Format::Nothing => false,
        }
    }

    pub(crate) fn names(&self) -> &ProviderNames {
        &self.names
    }

    /// The next row, valid or not; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, BulkError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let read = match &mut self.format {
            Format::Csv(csv) => csv.next(),
            Format::Json(json) => json.next(),
            Format::Nothing => return Ok(None),
        }
        .map_err(|error| unreadable(&self.shown, &error))?;
        let item = match read {
            None => None,
            Some((line, Ok(record))) => Some(record.validate(line, &self.names, self.passwords)),
            Some((line, Err(reason))) => Some(Item::Invalid(InvalidRow::new(line, None, reason))),
        };
        if let Format::Csv(csv) = &self.format {
            self.skipped.store(csv.skipped(), Ordering::Relaxed);
        }
        let Some(item) = item else { return Ok(None) };
        Ok(Some(match item {
            Item::Row(row) => self.unless_seen(row),
            invalid @ Item::Invalid(_) => invalid,
        }))
    }

    fn unless_seen(&mut self, row: Row) -> Item {
        let provider = self.names.name(row.provider);
        match self.seen.first_line(provider, &row.user.key(), row.line) {
            None => Item::Row(row),
            Some(first) => Item::Invalid(InvalidRow {
                line: row.line,
                user: Some(row.user),
                kind: DUPLICATE,
                reason: format!("duplicate of line {first}: the same user at the same provider"),
            }),
        }
    }
}

impl InvalidRow {
    fn new(line: u64, user: Option<UserId>, reason: String) -> Self {
        Self {
            line,
            user,
            kind: "invalid_row",
            reason,
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

fn first_visible<R: Read>(bytes: &mut WipedReader<R>) -> std::io::Result<Option<u8>> {
    // 0x1a is the end-of-file mark of DOS.
    let visible = |byte: &u8| !byte.is_ascii_whitespace() && *byte != 0x1a;
    let start = bytes.peek(|start| start.iter().any(visible))?;
    Ok(start.iter().copied().find(visible))
}

fn unreadable(shown: &str, error: &std::io::Error) -> BulkError {
    BulkError::usage(format!("cannot read {shown}: {error}"))
}
