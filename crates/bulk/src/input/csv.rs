//! CSV by RFC 4180, read into buffers that are wiped.
//!
//! No column can have a line break, so every record is one line, and errors are reported for a line. An unclosed quote
//! includes the lines up to the next quote: they may be rows or part of the field, so each of them is rejected.

use std::io::{self, Read};

use zeroize::Zeroizing;

use super::header::{self, Columns};
use super::raw_row::{Field, RawRow};
use super::wiped_reader::WipedReader;
use super::{MAX_ROW_BYTES, PasswordSource};

const MAX_FIELDS: usize = 64;

pub(super) struct Csv<R> {
    bytes: WipedReader<R>,
    separator: u8,
    // The bytes with a special meaning inside a field.
    special: Box<[bool; 256]>,
    columns: Columns,
    fields: Fields,
    place: LinePosition,
    /// The line of a quote that is not closed yet.
    open: Option<u64>,
    skipped: u64,
}

/// The line of the next byte. Lines end with a line feed, a carriage return or both.
struct LinePosition {
    line: u64,
    after_return: bool,
}

/// The fields of one line.
pub(super) struct Fields {
    text: Zeroizing<Vec<u8>>,
    length: usize,
    ends: [usize; MAX_FIELDS],
    count: usize,
    // A bit for each field.
    quoted: u64,
    fit: bool,
}

/// The state of the reader within a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FieldState {
    Start,
    /// Only blanks so far.
    Blanks,
    Unquoted,
    Quoted,
    /// After a quote inside quotes: the closing one, or the first of two.
    Quote,
    /// In text after the closing quote.
    Tail,
}

/// What is wrong with a line. Fields are counted from 1.
#[derive(Clone, Copy)]
enum Fault {
    Open { field: usize },
    Inside { opened: u64 },
    BlanksBefore { field: usize },
    QuoteInside { field: usize },
    TextBehind { field: usize },
}

impl<R: Read> Csv<R> {
    /// Reads the header.
    pub(super) fn new(
        mut bytes: WipedReader<R>,
        passwords: PasswordSource,
    ) -> io::Result<Result<Self, String>> {
        let start = bytes.peek(|start| start.trim_ascii_start().contains(&b'\n'))?;
        let named = header::named_separator(start);
        let separator = named.unwrap_or_else(|| header::likely_separator(start));
        let mut special = Box::new([false; 256]);
        for byte in [b'"', b'\r', b'\n', separator] {
            special[usize::from(byte)] = true;
        }
        let mut csv = Self {
            bytes,
            separator,
            special,
            columns: Columns::default(),
            fields: Fields {
                text: Zeroizing::new(vec![0; MAX_ROW_BYTES]),
                length: 0,
                ends: [0; MAX_FIELDS],
                count: 0,
                quoted: 0,
                fit: true,
            },
            place: LinePosition {
                line: 1,
                after_return: false,
            },
            open: None,
            skipped: 0,
        };
        if named.is_some() {
            csv.read()?;
        }
        let Some((_, fault)) = csv.read()? else {
            return Ok(Err(header::missing()));
        };
        let columns = match fault {
            // Blanks are ignored in a header.
            None | Some(Fault::BlanksBefore { .. }) if csv.fields.fit => Columns::of(&csv.fields, passwords),
            Some(fault) => Err(format!("the first line cannot be read: {}", fault.reason())),
            None => Err(header::too_long()),
        };
        Ok(columns.map(|columns| Self { columns, ..csv }))
    }

    pub(super) fn names_providers(&self) -> bool {
        self.columns.provider.is_some()
    }

    /// The number of lines with only separators and blanks so far.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The line of the next record, and the record or why it is invalid; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Result<RawRow<'_>, String>)>> {
        let (line, fault) = loop {
            let Some((line, fault)) = self.read()? else {
                return Ok(None);
            };
            if fault.is_none() && self.fields.are_blank() {
                self.skipped += 1;
                continue;
            }
            break (line, fault);
        };
        let (columns, fields) = (&self.columns, &self.fields);
        let record = match fault {
            Some(fault) => Err(fault.reason()),
            None if !fields.fit => Err(format!(
                "is longer than {} KiB, or has more than {MAX_FIELDS} fields; is a quote not closed?",
                MAX_ROW_BYTES / 1024
            )),
            None if fields.count != columns.count => Err(format!(
                "has {} fields, but the header has {}; a field that holds the separator needs quotes",
                fields.count, columns.count
            )),
            None => Ok(RawRow {
                user: fields.get(columns.user),
                provider: columns.provider.map_or(&[], |column| fields.get(column)),
                new: columns.new.map(|column| fields.field(column)),
                current: columns.current.map(|column| fields.field(column)),
            }),
        };
        Ok(Some((line, record)))
    }

    // Reads one line of any length into the fields; `None` at the end.
    fn read(&mut self) -> io::Result<Option<(u64, Option<Fault>)>> {
        self.skip_empty_lines()?;
        self.place.after_return = false;
        let line = self.place.line;
        let opened = self.open.take();
        let mut state = opened.map_or(FieldState::Start, |_| FieldState::Quoted);
        let mut fault = opened.map(|opened| Fault::Inside { opened });
        self.fields.clear();
        let mut any = false;
        loop {
            let input = self.bytes.filled()?;
            if input.is_empty() {
                if !any {
                    return Ok(None);
                }
                break;
            }
            any = true;
            let (mut used, mut ended) = (0, false);
            while let Some(byte) = input.get(used)
                && !ended
            {
                if matches!(
                    state,
                    FieldState::Unquoted | FieldState::Quoted | FieldState::Tail
                ) {
                    let rest = &input[used..];
                    let run = rest.iter().position(|byte| self.special[usize::from(*byte)]);
                    let run = run.unwrap_or(rest.len());
                    if run > 0 {
                        self.fields.extend(&rest[..run]);
                        used += run;
                        continue;
                    }
                }
                used += 1;
                ended = matches!(byte, b'\r' | b'\n');
                if ended {
                    self.place.pass(&[*byte]);
                } else {
                    state = self.fields.take(*byte, state, self.separator, &mut fault);
                }
            }
            self.bytes.consume(used);
            if ended {
                break;
            }
        }
        if state == FieldState::Quoted {
            let field = self.fields.count + 1;
            fault.get_or_insert(Fault::Open { field });
            self.open = opened.or(Some(line));
        }
        self.fields.end_field();
        Ok(Some((line, fault)))
    }

    fn skip_empty_lines(&mut self) -> io::Result<()> {
        loop {
            let input = self.bytes.filled()?;
            let empty = input
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            self.place.pass(&input[..empty]);
            self.bytes.consume(empty);
            if empty == 0 {
                return Ok(());
            }
        }
    }
}

