//! The characters of a text, and the tokens they make.

use std::iter::Peekable;
use std::str::Chars;

use super::Error;

pub(super) struct Reader<'t> {
    rest: Peekable<Chars<'t>>,
    line: usize,
    /// Characters read on this line.
    position: usize,
    /// The property being read.
    pub(super) path: String,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            rest: text.chars().peekable(),
            line: 1,
            position: 0,
            path: String::new(),
        }
    }

    pub(super) fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.line += 1;
            self.position = 0;
        } else {
            self.position += 1;
        }
        Some(c)
    }

    pub(super) fn error(&self, what: &str) -> Error {
        let Self {
            path, line, position, ..
        } = self;
        let message = format!("{what}. Path '{path}', line {line}, position {position}.");
        Error {
            path: path.clone(),
            message,
        }
    }

    pub(super) fn unexpected_value(&mut self) -> Error {
        match self.next() {
            Some(c) => self.error(&format!(
                "Unexpected character encountered while parsing value: {c}"
            )),
            None => self.error("Unexpected end when reading JSON"),
        }
    }

    /// Skips white space and comments of both kinds.
    pub(super) fn skip_blank(&mut self) -> Result<(), Error> {
        while let Some(c) = self.peek() {
            match c {
                '/' => self.skip_comment()?,
                c if c.is_whitespace() || c == '\u{feff}' => drop(self.next()),
                _ => break,
            }
        }
        Ok(())
    }

    fn skip_comment(&mut self) -> Result<(), Error> {
        self.next();
        match self.next() {
            Some('/') => {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.next();
                }
                Ok(())
            }
            Some('*') => {
                let mut star = false;
                while let Some(c) = self.next() {
                    if star && c == '/' {
                        return Ok(());
                    }
                    star = c == '*';
                }
                Err(self.error("Unexpected end while parsing comment"))
            }
            _ => Err(self.error("Error parsing comment. Expected: *")),
        }
    }

    pub(super) fn property_name(&mut self) -> Result<String, Error> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            Some(c) if c.is_alphanumeric() || matches!(c, '_' | '$') => Ok(self.word()),
            Some(c) => {
                self.next();
                Err(self.error(&format!("Invalid property identifier character: {c}")))
            }
            None => Err(self.error("Unexpected end when deserializing object")),
        }
    }

    pub(super) fn colon(&mut self) -> Result<(), Error> {
        self.skip_blank()?;
        match self.next() {
            Some(':') => self.skip_blank(),
            Some(c) => Err(self.error(&format!(
                "Invalid character after parsing property name. Expected ':' but got: {c}"
            ))),
            None => Err(self.error("Unexpected end when reading JSON")),
        }
    }

    /// Whether the object or array ends here; a comma goes on.
    pub(super) fn end_of_member(&mut self, close: char) -> Result<bool, Error> {
        self.skip_blank()?;
        match self.next() {
            Some(',') => Ok(false),
            Some(c) if c == close => Ok(true),
            Some(c) => Err(self.error(&format!(
                "After parsing a value an unexpected character was encountered: {c}"
            ))),
            None => Err(self.error("Unexpected end when deserializing object")),
        }
    }

    /// `true`, `false` or `null`; anything else fails at its first character.
    pub(super) fn bare_word(&mut self) -> Result<String, Error> {
        let mut ahead = self.rest.clone();
        let word: String = std::iter::from_fn(|| ahead.next_if(|c| c.is_alphanumeric())).collect();
        if matches!(word.as_str(), "true" | "false" | "null") {
            Ok(self.word())
        } else {
            Err(self.unexpected_value())
        }
    }

    /// Everything up to a character that ends a bare word.
    pub(super) fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '+' | '.'))
        {
            word.push(c);
            self.next();
        }
        word
    }

    pub(super) fn quoted(&mut self, quote: char) -> Result<String, Error> {
        self.next();
        let mut units: Vec<u16> = Vec::new();
        loop {
            let Some(c) = self.next() else {
                return Err(self.error(&format!("Unterminated string. Expected delimiter: {quote}")));
            };
            match c {
                c if c == quote => return Ok(String::from_utf16_lossy(&units)),
                '\\' => units.push(self.escape()?),
                c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            }
        }
    }

    /// One UTF-16 unit: a character beyond the basic plane is escaped as two.
    fn escape(&mut self) -> Result<u16, Error> {
        let escaped = self.next();
        let unit = match escaped {
            Some('b') => 8,
            Some('t') => 9,
            Some('n') => 10,
            Some('f') => 12,
            Some('r') => 13,
            Some(c @ ('"' | '\'' | '\\' | '/')) => c as u16,
            Some('u') => {
                let digits: String = (0..4).filter_map(|_| self.next()).collect();
                return u16::from_str_radix(&digits, 16)
                    .map_err(|_| self.error(&format!("Invalid Unicode escape sequence: \\u{digits}")));
            }
            _ => {
                let c = escaped.map(String::from).unwrap_or_default();
                return Err(self.error(&format!("Bad JSON escape sequence: \\{c}")));
            }
        };
        Ok(unit)
    }
}
