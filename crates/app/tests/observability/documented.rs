//! `docs/observability.md` names what the code names, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use ::metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use repass::{CallContext, ChangeReceipt, Error, Password, PasswordService, PasswordServiceExt as _};

const PAGE: &str = include_str!("../../../../docs/observability.md");

pub(crate) const ALICE: &str = "alice@example.com";

pub(crate) async fn reset(service: &dyn PasswordService, new: &str) -> Result<ChangeReceipt, Error> {
    let new = Password::new(new).unwrap();
    let cx = CallContext::with_budget(Duration::from_secs(10));
    service.reset(&cx, ALICE.parse().unwrap(), new).await
}

/// The rows of a table, cell by cell.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let section = PAGE.split("\n## ").find(|section| section.starts_with(heading));
    let table = section.unwrap().lines().filter(|line| line.starts_with('|'));
    table
        .skip(2)
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// The words in a cell that are code.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The labels that the page gives a metric.
pub(crate) fn labels(metric: &str) -> Vec<&'static str> {
    let of_metric = |row: &Vec<&'static str>| code(row[0]) == [metric];
    let row = rows("Metrics").into_iter().find(of_metric);
    code(row.unwrap_or_else(|| panic!("{metric} is not on the page"))[2])
}

/// Hears which metrics are described.
#[derive(Default)]
struct Described(Mutex<BTreeMap<String, (&'static str, Option<Unit>)>>);

impl Described {
    fn note(&self, key: &KeyName, kind: &'static str, unit: Option<Unit>) {
        let name = key.as_str().to_owned();
        self.0.lock().unwrap().insert(name, (kind, unit));
    }
}

impl Recorder for Described {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.note(&key, "counter", unit);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.note(&key, "gauge", unit);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.note(&key, "histogram", unit);
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn every_metric_and_no_other_is_on_the_page() {
    let described = Described::default();
    ::metrics::with_local_recorder(&described, repass::describe_metrics);
    let in_code = described.0.into_inner().unwrap();
    let unit = |name: &str| {
        let seconds = name.ends_with("_seconds");
        Some(if seconds { Unit::Seconds } else { Unit::Count })
    };
    let on_page: BTreeMap<_, _> = rows("Metrics")
        .into_iter()
        .map(|row| (code(row[0])[0].to_owned(), (row[1], unit(code(row[0])[0]))))
        .collect();
    assert_eq!(in_code, on_page);
}

/// The library's own sources; the command line tells of itself.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("cli") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The arguments of a call, which begins behind its opening parenthesis.
fn arguments(call: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 1);
    for (at, c) in call.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            found.push(call[start..at].trim());
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    found.retain(|argument| !argument.is_empty());
    found
}

/// Each span and event in some code: its name, with its level and fields.
fn told_by(code: &str) -> Vec<(String, (String, Vec<String>))> {
    let mut found = Vec::new();
    for call in code.split("tracing::").skip(1) {
        let Some((word, rest)) = call.split_once("!(") else {
            continue;
        };
        let (level, is_span) = match word.strip_suffix("_span") {
            Some(level) => (level, true),
            None => (word, false),
        };
        if !["trace", "debug", "info", "warn", "error"].contains(&level) {
            continue;
        }
        let (mut name, mut fields) = (String::new(), Vec::new());
        for argument in arguments(rest) {
            if let Some(text) = argument.strip_prefix('"') {
                text.trim_end_matches('"').clone_into(&mut name);
            } else {
                let field = argument.split('=').next().unwrap().trim();
                fields.push(field.trim_start_matches(['%', '?']).to_owned());
            }
        }
        if is_span {
            name = format!("span {name}");
        }
        found.push((name, (level.to_owned(), fields)));
    }
    found
}

#[test]
fn every_span_and_event_and_no_other_is_on_the_page() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in fs::read_dir(&crates).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap();
        if name.ends_with("-adapter") || ["provider", "app", "domain", "transport"].contains(&name) {
            sources(&folder.join("src"), &mut files);
        }
    }
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let in_code: BTreeMap<_, _> = texts.flat_map(|text| told_by(&text)).collect();
    let on_page: BTreeMap<_, _> = rows("Spans and events")
        .into_iter()
        .map(|row| {
            let name = row[1].replace('`', "");
            let fields: Vec<String> = code(row[2]).into_iter().map(str::to_owned).collect();
            (name, (row[0].to_owned(), fields))
        })
        .collect();
    assert_eq!(in_code, on_page);
}
