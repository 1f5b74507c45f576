//! JSON as Json.NET reads it: single quotes, comments, bare property names and trailing commas pass, numbers
//! and booleans stand in for strings, property names match in any case, unknown ones are skipped. What it
//! refuses, it refuses with line and position, and so does this.

mod reader;

use reader::Reader;

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
pub(super) struct Fields(Vec<(&'static str, Option<String>)>);

impl Fields {
    /// A property's text; of a repeated one, the last.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| *known == name)
            .and_then(|(_, text)| text.as_deref())
    }
}

/// Reads an object. What comes after it is not looked at.
pub(super) fn object(text: &str, known: &'static [Field]) -> Result<Fields, Error> {
    let mut reader = Reader::new(text);
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

impl Reader<'_> {
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
                Some((known, kind)) => fields.0.push((*known, self.scalar(*kind)?)),
                None => self.skip_value(0)?,
            }
            if self.end_of_member('}')? {
                return Ok(fields);
            }
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
    fn newtonsoft_json_accepts_lenient_syntax() {
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
            (r#"{"newPassword":"first","newPassword":null}"#, None),
            ("{}", None),
        ];
        for (body, expected) in rows {
            let fields = object(body, KNOWN).unwrap_or_else(|error| panic!("{body}: {error:?}"));
            assert_eq!(fields.text("newPassword"), expected, "{body}");
        }
    }

    #[test]
    fn newtonsoft_json_error_has_path_line_and_position() {
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
    fn newtonsoft_json_rejects_deep_nesting() {
        let body = format!(r#"{{"other":{}}}"#, "[".repeat(100_000));
        assert!(object(&body, KNOWN).is_err());
    }
}
