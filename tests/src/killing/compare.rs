//! What the report and the file of secrets say, beside what really happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use repass_sandbox::Provider;
use serde_json::Value;

use super::world::{World, user};
use super::{Campaign, Settle};

/// What a campaign found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Rows in the report.
    pub rows: u64,
    /// How often it was killed while it ran.
    pub killed: u32,
    /// Rows applied.
    pub applied: u64,
    /// Rows whose outcome is unknown.
    pub unknown: u64,
    /// Of those, how many the sandbox did make.
    pub unknown_but_made: u64,
    /// Rows that were sent more than once.
    pub sent_again: u64,
    /// Changes in the sandbox's ledger.
    pub ledger: u64,
    /// Passwords in the file of secrets, by what they are worth.
    pub secrets: BTreeMap<String, u64>,
}

pub(super) fn all(world: &World, campaign: Campaign) -> Counts {
    let report: Value = parsed(&world.output(&["--json", "bulk", "report", "run"]));
    assert_eq!(report["complete"], Value::Bool(true), "every row has an outcome");
    let mut ledger: BTreeMap<String, u64> = BTreeMap::new();
    for total in world.sandbox.ledger().totals {
        ledger.insert(total.user, total.count);
    }
    let mut counts = Counts {
        killed: world.killed_under_way,
        ledger: ledger.values().sum(),
        ..Counts::default()
    };
    let rows = report["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(
        rows.len(),
        campaign.users as usize,
        "no row is lost, none is there twice"
    );
    for (number, row) in (1..).zip(rows) {
        let name = user(number);
        assert_eq!(
            (&row["line"], &row["user"]),
            (&(number + 1).into(), &Value::from(name.as_str()))
        );
        let made = ledger.get(&name).copied().unwrap_or_default();
        let attempts = row["attempts"].as_u64().unwrap_or_default();
        counts.rows += 1;
        counts.sent_again += u64::from(attempts > 1);
        match row["outcome"].as_str() {
            Some("applied") => {
                counts.applied += 1;
                // With `resolve` the probe at Zoom is the same password again, which it takes once only.
                let most = if campaign.settle == Settle::Reissue {
                    attempts
                } else {
                    1
                };
                assert!(
                    (1..=most).contains(&made),
                    "{name} is applied and was made {made} times: {row}"
                );
            }
            Some("unknown") => {
                counts.unknown += 1;
                counts.unknown_but_made += u64::from(made > 0);
                assert!(made <= attempts, "{name} was made {made} times: {row}");
            }
            _ => panic!("no fault was injected, and yet: {row}"),
        }
    }
    if campaign.settle != Settle::Leave {
        assert_eq!(counts.unknown, 0, "every unknown row was settled");
    }
    secrets(world, &mut counts, rows);
    csv(world, rows);
    counts
}

fn secrets(world: &World, counts: &mut Counts, rows: &[Value]) {
    let mut current = BTreeSet::new();
    let mut candidates: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for secret in opened(world) {
        let state = secret["state"].as_str().unwrap_or_default().to_owned();
        let name = secret["user"].as_str().unwrap_or_default().to_owned();
        let password = secret["new_password"].as_str().unwrap_or_default();
        let accepted = world.sandbox.accepts(Provider::Zoom, &name, password);
        match state.as_str() {
            "current" => {
                assert!(accepted, "{name}: the current password is not accepted");
                assert!(current.insert(name), "one current password for each");
            }
            "candidate" => candidates.entry(name).or_default().push(accepted),
            "unknown" => {}
            _ => assert!(!accepted, "{name}: a password that is {state} is accepted"),
        }
        *counts.secrets.entry(state).or_default() += 1;
    }
    for (name, accepted) in &candidates {
        assert!(accepted.len() > 1, "{name} has one candidate");
        let holding = accepted.iter().filter(|accepted| **accepted).count();
        assert_eq!(holding, 1, "{name}: one candidate holds");
        assert!(current.insert(name.clone()), "{name} has a current password too");
    }
    for row in rows.iter().filter(|row| row["outcome"] == "applied") {
        let name = row["user"].as_str().unwrap_or_default();
        assert!(
            current.contains(name),
            "{name} is applied and has no current password"
        );
    }
    assert_eq!(u64::try_from(current.len()).unwrap_or_default(), counts.applied);
}

/// Every password of the file, with what it is worth.
pub(super) fn opened(world: &World) -> Vec<Value> {
    let text = world.output(&[
        "--json",
        "bulk",
        "secrets",
        "secrets.age",
        "--passphrase-file",
        "passphrase",
        "--run",
        "run",
    ]);
    text.lines().map(parsed).collect()
}

// The same rows as the JSON.
fn csv(world: &World, rows: &[Value]) {
    let text = world.output(&["bulk", "report", "run"]);
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("line,user,provider,outcome,kind,code,message,attempts,started,finished,tracking_id")
    );
    for row in rows {
        let line = lines.next().unwrap_or_default();
        let start = format!(
            "{},{},zoom,{},",
            row["line"],
            row["user"].as_str().unwrap_or_default(),
            row["outcome"].as_str().unwrap_or_default()
        );
        assert!(line.starts_with(&start), "{line}");
    }
    assert_eq!(lines.next(), None);
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rows,
            killed,
            applied,
            unknown,
            unknown_but_made,
            sent_again,
            ledger,
            secrets,
        } = self;
        writeln!(f, "killed under way {killed} times")?;
        writeln!(
            f,
            "{rows} rows: {applied} applied, {unknown} unknown, of which the sandbox made {unknown_but_made}; \
             {sent_again} sent more than once"
        )?;
        writeln!(f, "{ledger} changes in the sandbox's ledger")?;
        let secrets: Vec<String> = secrets
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        write!(f, "passwords sealed: {}", secrets.join(", "))
    }
}
