//! What was found.

use std::fmt;

use repass_domain::{ChangeReceipt, Error, ErrorKind, Outcome};

use crate::{Fault, Law};

/// Whether a law held under a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LawResult {
    /// The law held.
    Held,
    /// The law was broken, in the way that the text says.
    Broken(String),
    /// The law could not be checked, for the reason that the text says.
    Skipped(String),
}

impl From<Result<(), String>> for LawResult {
    fn from(judged: Result<(), String>) -> Self {
        judged.map_or_else(Self::Broken, |()| Self::Held)
    }
}

/// How a call under a fault ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// The call ended in success.
    Applied,
    /// The call ended in an error that says that nothing was changed.
    NotApplied(ErrorKind),
    /// The call ended in an error that says that the outcome is unknown.
    Unknown(ErrorKind),
    /// The call did not end in time.
    Late,
}

impl CallOutcome {
    pub(crate) fn of(result: &Result<ChangeReceipt, Error>) -> Self {
        match result {
            Ok(_) => Self::Applied,
            Err(error) if error.outcome() == Outcome::NotApplied => Self::NotApplied(error.kind()),
            Err(error) => Self::Unknown(error.kind()),
        }
    }
}

impl fmt::Display for CallOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Applied => "applied",
            Self::NotApplied(_) => "not applied",
            Self::Unknown(_) => "unknown",
            Self::Late => "late",
        })
    }
}

/// The results of every law under one fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The fault that was injected.
    pub fault: Fault,
    /// How the call ended; absent if the fault cannot happen in the subject's test environments.
    pub outcome: Option<CallOutcome>,
    /// One result for each law that [concerns](Law::concerns) the fault.
    pub results: Vec<(Law, LawResult)>,
}

impl Row {
    /// Returns the result of this law; `None` if it does not concern the fault.
    pub fn result(&self, law: Law) -> Option<&LawResult> {
        let found = self.results.iter().find(|(judged, _)| *judged == law);
        found.map(|(_, result)| result)
    }
}

/// The number of results of each kind: held, broken, skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of laws that held.
    pub held: usize,
    /// The number of laws that were broken.
    pub broken: usize,
    /// The number of laws that could not be checked.
    pub skipped: usize,
}

impl Counts {
    pub(crate) fn count<'a>(results: impl IntoIterator<Item = &'a LawResult>) -> Self {
        let mut counts = Self::default();
        for result in results {
            *match result {
                LawResult::Held => &mut counts.held,
                LawResult::Broken(_) => &mut counts.broken,
                LawResult::Skipped(_) => &mut counts.skipped,
            } += 1;
        }
        counts
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            held,
            broken,
            skipped,
        } = self;
        write!(f, "{held} held, {broken} broken, {skipped} skipped")
    }
}

/// The report of a conformance check of one service: law by fault. `Display` is a table, with the reason for whatever
/// was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub(crate) subject: String,
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// The name of the service that was checked.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// One row for each fault that was injected, in the order of [`Fault`](crate::Fault)'s variants.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The number of results of each kind in the report.
    pub fn counts(&self) -> Counts {
        Counts::count(self.cells().map(|(_, _, result)| result))
    }

    /// Lists every law that was broken, under which fault, and how.
    pub fn broken(&self) -> Vec<(Law, Fault, &str)> {
        self.cells()
            .filter_map(|(fault, law, result)| match result {
                LawResult::Broken(how) => Some((law, fault, how.as_str())),
                _ => None,
            })
            .collect()
    }

    /// Panics if any law was broken, to fail the test that calls it.
    ///
    /// # Panics
    /// Any law was broken. The message names each one.
    #[track_caller]
    pub fn assert(&self) {
        use std::fmt::Write as _;
        let mut violations = String::new();
        for (law, fault, how) in self.broken() {
            // Writing to a string cannot fail.
            let _ = write!(violations, "\n  {law} ({fault}): {how}");
        }
        assert!(
            violations.is_empty(),
            "{} breaks the law:{violations}",
            self.subject
        );
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = (Fault, Law, &LawResult)> {
        self.rows.iter().flat_map(|row| {
            let cells = row.results.iter();
            cells.map(|(law, result)| (row.fault, *law, result))
        })
    }
}
