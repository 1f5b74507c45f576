//! From named values to typed fields, with everything that is wrong with them.

use std::collections::BTreeMap;

use repass_domain::FieldProblem;
use serde_json::{Map, Value};

/// Values by name, from which typed fields are taken. What is left at the end is no field.
#[derive(Debug)]
pub(super) struct Given<'a> {
    values: BTreeMap<String, Value>,
    // Where the values stand: "" or, for example, `phone_numbers[0].`.
    place: String,
    known: Vec<&'static str>,
    problems: &'a mut Vec<FieldProblem>,
}

impl<'a> Given<'a> {
    pub(super) fn new(values: BTreeMap<String, Value>, problems: &'a mut Vec<FieldProblem>) -> Self {
        Self::within(String::new(), values, problems)
    }

    fn within(place: String, values: BTreeMap<String, Value>, problems: &'a mut Vec<FieldProblem>) -> Self {
        Self {
            values,
            place,
            known: Vec::new(),
            problems,
        }
    }

    /// The field of this name; `None` if it is not given, or is of another type, which is noted.
    pub(super) fn take<T: Field>(&mut self, name: &'static str) -> Option<T> {
        self.known.push(name);
        let value = self.values.remove(name)?;
        T::read(value, &format!("{}{name}", self.place), self.problems)
    }

    /// Notes what is left.
    pub(super) fn finish(self) {
        for name in self.values.into_keys() {
            let (code, message) = match (self.place.as_str(), name.as_str()) {
                ("", "email") => (
                    "elsewhere",
                    "is not changed here, where Zoom would ignore it in silence; change it in Zoom's admin portal"
                        .to_owned(),
                ),
                ("", "password") => (
                    "elsewhere",
                    "is not changed here; make a password change (`repass reset`)".to_owned(),
                ),
                (place, "verified") if place.starts_with("phone_numbers[") => {
                    ("read_only", "can be read and not set".to_owned())
                }
                _ => ("unknown_field", unknown(&name, &self.known)),
            };
            // What is no field may hold anything.
            let shown: String = name.escape_debug().take(64).collect();
            let field = format!("{}{shown}", self.place);
            self.problems.push(FieldProblem::new(field, code, message));
        }
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    let name = name.to_lowercase();
    let near = known
        .iter()
        .map(|known| (strsim::osa_distance(&name, known), known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1))
        .min();
    match near {
        Some((_, near)) => format!("is no field of a profile at Zoom; did you mean `{near}`?"),
        None => "is no field of a profile at Zoom, which would ignore it in silence".to_owned(),
    }
}

/// What a field can hold.
pub(super) trait Field: Sized {
    /// The value as this type; `None` with the problem noted if it is of another. `null` clears.
    fn read(value: Value, place: &str, problems: &mut Vec<FieldProblem>) -> Option<Self>;
}

impl Field for String {
    /// Cleared by the empty text (inferred).
    fn read(value: Value, place: &str, problems: &mut Vec<FieldProblem>) -> Option<Self> {
        match value {
            Value::String(text) => Some(text),
            Value::Null => Some(Self::new()),
            _ => wrong_type(place, "takes text", problems),
        }
    }
}

impl Field for u64 {
    fn read(value: Value, place: &str, problems: &mut Vec<FieldProblem>) -> Option<Self> {
        match spelled(value) {
            Value::Null => not_clearable(place, problems),
            // Never by way of a float, which would round the larger plans.
            value => value
                .as_u64()
                .or_else(|| wrong_type(place, "takes a whole number that is not negative", problems)),
        }
    }
}

impl Field for bool {
    fn read(value: Value, place: &str, problems: &mut Vec<FieldProblem>) -> Option<Self> {
        match spelled(value) {
            Value::Null => not_clearable(place, problems),
            value => value
                .as_bool()
                .or_else(|| wrong_type(place, "takes true or false", problems)),
        }
    }
}

impl<T: Field> Field for Vec<T> {
    /// Cleared by the empty list (inferred).
    fn read(value: Value, place: &str, problems: &mut Vec<FieldProblem>) -> Option<Self> {
        match spelled(value) {
            Value::Null => Some(Self::new()),
            Value::Array(items) => {
                let read = |(index, item)| T::read(item, &format!("{place}[{index}]"), problems);
                Some(items.into_iter().enumerate().filter_map(read).collect())
            }
            _ => wrong_type(place, "takes a list", problems),
        }
    }
}

/// Reads an object's fields.
pub(super) fn object<T>(
    value: Value,
    place: &str,
    problems: &mut Vec<FieldProblem>,
    take: impl FnOnce(&mut Given<'_>) -> T,
) -> Option<T> {
    match spelled(value) {
        Value::Null => not_clearable(place, problems),
        Value::Object(members) => {
            let mut given = Given::within(format!("{place}."), map(members), problems);
            let object = take(&mut given);
            given.finish();
            Some(object)
        }
        _ => wrong_type(place, "takes an object", problems),
    }
}

fn map(members: Map<String, Value>) -> BTreeMap<String, Value> {
    members.into_iter().collect()
}

// A text stands for the JSON that it spells.
fn spelled(value: Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        value => value,
    }
}

fn wrong_type<T>(place: &str, takes: &str, problems: &mut Vec<FieldProblem>) -> Option<T> {
    problems.push(FieldProblem::new(place, "type", takes));
    None
}

fn not_clearable<T>(place: &str, problems: &mut Vec<FieldProblem>) -> Option<T> {
    let message = "cannot be cleared; give it another value";
    problems.push(FieldProblem::new(place, "not_clearable", message));
    None
}
