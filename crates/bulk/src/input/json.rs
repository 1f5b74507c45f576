//! JSON lines into types that wipe themselves.

use std::io::{self, Read};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::LONGEST_ROW;
use super::bytes::Bytes;
use super::record::{COLUMNS, Record};

pub(super) struct Json<R> {
    bytes: Bytes<R>,
    text: Zeroizing<Vec<u8>>,
    object: Object,
    line: u64,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    user: String,
    #[serde(default)]
    provider: String,
    new_password: Option<SecretString>,
    current_password: Option<SecretString>,
}

impl<R: Read> Json<R> {
    pub(super) fn new(bytes: Bytes<R>) -> Self {
        Self {
            bytes,
            text: Zeroizing::new(Vec::with_capacity(LONGEST_ROW)),
            object: Object::default(),
            line: 0,
        }
    }

    /// The number of the next line that is not empty, and its record or why it is none; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<(u64, Option<Result<Record<'_>, String>>)> {
        loop {
            self.line += 1;
            match self.read_line()? {
                None => return Ok((self.line, None)),
                Some(false) => {
                    let reason = format!("is longer than {} KiB", LONGEST_ROW / 1024);
                    return Ok((self.line, Some(Err(reason))));
                }
                Some(true) if self.text.trim_ascii().is_empty() => {}
                Some(true) => break,
            }
        }
        // A list would be read as an object without names.
        let is_object = self.text.trim_ascii_start().starts_with(b"{");
        let text = if is_object { &self.text[..] } else { b"" };
        // What serde says quotes what it found, which may be a password.
        self.object = match serde_json::from_slice(text) {
            Ok(object) => object,
            Err(error) => {
                let reason = format!(
                    "is not an object with the text fields {COLUMNS}, of which user is needed (see column {})",
                    error.column()
                );
                return Ok((self.line, Some(Err(reason))));
            }
        };
        Ok((self.line, Some(Ok(self.object.record()))))
    }

    // Whether it was short enough; `None` at the end.
    fn read_line(&mut self) -> io::Result<Option<bool>> {
        self.text.clear();
        let (mut fits, mut any) = (true, false);
        loop {
            let input = self.bytes.filled()?;
            if input.is_empty() {
                return Ok(any.then_some(fits));
            }
            any = true;
            let end = input.iter().position(|byte| *byte == b'\n');
            let part = &input[..end.unwrap_or(input.len())];
            fits &= self.text.len() + part.len() <= LONGEST_ROW;
            if fits {
                self.text.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.bytes.consume(used);
            if end.is_some() {
                return Ok(Some(fits));
            }
        }
    }
}

impl Object {
    #[expect(
        clippy::disallowed_methods,
        reason = "on its way from one wiping type to the other"
    )]
    fn record(&self) -> Record<'_> {
        Record {
            user: self.user.as_bytes(),
            provider: self.provider.as_bytes(),
            new: self
                .new_password
                .as_ref()
                .map(|secret| secret.expose_secret().as_bytes()),
            current: self
                .current_password
                .as_ref()
                .map(|secret| secret.expose_secret().as_bytes()),
        }
    }
}
