//! Reading the portal's JSON, which spells its names in camelCase and in PascalCase (observed).

use serde_json::Value;

/// The field of this name, in either spelling.
pub(crate) fn field<'a>(object: &'a Value, name: &'a str) -> Option<&'a Value> {
    fields(object, name).next()
}

/// The fields of this name, in every spelling.
pub(crate) fn fields<'a>(object: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    let members = object.as_object().into_iter().flatten();
    let named = members.filter(move |(key, _)| key.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value)
}

/// The field's text, unless it is empty.
pub(crate) fn text_of(object: &Value, name: &str) -> Option<String> {
    field(object, name)?
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// A text as it is, anything else as JSON.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
