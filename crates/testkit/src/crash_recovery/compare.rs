//! What the report and the file of secrets say, beside what really happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::env::TestEnv;
use super::system::Made;
use super::{Kills, UnknownRowAction};

/// How many rows of a crash campaign ended in which way, and how many were wrong.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Rows in the report.
    pub rows: u64,
    /// How often it was killed while it ran.
    pub killed: u32,
    /// Rows applied.
    pub applied: u64,
    /// Rows not applied, for certain.
    pub not_applied: u64,
    /// Why, by kind and message.
    pub reasons: BTreeMap<String, u64>,
    /// Rows whose outcome is unknown.
    pub unknown: u64,
    /// Of those, how many the provider did make.
    pub unknown_but_made: u64,
    /// Rows that a probe has decided.
    pub probed: u64,
    /// Rows that were sent more than once.
    pub sent_again: u64,
    /// Changes in the provider's ledger.
    pub ledger: u64,
    /// Passwords in the file of secrets, by what they are worth.
    pub secrets: BTreeMap<String, u64>,
}

pub(super) fn all(env: &TestEnv, kills: Kills) -> Counts {
    let report: Value = parsed(&env.output(&["--json", "bulk", "report", "run"]));
    assert_eq!(report["complete"], Value::Bool(true), "every row has an outcome");
    let ledger = env.system.ledger();
    let mut counts = Counts {
        killed: env.killed_in_flight,
        ledger: ledger.values().map(|made| made.times).sum(),
        ..Counts::default()
    };
    let rows = report["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(
        rows.len(),
        kills.users as usize,
        "no row is lost, none is there twice"
    );
    for (number, row) in (1..).zip(rows) {
        let name = env.system.user(number);
        assert_eq!(
            (&row["line"], &row["user"]),
            (&(number + 1).into(), &Value::from(name.as_str()))
        );
        let nothing = Made::default();
        let made = ledger.get(&name).unwrap_or(&nothing);
        let attempts = row["attempts"].as_u64().unwrap_or_default();
        counts.rows += 1;
        let message = row["message"].as_str().unwrap_or_default();
        counts.probed += u64::from(message.contains("a probe found"));
        counts.sent_again += u64::from(attempts > 1);
        // Only a fresh password changes a row for a second time; a probe may set the same one once more.
        let most = match kills.unknown_rows {
            UnknownRowAction::Leave | UnknownRowAction::Resolve | UnknownRowAction::ResolveAtEnd => 1,
            UnknownRowAction::Reissue | UnknownRowAction::Mixed => attempts,
        };
        assert!(
            made.passwords.len() as u64 <= most,
            "{name} was changed more often than that: {made:?}, {row}"
        );
        if kills.unknown_rows == UnknownRowAction::Leave {
            assert!(made.times <= 1, "{name} was sent again: {made:?}, {row}");
        }
        match row["outcome"].as_str() {
            Some("applied") => {
                counts.applied += 1;
                assert!(made.times > 0, "{name} is applied and was never made: {row}");
            }
            Some("not_applied") if !env.system.latest().is_zero() => {
                counts.not_applied += 1;
                let kind = row["kind"].as_str().unwrap_or_default();
                *counts.reasons.entry(format!("{kind}: {message}")).or_default() += 1;
                assert!(
                    made.times == 0,
                    "{name} is not applied and was made: {made:?}, {row}"
                );
            }
            Some("unknown") => {
                counts.unknown += 1;
                counts.unknown_but_made += u64::from(made.times > 0);
            }
            _ => panic!("no fault was injected, and yet: {row}"),
        }
    }
    if kills.unknown_rows != UnknownRowAction::Leave {
        assert_eq!(counts.unknown, 0, "every unknown row was settled");
    }
    secrets(env, &mut counts, rows);
    csv(env, rows);
    counts
}

fn secrets(env: &TestEnv, counts: &mut Counts, rows: &[Value]) {
    let mut known = BTreeSet::new();
    let mut candidates: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    let mut sealed = opened(env);
    // A system that locks users out is asked for the right ones first.
    sealed.sort_by_key(|secret| secret["state"] != "current");
    for secret in sealed {
        let state = secret["state"].as_str().unwrap_or_default().to_owned();
        let name = secret["user"].as_str().unwrap_or_default().to_owned();
        let holds = env
            .system
            .accepts(&name, secret["new_password"].as_str().unwrap_or_default());
        match state.as_str() {
            "current" => {
                assert!(holds, "{name}: the current password is not accepted");
                assert!(known.insert(name), "one current password for each");
            }
            "candidate" => candidates.entry(name).or_default().push(holds),
            "unknown" => {}
            _ => assert!(!holds, "{name}: a password holds that is {state}"),
        }
        *counts.secrets.entry(state).or_default() += 1;
    }
    for (name, holds) in &candidates {
        assert!(holds.len() > 1, "{name} has one candidate");
        let holding = holds.iter().filter(|holds| **holds).count();
        assert_eq!(holding, 1, "{name}: one candidate holds");
        assert!(known.insert(name.clone()), "{name} has a current password too");
    }
    for row in rows.iter().filter(|row| row["outcome"] == "applied") {
        let name = row["user"].as_str().unwrap_or_default();
        assert!(
            known.contains(name),
            "{name} is applied, and no current password and no candidate holds"
        );
    }
    assert_eq!(known.len() as u64, counts.applied);
}

/// Every password of the file, with what it is worth.
pub(super) fn opened(env: &TestEnv) -> Vec<Value> {
    let text = env.output(&[
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
fn csv(env: &TestEnv, rows: &[Value]) {
    let text = env.output(&["bulk", "report", "run"]);
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("line,user,provider,outcome,kind,code,message,attempts,started,finished,tracking_id")
    );
    for row in rows {
        let line = lines.next().unwrap_or_default();
        let start = format!(
            "{},{},{},{},",
            row["line"],
            row["user"].as_str().unwrap_or_default(),
            env.system.provider(),
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
            not_applied,
            reasons,
            unknown,
            unknown_but_made,
            probed,
            sent_again,
            ledger,
            secrets,
        } = self;
        writeln!(f, "killed in flight {killed} times")?;
        writeln!(
            f,
            "{rows} rows: {applied} applied, {not_applied} not applied, {unknown} unknown, of which the provider made {unknown_but_made}; \
             {probed} decided by a probe, {sent_again} sent more than once"
        )?;
        for (reason, count) in reasons {
            writeln!(f, "not applied {count} times: {reason}")?;
        }
        writeln!(f, "{ledger} changes in the provider's ledger")?;
        let secrets: Vec<String> = secrets
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        write!(f, "passwords sealed: {}", secrets.join(", "))
    }
}