impl LinePosition {
    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let ends = *byte == b'\r' || (*byte == b'\n' && !self.after_return);
            self.line += u64::from(ends);
            self.after_return = *byte == b'\r';
        }
    }
}

impl Fields {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    fn field(&self, index: usize) -> Field<'_> {
        Field {
            text: self.get(index),
            exact: self.quoted & (1 << index) != 0,
        }
    }

    // Only blanks, or the end-of-file mark of DOS.
    fn are_blank(&self) -> bool {
        let mut rest = &self.text[..self.length];
        while let Some(blank) = [&b" "[..], b"\t", b"\x1a", b"\xc2\xa0"]
            .into_iter()
            .find(|blank| rest.starts_with(blank))
        {
            rest = &rest[blank.len()..];
        }
        self.fit && rest.is_empty()
    }

    fn clear(&mut self) {
        (self.length, self.count, self.quoted, self.fit) = (0, 0, 0, true);
    }

    // Takes one byte other than a line ending.
    fn take(&mut self, byte: u8, state: FieldState, separator: u8, fault: &mut Option<Fault>) -> FieldState {
        let field = self.count + 1;
        match (state, byte) {
            (FieldState::Quoted, b'"') => return FieldState::Quote,
            (FieldState::Quoted, _) => {}
            (_, _) if byte == separator => {
                self.end_field();
                return FieldState::Start;
            }
            (FieldState::Start | FieldState::Blanks, b'"') => {
                if state == FieldState::Blanks {
                    fault.get_or_insert(Fault::BlanksBefore { field });
                }
                self.quoted |= 1 << self.count.min(MAX_FIELDS - 1);
                return FieldState::Quoted;
            }
            (FieldState::Start | FieldState::Blanks, b' ' | b'\t') => {
                self.push(byte);
                return FieldState::Blanks;
            }
            (FieldState::Start | FieldState::Blanks, _) => {
                self.push(byte);
                return FieldState::Unquoted;
            }
            (FieldState::Unquoted, b'"') => {
                fault.get_or_insert(Fault::QuoteInside { field });
            }
            (FieldState::Quote, b'"') => {
                self.push(byte);
                return FieldState::Quoted;
            }
            (FieldState::Quote, _) => {
                fault.get_or_insert(Fault::TextBehind { field });
                // MySQL escapes quotes this way: the field continues, also across line breaks.
                let escaped = self.length > 0 && self.text[self.length - 1] == b'\\';
                self.push(byte);
                return if escaped {
                    FieldState::Quoted
                } else {
                    FieldState::Tail
                };
            }
            (FieldState::Unquoted | FieldState::Tail, _) => {}
        }
        self.push(byte);
        state
    }

    fn push(&mut self, byte: u8) {
        match self.text.get_mut(self.length) {
            Some(place) => {
                *place = byte;
                self.length += 1;
            }
            None => self.fit = false,
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        match self.text.get_mut(self.length..self.length + bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => self.fit = false,
        }
    }

    fn end_field(&mut self) {
        match self.ends.get_mut(self.count) {
            Some(end) => {
                *end = self.length;
                self.count += 1;
            }
            None => self.fit = false,
        }
    }
}

impl Fault {
    fn reason(self) -> String {
        match self {
            Self::Open { field } => format!(
                "a quote is opened in field {field} and not closed on this line; close it, and write a quote inside \
                 the field twice"
            ),
            Self::Inside { opened } => {
                format!(
                    "is inside the quotes that are opened on line {opened}; see the message for that line"
                )
            }
            Self::BlanksBefore { field } => {
                format!("there are blanks before the quote of field {field}; remove them")
            }
            Self::QuoteInside { field } => format!(
                "there is a quote inside field {field}, which is not quoted; quote the field and write the \
                 quote twice"
            ),
            Self::TextBehind { field } => format!(
                "there is text after the closing quote of field {field}; write a quote inside the field twice"
            ),
        }
    }
}
