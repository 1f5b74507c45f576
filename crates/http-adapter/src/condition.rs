//! What must hold of a response's body for a row to apply.

use repass_transport::Json;
use serde::Deserialize;
use serde_json::Value;

use crate::template::{Template, Values};

/// A place in a JSON document (RFC 6901). Members are compared exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer(Vec<String>);

impl Pointer {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(format!(
                "`{text}` is no JSON pointer; write \"\" for the whole body, or begin with `/`"
            ));
        }
        let steps = text.split('/').skip(1);
        Ok(Self(
            steps
                .map(|step| step.replace("~1", "/").replace("~0", "~"))
                .collect(),
        ))
    }

    /// What stands there. `Err` where an object on the way has the same member twice: what it says is uncertain.
    pub(crate) fn find<'j>(&self, body: &'j Json) -> Result<Option<&'j Json>, Contradiction> {
        let mut found = body;
        for step in &self.0 {
            found = match found {
                Json::List(items) => {
                    let item = step.parse::<usize>().ok().and_then(|index| items.get(index));
                    let Some(item) = item else { return Ok(None) };
                    item
                }
                Json::Object(members) => {
                    let mut named = members.iter().filter(|(name, _)| name == step);
                    let Some((_, value)) = named.next() else {
                        return Ok(None);
                    };
                    if named.any(|(_, other)| other != value) {
                        return Err(Contradiction);
                    }
                    value
                }
                _ => return Ok(None),
            };
        }
        Ok(Some(found))
    }
}

/// The body says two things in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contradiction;

/// A condition as it is written: `{ at = "/code", is = 1001 }`.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCondition {
    pub(crate) at: String,
    pub(crate) is: Option<Value>,
    pub(crate) has: Option<String>,
    pub(crate) not: Option<Vec<Value>>,
    pub(crate) absent: Option<bool>,
}

/// A condition on one place of the body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) at: Pointer,
    pub(crate) test: Test,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// Something stands there.
    Present,
    /// Nothing does.
    Absent,
    /// This does. A number and a text with the same digits are equal: servers write ids both ways.
    Is(Value),
    /// This text does, filled in for each call.
    IsText(Template),
    /// A text that contains this, in any letter case.
    Has(String),
    /// Something else than any of these.
    Not(Vec<Value>),
}

impl Condition {
    /// Compiles it; texts of `is` may hold `{names}`.
    pub(crate) fn compile(
        raw: &RawCondition,
        template: impl Fn(&str) -> Result<Template, String>,
    ) -> Result<Self, String> {
        let at = Pointer::parse(&raw.at)?;
        let given = usize::from(raw.is.is_some())
            + usize::from(raw.has.is_some())
            + usize::from(raw.not.is_some())
            + usize::from(raw.absent.is_some());
        if given > 1 {
            return Err("takes one of `is`, `has`, `not` and `absent`".to_owned());
        }
        let test = if let Some(is) = &raw.is {
            match is {
                Value::String(text) => Test::IsText(template(text)?),
                other => Test::Is(other.clone()),
            }
        } else if let Some(has) = &raw.has {
            if has.is_empty() {
                return Err("`has` is empty, so every text would match".to_owned());
            }
            Test::Has(has.to_lowercase())
        } else if let Some(not) = &raw.not {
            Test::Not(not.clone())
        } else if raw.absent == Some(true) {
            Test::Absent
        } else {
            Test::Present
        };
        Ok(Self { at, test })
    }

    /// Whether it holds of this body.
    pub(crate) fn holds(&self, body: Option<&Json>, values: &Values<'_>) -> bool {
        let Some(body) = body else { return false };
        let Ok(found) = self.at.find(body) else {
            return false;
        };
        match (&self.test, found) {
            (Test::Absent, found) => found.is_none(),
            (_, None) => false,
            (Test::Present, Some(_)) => true,
            (Test::Is(value), Some(found)) => is_same(found, value),
            (Test::IsText(text), Some(found)) => is_scalar(found) && found.plain() == *text.fill(values),
            (Test::Has(part), Some(found)) => found
                .as_text()
                .is_some_and(|text| text.to_lowercase().contains(part.as_str())),
            (Test::Not(values), Some(found)) => !values.iter().any(|value| is_same(found, value)),
        }
    }
}

fn is_scalar(json: &Json) -> bool {
    !matches!(json, Json::List(_) | Json::Object(_))
}

fn is_same(found: &Json, value: &Value) -> bool {
    match (found, value) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(found), Value::Bool(value)) => found == value,
        (Json::Number(_) | Json::Text(_), Value::Number(number)) => found.plain() == number.to_string(),
        (Json::Number(_) | Json::Text(_), Value::String(text)) => found.plain() == *text,
        (Json::List(items), Value::Array(values)) => {
            items.len() == values.len() && items.iter().zip(values).all(|(item, value)| is_same(item, value))
        }
        (Json::Object(members), Value::Object(values)) => {
            members.len() == values.len()
                && members
                    .iter()
                    .all(|(name, member)| values.get(name).is_some_and(|value| is_same(member, value)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn holds(condition: &str, body: &str) -> bool {
        let raw: RawCondition = toml::from_str(condition).unwrap();
        let condition = Condition::compile(&raw, |text| Template::parse(text, &BTreeMap::new())).unwrap();
        let values = Values {
            id: "17",
            ..Values::of("alice")
        };
        condition.holds(Json::read_value(body).as_ref(), &values)
    }

    #[test]
    fn condition_compares_value_text_and_presence() {
        for (condition, body, expected) in [
            ("at = '/a'", r#"{"a":null}"#, true),
            ("at = '/a'", r#"{"A":1}"#, false),
            ("at = '/a/1/b'\nis = 2", r#"{"a":[0,{"b":2}]}"#, true),
            ("at = '/a'\nis = 17", r#"{"a":"17"}"#, true),
            ("at = '/a'\nis = '{id}'", r#"{"a":17}"#, true),
            ("at = '/a'\nis = '{id}'", r#"{"a":[17]}"#, false),
            ("at = '/a'\nis = true", r#"{"a":"true"}"#, false),
            ("at = ''\nis = {}", "{}", true),
            ("at = ''\nis = {}", r#"{"error":1}"#, false),
            ("at = ''\nis = 0", "0", true),
            ("at = ''\nis = 'unknown_user'", "\"unknown_user\"", true),
            ("at = '/m'\nhas = 'Too Short'", r#"{"m":"it is too short"}"#, true),
            ("at = '/m'\nhas = 'short'", r#"{"m":["short"]}"#, false),
            ("at = '/s'\nnot = [0]", r#"{"s":0}"#, false),
            ("at = '/s'\nnot = [0]", r#"{"s":3}"#, true),
            ("at = '/s'\nnot = [0]", "{}", false),
            ("at = '/s'\nabsent = true", "{}", true),
            ("at = '/s'\nabsent = true", r#"{"s":1}"#, false),
            ("at = ''", "<html>", false),
        ] {
            assert_eq!(holds(condition, body), expected, "{condition} of {body}");
        }
    }

    #[test]
    fn contradictory_members_satisfy_no_condition() {
        let body = r#"{"ok":true,"ok":false}"#;
        for condition in ["at = '/ok'", "at = '/ok'\nis = true", "at = '/ok'\nabsent = true"] {
            assert!(!holds(condition, body), "{condition}");
        }
        assert!(holds("at = '/ok'\nis = true", r#"{"ok":true,"ok":true}"#));
    }
}
