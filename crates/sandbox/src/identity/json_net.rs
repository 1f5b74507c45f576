//! JSON as Json.NET reads it: single quotes, comments, bare property names and trailing commas pass, numbers
//! and booleans stand in for strings, property names match in any case, unknown ones are skipped. What it
//! refuses, it refuses with line and position, and so does this.

use std::iter::Peekable;
use std::str::Chars;

/// Deeper than any body of the API; what nests deeper is refused rather than followed.
const DEEPEST: usize = 64;

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Flag,
}

/// A known property and what it holds.
pub(super) type Field = (&'static str, Kind);

/// Why a body cannot be bound, and the path of the property it is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) path: String,
    pub(super) message: String,
}

/// The known properties of an object; absent and `null` are the same.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(&'static str, String)>);

impl Fields {
    /// A property's text; of a repeated one, the last.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| text.as_str())
    }
}

/// Reads an object. What comes after it is not looked at.
pub(super) fn object(text: &str, known: &'static [Field]) -> Result<Fields, Error> {
    let mut reader = Reader {
        rest: text.chars().peekable(),
        line: 1,
        position: 0,
        path: String::new(),
    };
    reader.skip_blank()?;
    let missing = Error {
        path: String::new(),
        message: "A non-empty request body is required.".to_owned(),
    };
    match reader.peek() {
        None => Err(missing),
        Some('{') => reader.members(known),
        Some('n') if reader.word() == "null" => Err(missing),
        Some(_) => Err(reader.unexpected_value()),
    }
}

struct Reader<'t> {
    rest: Peekable<Chars<'t>>,
    line: usize,
    /// Characters read on this line.
    position: usize,
    path: String,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.line += 1;
            self.position = 0;
        } else {
            self.position += 1;
        }
        Some(c)
    }

    fn error(&self, what: &str) -> Error {
        let Self {
            path, line, position, ..
        } = self;
        let message = format!("{what}. Path '{path}', line {line}, position {position}.");
        Error {
            path: path.clone(),
            message,
        }
    }

    fn unexpected_value(&mut self) -> Error {
        match self.next() {
            Some(c) => self.error(&format!(
                "Unexpected character encountered while parsing value: {c}"
            )),
            None => self.error("Unexpected end when reading JSON"),
        }
    }

    /// Skips white space and comments of both kinds.
    fn skip_blank(&mut self) -> Result<(), Error> {
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

    fn members(&mut self, known: &'static [Field]) -> Result<Fields, Error> {
        let mut fields = Fields::default();
        self.next();
        loop {
            self.skip_blank()?;
            if self.peek() == Some('}') {
                self.next();
                return Ok(fields);
            }
            let name = self.property_name()?;
            self.path.clone_from(&name);
            self.colon()?;
            match known.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                Some((known, kind)) => fields.0.extend(self.scalar(*kind)?.map(|text| (*known, text))),
                None => self.skip_value(0)?,
            }
            if self.end_of_member('}')? {
                return Ok(fields);
            }
        }
    }

    fn property_name(&mut self) -> Result<String, Error> {
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

    fn colon(&mut self) -> Result<(), Error> {
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
    fn end_of_member(&mut self, close: char) -> Result<bool, Error> {
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

    /// A known property's value, as text; `None` for `null`.
    fn scalar(&mut self, kind: Kind) -> Result<Option<String>, Error> {
        let text = match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '.') => self.word(),
            Some('t' | 'f' | 'n') => match self.bare_word()?.as_str() {
                "null" => return Ok(None),
                word => word.to_owned(),
            },
            _ => return Err(self.unexpected_value()),
        };
        let is_flag = ["true", "false"]
            .iter()
            .any(|flag| text.eq_ignore_ascii_case(flag));
        if kind == Kind::Flag && !is_flag && text.parse::<f64>().is_err() {
            return Err(self.error(&format!("Could not convert string to boolean: {text}")));
        }
        Ok(Some(text))
    }

    /// `true`, `false` or `null`; anything else fails at its first character.
    fn bare_word(&mut self) -> Result<String, Error> {
        let mut ahead = self.rest.clone();
        let word: String = std::iter::from_fn(|| ahead.next_if(|c| c.is_alphanumeric())).collect();
        if matches!(word.as_str(), "true" | "false" | "null") {
            Ok(self.word())
        } else {
            Err(self.unexpected_value())
        }
    }

    /// Everything up to a character that ends a bare word.
    fn word(&mut self) -> String {
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

    fn quoted(&mut self, quote: char) -> Result<String, Error> {
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

    fn skip_value(&mut self, depth: usize) -> Result<(), Error> {
        match self.peek() {
            Some(open @ ('{' | '[')) if depth < DEEPEST => {
                self.next();
                let close = if open == '{' { '}' } else { ']' };
                loop {
                    self.skip_blank()?;
                    if self.peek() == Some(close) {
                        self.next();
                        return Ok(());
                    }
                    if open == '{' {
                        self.property_name()?;
                        self.colon()?;
                    }
                    self.skip_value(depth + 1)?;
                    if self.end_of_member(close)? {
                        return Ok(());
                    }
                }
            }
            _ => self.scalar(Kind::Text).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Field] = &[("newPassword", Kind::Text), ("isActive", Kind::Flag)];

    #[test]
    fn reads_what_the_library_is_lenient_about() {
        let rows = [
            (
                r#"{"newPassword":"a\"\\\u00e9\ud83d\udd11"}"#,
                Some("a\"\\é\u{1F511}"),
            ),
            ("{'NEWPASSWORD' : 'x' ,}", Some("x")),
            ("// one\n{ newPassword: /* two **/ 12.50 }", Some("12.50")),
            (r#"{"newPassword":true}"#, Some("true")),
            (r#"{"newPassword":null}"#, None),
            (
                r#"{"other":{"a":[1,{"newPassword":"no"}],},"newPassword":"yes"} trailing"#,
                Some("yes"),
            ),
            (r#"{"newPassword":"first","newpassword":"last"}"#, Some("last")),
            ("{}", None),
        ];
        for (body, expected) in rows {
            let fields = object(body, KNOWN).unwrap_or_else(|error| panic!("{body}: {error:?}"));
            assert_eq!(fields.text("newPassword"), expected, "{body}");
        }
    }

    #[test]
    fn refuses_with_path_line_and_position() {
        let rows = [
            ("", "", "A non-empty request body is required."),
            ("  \n", "", "A non-empty request body is required."),
            ("null", "", "A non-empty request body is required."),
            (
                r#"{"newPassword":{}}"#,
                "newPassword",
                "Unexpected character encountered while parsing value: {. Path 'newPassword', line 1, position 16.",
            ),
            (
                "{\n    \"isActive\": wrong}",
                "isActive",
                "Unexpected character encountered while parsing value: w. Path 'isActive', line 2, position 17.",
            ),
            (
                "{\"newPassword\":\"abc",
                "newPassword",
                "Unterminated string. Expected delimiter: \". Path 'newPassword', line 1, position 19.",
            ),
            (
                "[]",
                "",
                "Unexpected character encountered while parsing value: [. Path '', line 1, position 1.",
            ),
            (
                r#"{"isActive":"perhaps"}"#,
                "isActive",
                "Could not convert string to boolean: perhaps. Path 'isActive', line 1, position 21.",
            ),
        ];
        for (body, path, message) in rows {
            let expected = Error {
                path: path.to_owned(),
                message: message.to_owned(),
            };
            assert_eq!(object(body, KNOWN), Err(expected), "{body}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let body = format!(r#"{{"other":{}}}"#, "[".repeat(100_000));
        assert!(object(&body, KNOWN).is_err());
    }
}
