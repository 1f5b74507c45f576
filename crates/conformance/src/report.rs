//! What was found.

use std::fmt;

use repass_domain::{ChangeReceipt, Error, ErrorKind, Outcome};

use crate::{Fault, Law};

/// Whether a law was obeyed under a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LawResult {
    /// It was.
    Held,
    /// It was not, and how.
    Broken(String),
    /// It could not be judged, and why.
    Skipped(String),
}

impl From<Result<(), String>> for LawResult {
    fn from(judged: Result<(), String>) -> Self {
        judged.map_or_else(Self::Broken, |()| Self::Held)
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// In success.
    Applied,
    /// In an error that says that nothing was changed.
    NotApplied(ErrorKind),
    /// In an error that says that it is not known.
    Unknown(ErrorKind),
    /// Not at all, in the time it had.
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

/// All that was found under one fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The fault.
    pub fault: Fault,
    /// How the call ended; absent if the fault cannot happen in the subject's test environments.
    pub outcome: Option<CallOutcome>,
    /// One result for each law that [concerns](Law::concerns) the fault.
    pub results: Vec<(Law, LawResult)>,
}

impl Row {
    /// The result on a law; absent if the law does not concern the fault.
    pub fn result(&self, law: Law) -> Option<&LawResult> {
        let found = self.results.iter().find(|(judged, _)| *judged == law);
        found.map(|(_, result)| result)
    }
}

/// How many results of each kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Laws that were obeyed.
    pub held: usize,
    /// Laws that were broken.
    pub broken: usize,
    /// Laws that could not be judged.
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

/// All that was found about one subject: law by fault. `Display` is a table, with the reason for whatever was
/// skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub(crate) subject: String,
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// What the subject is called.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// One row for each fault that was injected, in the order of [`Fault`](crate::Fault)'s variants.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The results, counted.
    pub fn counts(&self) -> Counts {
        Counts::count(self.cells().map(|(_, _, result)| result))
    }

    /// Every law that was broken, under which fault, and how.
    pub fn broken(&self) -> Vec<(Law, Fault, &str)> {
        self.cells()
            .filter_map(|(fault, law, result)| match result {
                LawResult::Broken(how) => Some((law, fault, how.as_str())),
                _ => None,
            })
            .collect()
    }

    /// Fails the test that calls it if any law was broken.
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
