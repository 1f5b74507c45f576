//! One page for people: what happened, what needs somebody, how fast it went.

use std::io::Write;
use std::path::Path;

use super::page::{Page, PageData};
use super::rate::Rate;
use super::{moment, unwritten};
use crate::run::reader;
use crate::{BulkError, ReportRow, RowStatus, Run};

// More rows than a person reads; the CSV has all.
const MAX_ATTENTION_ROWS: usize = 500;

/// Writes a run as one HTML page that needs nothing else: no script, no font, no image from elsewhere.
///
/// # Errors
/// The run cannot be read, or the page not written.
pub fn write_html(run: &Path, out: &mut dyn Write) -> Result<(), BulkError> {
    let facts = Run::summary(run)?;
    let reasons = Run::reasons(run)?;
    let mut rate = Rate::new(&facts.sessions);
    reader(run)?.finish_times(|session, finished| rate.count(session, finished))?;
    let rate = rate.finish();
    let attention = attention(run)?;
    let name = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    let name = name
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let allowed: Option<f64> = facts.allowed.iter().map(|(_, allowed)| *allowed).sum();
    let reach = PageData {
        name: &name,
        facts: &facts,
        reasons: &reasons,
        attention: &attention,
        rate: &rate,
        allowed: allowed.filter(|allowed| *allowed > 0.0),
        providers: facts
            .allowed
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        when: facts.sessions.first().map(|session| moment(session.started)),
    };
    out.write_all(Page::of(&reach).as_bytes()).map_err(unwritten)
}

// Unknown rows first, then those that were not applied.
fn attention(run: &Path) -> Result<Vec<ReportRow>, BulkError> {
    let mut rows = Vec::new();
    for outcome in [RowStatus::Unknown, RowStatus::NotApplied] {
        Run::for_each_row(run, Some(outcome), |record| {
            if rows.len() < MAX_ATTENTION_ROWS {
                rows.push(record);
            }
            Ok(())
        })?;
    }
    Ok(rows)
}
