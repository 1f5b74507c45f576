//! CSV into buffers that are wiped.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use zeroize::Zeroizing;

use super::bytes::Bytes;
use super::record::{COLUMNS, Record};
use super::{LONGEST_ROW, Passwords};

const MOST_FIELDS: usize = 64;

pub(super) struct Csv<R> {
    bytes: Bytes<R>,
    parser: Reader,
    columns: Columns,
    fields: Fields,
    place: Place,
}

/// The line on which the next byte stands. Lines end as records do: with a line feed, a carriage return or both, so
/// that no two records stand on the same one.
struct Place {
    line: u64,
    after_return: bool,
}

/// Which field holds what.
#[derive(Default)]
struct Columns {
    user: usize,
    new: Option<usize>,
    current: Option<usize>,
    provider: Option<usize>,
    count: usize,
}

struct Fields {
    text: Zeroizing<Vec<u8>>,
    ends: [usize; MOST_FIELDS],
    count: usize,
}

/// Why there is no record in [`Fields`].
enum Unread {
    End,
    TooLong,
}

impl<R: Read> Csv<R> {
    /// Reads the header.
    pub(super) fn new(mut bytes: Bytes<R>, passwords: Passwords) -> io::Result<Result<Self, String>> {
        let separator = separator(bytes.peek(|start| start.trim_ascii_start().contains(&b'\n'))?);
        let mut csv = Self {
            bytes,
            parser: ReaderBuilder::new().delimiter(separator).build(),
            columns: Columns::default(),
            fields: Fields {
                text: Zeroizing::new(vec![0; LONGEST_ROW]),
                ends: [0; MOST_FIELDS],
                count: 0,
            },
            place: Place {
                line: 1,
                after_return: false,
            },
        };
        let (_, read) = csv.read()?;
        let columns = match read {
            Ok(()) => Columns::of(&csv.fields, passwords),
            Err(_) => Err(format!(
                "the first line is longer than {} KiB; it must name the columns: {COLUMNS}",
                LONGEST_ROW / 1024
            )),
        };
        Ok(columns.map(|columns| Self { columns, ..csv }))
    }

    pub(super) fn names_providers(&self) -> bool {
        self.columns.provider.is_some()
    }

    /// The line on which the next record starts, and the record or why it is none; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<(u64, Option<Result<Record<'_>, String>>)> {
        let (line, read) = self.read()?;
        let (columns, fields) = (&self.columns, &self.fields);
        let record = match read {
            Err(Unread::End) => return Ok((line, None)),
            Err(Unread::TooLong) => Err(format!(
                "is longer than {} KiB, or has more than {MOST_FIELDS} fields; is a quote not closed?",
                LONGEST_ROW / 1024
            )),
            Ok(()) if fields.count != columns.count => Err(format!(
                "has {} fields, but the header has {}; a field that holds the separator needs quotes",
                fields.count, columns.count
            )),
            Ok(()) => Ok(Record {
                user: fields.get(columns.user),
                provider: columns.provider.map_or(&[], |column| fields.get(column)),
                new: columns.new.map(|column| fields.get(column)),
                current: columns.current.map(|column| fields.get(column)),
            }),
        };
        Ok((line, Some(record)))
    }

    // Reads one record into the fields, whatever its length.
    fn read(&mut self) -> io::Result<(u64, Result<(), Unread>)> {
        self.skip_empty_lines()?;
        let line = self.place.line;
        let (mut length, mut too_long) = (0, false);
        self.fields.count = 0;
        loop {
            let input = self.bytes.filled()?;
            let (result, used, written, ended) = self.parser.read_record(
                input,
                &mut self.fields.text[length..],
                &mut self.fields.ends[self.fields.count..],
            );
            self.place.pass(&input[..used]);
            self.bytes.consume(used);
            length += written;
            self.fields.count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                // The rest of it is read over what there is.
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    too_long = true;
                    length = 0;
                    self.fields.count = 0;
                }
                _ if too_long => return Ok((line, Err(Unread::TooLong))),
                ReadRecordResult::Record => return Ok((line, Ok(()))),
                ReadRecordResult::End => return Ok((line, Err(Unread::End))),
            }
        }
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

impl Place {
    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let ends = *byte == b'\r' || (*byte == b'\n' && !self.after_return);
            self.line += u64::from(ends);
            self.after_return = *byte == b'\r';
        }
    }
}

impl Fields {
    fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }
}

impl Columns {
    // A file without a header may have a password in its first line, so nothing of it is quoted.
    fn of(header: &Fields, passwords: Passwords) -> Result<Self, String> {
        let mut problems = Vec::new();
        let (mut user, mut new, mut current, mut provider) = (None, None, None, None);
        for index in 0..header.count {
            let name = header.get(index).trim_ascii();
            let column = match name {
                b"user" => &mut user,
                b"new_password" => &mut new,
                b"current_password" => &mut current,
                b"provider" => &mut provider,
                _ => {
                    problems.push(format!(
                        "column {} of the header is none that is known",
                        index + 1
                    ));
                    continue;
                }
            };
            if column.replace(index).is_some() {
                let name = String::from_utf8_lossy(name);
                problems.push(format!("the header has the column {name} twice"));
            }
        }
        if user.is_none() {
            problems.push("the header has no column user".to_owned());
        }
        match passwords {
            Passwords::Given if new.is_none() => {
                problems.push(
                    "the header has no column new_password, and passwords are not to be made".to_owned(),
                );
            }
            Passwords::Generated if new.is_some() || current.is_some() => problems.push(
                "the header has a column of passwords, although they are to be made; leave it out".to_owned(),
            ),
            _ => {}
        }
        match user {
            Some(user) if problems.is_empty() => Ok(Self {
                user,
                new,
                current,
                provider,
                count: header.count,
            }),
            _ => Err(format!(
                "{}; the first line must name the columns, which are: {COLUMNS}",
                problems.join("; ")
            )),
        }
    }
}

// The first of them on the first line.
fn separator(start: &[u8]) -> u8 {
    let visible = start.trim_ascii_start();
    let header = visible
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .next()
        .unwrap_or_default();
    let found = header.iter().find(|byte| matches!(byte, b',' | b';' | b'\t'));
    found.copied().unwrap_or(b',')
}
