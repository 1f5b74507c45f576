//! Named texts, as bodies carry them.

/// `name=text`, one behind the other, with U+001E between them: a text may hold a line's end. A name
/// becomes letters and `_`, as the providers' are.
pub(super) fn fields(data: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(data);
    let field = |field: &str| {
        let (name, value) = field.split_once('=').unwrap_or(("field", field));
        let name = name.chars().filter(|c| c.is_ascii_alphabetic() || *c == '_');
        (name.collect(), value.to_owned())
    };
    text.split('\u{1e}').map(field).collect()
}

/// The same as an encoder takes them.
pub(super) fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    let fields = fields.iter();
    fields
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect()
}
