//! Reports, as they are printed.

use std::fmt;

use crate::report::Counts;
use crate::{Fault, Law, LawResult, Report};

const FAULT: usize = 38;
const OUTCOME: usize = 13;

/// The reasons for what was skipped, each under a letter of its own.
#[derive(Default)]
struct Notes<'a>(Vec<&'a str>);

impl<'a> Notes<'a> {
    fn letter(&mut self, reason: &'a str) -> char {
        let known = self.0.iter().position(|known| *known == reason);
        let at = known.unwrap_or_else(|| {
            self.0.push(reason);
            self.0.len() - 1
        });
        char::from(b'a' + u8::try_from(at).unwrap_or(25).min(25))
    }

    fn mark(&mut self, result: Option<&'a LawResult>) -> String {
        match result {
            None => String::new(),
            Some(LawResult::Held) => "ok".to_owned(),
            Some(LawResult::Broken(_)) => "BROKEN".to_owned(),
            Some(LawResult::Skipped(reason)) => self.letter(reason).to_string(),
        }
    }
}

fn brief(counts: Counts) -> String {
    let Counts {
        held,
        broken,
        skipped,
    } = counts;
    match (broken, skipped) {
        (0, 0) => format!("{held}"),
        (0, _) => format!("{held} ({skipped})"),
        _ => format!("BROKEN {broken}"),
    }
}

fn is_general(law: Law) -> bool {
    law.concerns(Fault::Refused)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = || Law::ALL.iter().copied().filter(|law| is_general(*law));
        writeln!(f, "{}: {}", self.subject, self.counts())?;
        write!(f, "  {:FAULT$} {:OUTCOME$}", "fault", "outcome")?;
        for law in columns() {
            write!(f, " {law:8}")?;
        }
        writeln!(f)?;
        let mut notes = Notes::default();
        for row in &self.rows {
            let outcome = row.outcome.map_or("-".to_owned(), |outcome| outcome.to_string());
            let cells: Vec<String> = columns()
                .map(|law| format!("{:8}", notes.mark(row.result(law))))
                .collect();
            let line = format!(
                "  {:FAULT$} {outcome:OUTCOME$} {}",
                row.fault.to_string(),
                cells.join(" ")
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        for (fault, law, result) in self.cells().filter(|(_, law, _)| !is_general(*law)) {
            writeln!(f, "  {law:FAULT$} {:OUTCOME$} {fault}", notes.mark(Some(result)))?;
        }
        for reason in &notes.0.clone() {
            writeln!(f, "  {}: {reason}", notes.letter(reason))?;
        }
        for (law, fault, how) in self.broken() {
            writeln!(f, "  BROKEN: {law} ({fault}): {how}")?;
        }
        Ok(())
    }
}

/// A table of several reports, subject by law. It shows under how many faults each law held, and in brackets under
/// how many it could not be checked.
#[derive(Debug)]
pub struct Summary<'a>(pub &'a [Report]);

impl Summary<'_> {
    /// The number of results of each kind in all reports.
    pub fn counts(&self) -> Counts {
        Counts::count(self.0.iter().flat_map(Report::cells).map(|(_, _, result)| result))
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:FAULT$}", "subject")?;
        for law in Law::ALL {
            write!(f, " {law:11}")?;
        }
        writeln!(f)?;
        for report in self.0 {
            let cells = Law::ALL.iter().map(|law| {
                let judged = report.cells().filter(|(_, judged, _)| judged == law);
                let counts = Counts::count(judged.map(|(_, _, result)| result));
                format!("{:11}", brief(counts))
            });
            let line = format!(
                "{:FAULT$} {}",
                report.subject,
                cells.collect::<Vec<_>>().join(" ")
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        let (subjects, counts) = (self.0.len(), self.counts());
        write!(f, "{subjects} subjects: {counts}")
    }
}

#[cfg(test)]
mod tests {
    use repass_domain::ErrorKind;

    use super::*;
    use crate::{CallOutcome, Row};

    fn report() -> Report {
        let skipped = || LawResult::Skipped("no reason".to_owned());
        let rows = vec![
            Row {
                fault: Fault::None,
                outcome: Some(CallOutcome::Applied),
                results: vec![(Law::Truth, LawResult::Held), (Law::Order, skipped())],
            },
            Row {
                fault: Fault::Refused,
                outcome: Some(CallOutcome::NotApplied(ErrorKind::Unreachable)),
                results: vec![
                    (Law::Truth, LawResult::Broken("it was set 1 times".to_owned())),
                    (Law::Once, skipped()),
                ],
            },
        ];
        Report {
            subject: "subject".to_owned(),
            rows,
        }
    }

    #[test]
    fn report_table_shows_every_result_and_reason() {
        let text = report().to_string();
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "subject: 1 held, 1 broken, 2 skipped",
                "fault outcome truth once doubt budget secrets settled dropped",
                "none applied ok",
                "connection refused not applied BROKEN a",
                "order a none",
                "a: no reason",
                "BROKEN: truth (connection refused): it was set 1 times",
            ]
        );
    }

    #[test]
    fn summary_table_counts_by_subject_and_law() {
        let reports = [report()];
        let text = Summary(&reports).to_string();
        let line = text.lines().nth(1).unwrap();
        assert!(line.contains("BROKEN 1") && line.contains("0 (1)"), "{text}");
        assert!(
            text.ends_with("1 subjects: 1 held, 1 broken, 2 skipped"),
            "{text}"
        );
    }
}
