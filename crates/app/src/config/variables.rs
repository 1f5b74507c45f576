//! Environment variables that override the file: `REPASS__SECTION__KEY`.

use std::ffi::OsString;

use super::document::{Node, Origin, Table, Value};
use super::problem::{Problem, Problems};
use super::section::REFERENCE_KINDS;

/// How the names of all that count begin.
pub(crate) const PREFIX: &str = "REPASS__";

/// Sets what the variables say; the rest of the tree stays.
pub(super) fn lay_over(
    tree: &mut Node,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &Problems,
) {
    let mut ours: Vec<(String, OsString)> = variables
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    ours.sort_unstable();
    for (name, value) in ours {
        let segments: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_lowercase).collect();
        let origin = Origin::Variable(name);
        if segments.iter().any(String::is_empty) {
            problems.push(Problem::at(origin, "is not of the form REPASS__SECTION__KEY"));
            continue;
        }
        match value.into_string() {
            Ok(text) => set(tree, &segments, text, &origin),
            Err(_) => problems.push(Problem::at(origin, "is not valid UTF-8")),
        }
    }
}

fn set(node: &mut Node, segments: &[String], text: String, origin: &Origin) {
    let [segment, rest @ ..] = segments else {
        *node = Node {
            origin: Some(origin.clone()),
            value: Value::Text(text),
        };
        return;
    };
    if !matches!(node.value, Value::Table(_)) {
        *node = Node {
            origin: Some(origin.clone()),
            value: Value::Table(Table::new()),
        };
    }
    let Value::Table(table) = &mut node.value else {
        return;
    };
    // Of a reference's provider_kinds there may be only one, so the variable's takes the place of the file's.
    if rest.is_empty() && REFERENCE_KINDS.contains(&segment.as_str()) {
        table.retain(|key, _| !REFERENCE_KINDS.contains(&key.as_str()));
    }
    let existing = table
        .keys()
        .find(|key| key.to_lowercase().replace('-', "_") == *segment)
        .cloned();
    let child = table
        .entry(existing.unwrap_or_else(|| segment.clone()))
        .or_insert_with(|| Node {
            origin: Some(origin.clone()),
            value: Value::Table(Table::new()),
        });
    set(child, rest, text, origin);
}
