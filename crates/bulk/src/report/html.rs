//! The HTML report: what happened, which rows need attention, and the rate over time.

use std::fmt::{self, Write as _};
use std::io::Write;

use super::format::{Count, Number, Share, Span, Text, minute, words};
use super::rate::Rate;
use super::{rfc3339, write_error};
use crate::{
    BulkError, PasswordSource, ReasonCount, ReportRow, RowStatus, RunName, RunReader, RunSummary, Tally,
};

// The CSV report has all rows.
const MAX_ATTENTION_ROWS: usize = 500;

/// Writes a run as a self-contained HTML page: no scripts, fonts or images.
///
/// # Errors
/// The run cannot be read, or the page cannot be written.
pub fn write_html(run: &RunReader, out: &mut dyn Write) -> Result<(), BulkError> {
    let summary = run.summary()?;
    let reasons = run.reasons()?;
    let mut rate = Rate::new(&summary.sessions);
    run.journal()
        .finish_times(&mut |session, finished| rate.count(session, finished))?;
    let rate = rate.finish();
    let attention = attention(run)?;
    let name = run.name().without_parents();
    let allowed: Option<f64> = summary.allowed.iter().map(|(_, allowed)| *allowed).sum();
    let data = PageData {
        name: &name,
        summary: &summary,
        reasons: &reasons,
        attention: &attention,
        rate: &rate,
        allowed: allowed.filter(|allowed| *allowed > 0.0),
        providers: summary
            .allowed
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        when: summary.sessions.first().map(|session| rfc3339(session.started)),
        moved_to: run.moved_to()?,
    };
    out.write_all(Page::render(&data).as_bytes()).map_err(write_error)
}

// Unknown rows first, then those that were not applied.
fn attention(run: &RunReader) -> Result<Vec<ReportRow>, BulkError> {
    let mut rows = Vec::new();
    for outcome in [RowStatus::Unknown, RowStatus::NotApplied] {
        run.for_each_row(Some(outcome), |record| {
            if rows.len() < MAX_ATTENTION_ROWS {
                rows.push(record);
            }
            Ok(())
        })?;
    }
    Ok(rows)
}

const STYLE: &str = include_str!("page.css");

/// The content of the page.
struct PageData<'a> {
    name: &'a RunName,
    summary: &'a RunSummary,
    reasons: &'a [ReasonCount],
    attention: &'a [ReportRow],
    rate: &'a Rate,
    allowed: Option<f64>,
    providers: String,
    when: Option<String>,
    moved_to: Option<String>,
}

struct Page(String);

impl Page {
    fn render(data: &PageData<'_>) -> String {
        let mut page = Self(String::with_capacity(64 * 1024));
        page.put(format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>Password changes: {}</title>\n<style>\n{STYLE}</style>\n<main>\n",
            Text(data.name.as_str())
        ));
        page.head(data);
        page.totals(data.summary.tally);
        page.next(data);
        page.rate(data);
        page.reasons(data);
        page.attention(data);
        page.meaning();
        page.put(format_args!(
            "<footer class=\"soft\">Made by repass {} at {}. It contains user names and no passwords.</footer>\n</main>\n</html>\n",
            env!("CARGO_PKG_VERSION"),
            minute(&rfc3339(crate::run::now()))
        ));
        page.0
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.0.write_fmt(text);
    }

    fn head(&mut self, data: &PageData<'_>) {
        let tally = data.summary.tally;
        let verb = if tally.applied == 1 {
            "user has"
        } else {
            "users have"
        };
        let whole = if tally.applied == tally.rows && tally.rows > 0 {
            format!("All {} users have a new password", Count(tally.rows))
        } else {
            format!(
                "{} of {} {verb} a new password",
                Count(tally.applied),
                Count(tally.rows)
            )
        };
        let at = if data.providers.is_empty() {
            String::new()
        } else {
            format!(" at {}", Text(&data.providers))
        };
        self.put(format_args!(
            "<header>\n<h1>{whole}{at}</h1>\n<p class=\"soft\"><code>{}</code>",
            Text(data.name.as_str())
        ));
        if let Some(when) = &data.when {
            self.put(format_args!(", started {}", minute(when)));
        }
        if data.rate.total > 0 {
            self.put(format_args!(", {} in total", Span(data.rate.total)));
        }
        match data.rate.sessions() {
            0 | 1 => {}
            sessions => self.put(format_args!(" in {sessions} sessions")),
        }
        self.put(format_args!("</p>\n</header>\n"));
    }

    fn totals(&mut self, tally: Tally) {
        self.put(format_args!("<section>\n<div class=\"tiles\">\n"));
        let parts = [
            (RowStatus::Applied, tally.applied, "applied"),
            (RowStatus::NotApplied, tally.not_applied, "not applied"),
            (RowStatus::Unknown, tally.unknown, "unknown"),
            (RowStatus::Pending, tally.pending, "not sent yet"),
        ];
        for (outcome, count, words) in parts {
            let zero = if count == 0 { " zero" } else { "" };
            self.put(format_args!(
                "<div class=\"tile {}{zero}\"><b>{}</b><span>{words}, {}</span></div>\n",
                outcome.as_str(),
                Count(count),
                Share(count, tally.rows)
            ));
        }
        self.put(format_args!("</div>\n<div class=\"stack\" aria-hidden=\"true\">"));
        for (outcome, count, _) in parts.into_iter().filter(|(_, count, _)| *count > 0) {
            self.put(format_args!(
                "<i class=\"{}\" style=\"flex: {count}\"></i>",
                outcome.as_str()
            ));
        }
        self.put(format_args!("</div>\n</section>\n"));
    }

    fn next(&mut self, data: &PageData<'_>) {
        let Tally {
            not_applied,
            unknown,
            pending,
            ..
        } = data.summary.tally;
        self.put(format_args!("<section>\n<h2>What to do next</h2>\n"));
        if let Some(place) = &data.moved_to {
            self.put(format_args!(
                "<p class=\"note\">The run has moved to {}. This page shows how it was before; go on there.</p>\n</section>\n",
                Text(place)
            ));
            return;
        }
        if not_applied + unknown + pending + data.summary.candidates == 0 {
            self.put(format_args!(
                "<p class=\"soft\">Nothing. Every row was applied.</p>\n"
            ));
        }
        let (passwords, reissue) = if data.summary.generated {
            (
                PasswordSource::Generated,
                ", or send fresh passwords with <code><span>--reissue</span></code>",
            )
        } else {
            (PasswordSource::Input, "")
        };
        let is_encrypted = data.summary.generated || data.name.is_shared();
        let key = if is_encrypted { " --identity KEYFILE" } else { "" };
        let (run, next) = (data.name.arguments(), data.name.continue_command(passwords));
        let (run, next) = (Text(&run), Text(&next));
        if data.summary.candidates > 0 {
            self.put(format_args!(
                "<p class=\"note unknown\"><b>{}</b> applied after another password with an unknown outcome: \
                 either may work. Find out which with <code>repass bulk resume {run} <span>--resolve{key}</span></code>.</p>\n",
                Count(data.summary.candidates)
            ));
        }
        for (class, count, what) in [
            (
                "unknown",
                unknown,
                format!(
                    "sent, and may have been applied. Resolve them with <code>repass bulk resume {run} \
                     <span>--resolve{key}</span></code>, two minutes after they were sent{reissue}."
                ),
            ),
            (
                "not_applied",
                not_applied,
                "not applied: the old password still works. Each is listed below with its reason.".to_owned(),
            ),
            (
                "pending",
                pending,
                format!("not sent yet. Continue with <code>{next}</code>."),
            ),
        ] {
            if count > 0 {
                self.put(format_args!(
                    "<p class=\"note {class}\"><b>{}</b> {what}</p>\n",
                    Count(count)
                ));
            }
        }
        self.put(format_args!("</section>\n"));
    }

    fn attention(&mut self, data: &PageData<'_>) {
        let tally = data.summary.tally;
        let all = tally.unknown + tally.not_applied;
        if all == 0 {
            return;
        }
        self.put(format_args!(
            "<section>\n<h2>Rows that need attention</h2>\n<table class=\"rows\">\n<thead><tr><th>Line</th><th>User</th>\
             <th>Provider</th><th>Outcome</th><th>Why</th></tr></thead>\n<tbody>\n"
        ));
        for record in data.attention {
            self.row(record);
        }
        self.put(format_args!("</tbody>\n</table>\n"));
        let shown = u64::try_from(data.attention.len()).unwrap_or(u64::MAX);
        if all > shown {
            self.put(format_args!(
                "<p class=\"soft\">and {} more; every row is in <code>repass bulk report {} --csv FILE</code></p>\n",
                Count(all - shown),
                Text(&data.name.arguments())
            ));
        }
        self.put(format_args!("</section>\n"));
    }

    fn row(&mut self, record: &ReportRow) {
        let text = |text: &Option<String>| Text(text.as_deref().unwrap_or_default()).to_string();
        self.put(format_args!(
            "<tr><td data-name=\"Line\">{}</td><td data-name=\"User\">{}</td><td data-name=\"Provider\">{}</td>\
             <td class=\"outcome {}\" data-name=\"Outcome\">{}</td><td data-name=\"Why\">{}</td></tr>\n",
            record.line,
            text(&record.user),
            text(&record.provider),
            record.outcome.as_str(),
            words(record.outcome),
            text(&record.message),
        ));
    }

    fn rate(&mut self, data: &PageData<'_>) {
        let rate = data.rate;
        if rate.total == 0 {
            return;
        }
        let against = data.allowed.map_or_else(String::new, |allowed| {
            format!(
                ", {:.0} % of the {} that the provider allows",
                rate.average() / allowed * 100.0,
                Number(allowed)
            )
        });
        let top = rate.top(data.allowed);
        self.put(format_args!(
            "<section>\n<h2>Rate</h2>\n<p class=\"soft\">{} changes per second on average{against}</p>\n\
             <div class=\"chart\">\n<div class=\"axis\"><span>{}/s</span><span>{}</span><span>0</span></div>\n<div class=\"plot\">{}",
            Number(rate.average()),
            Number(top),
            Number(top / 2.0),
            rate.svg(data.allowed)
        ));
        if let Some(allowed) = data.allowed {
            self.put(format_args!(
                "<em style=\"top: {:.2}%\">allowed: {}/s</em>",
                rate.position_of(allowed).max(9.0),
                Number(allowed)
            ));
        }
        self.put(format_args!(
            "</div>\n<div class=\"times\"><span>0 s</span><span>{}</span><span>{}</span></div>\n</div>\n",
            Span(rate.drawn() / 2),
            Span(rate.drawn())
        ));
        if rate.sessions() > 1 {
            self.put(format_args!(
                "<p class=\"soft\">A dotted line marks where the run was stopped and resumed; the time between is omitted.</p>\n"
            ));
        }
        self.put(format_args!("</section>\n"));
    }

    fn reasons(&mut self, data: &PageData<'_>) {
        let tally = data.summary.tally;
        if tally.rows == 0 {
            return;
        }
        self.put(format_args!(
            "<section>\n<h2>Outcomes by reason</h2>\n<table class=\"reasons\">\n<thead><tr><th>Outcome</th><th>Reason</th><th>For example</th>\
             <th class=\"number\">Rows</th><th></th></tr></thead>\n<tbody>\n"
        ));
        let applied = ReasonCount {
            outcome: RowStatus::Applied,
            kind: None,
            code: None,
            message: Some("the provider confirmed the new password".to_owned()),
            count: tally.applied,
        };
        let all = std::iter::once(&applied)
            .filter(|reason| reason.count > 0)
            .chain(data.reasons);
        for reason in all {
            let kind = reason.kind.as_deref().unwrap_or_default().replace('_', " ");
            let code = reason
                .code
                .as_deref()
                .map_or_else(String::new, |code| format!(" ({code})"));
            #[expect(clippy::cast_precision_loss, reason = "the length of a bar")]
            let share = reason.count as f64 / tally.rows as f64 * 100.0;
            self.put(format_args!(
                "<tr><td class=\"outcome {outcome}\" data-name=\"Outcome\">{}</td><td data-name=\"Reason\">{}</td>\
                 <td class=\"soft\" data-name=\"For example\">{}</td><td class=\"number\" data-name=\"Rows\">{}</td>\
                 <td class=\"share {outcome}\"><i style=\"width: {share:.2}%\"></i></td></tr>\n",
                words(reason.outcome),
                Text(&format!("{kind}{code}")),
                Text(reason.message.as_deref().unwrap_or_default()),
                Count(reason.count),
                outcome = reason.outcome.as_str(),
            ));
        }
        self.put(format_args!("</tbody>\n</table>\n</section>\n"));
    }

    fn meaning(&mut self) {
        self.put(format_args!(
            "<section>\n<h2>Statuses</h2>\n<dl>\n\
             <dt>applied</dt><dd>The provider confirmed the new password.</dd>\n\
             <dt>not applied</dt><dd>The old password certainly still works.</dd>\n\
             <dt>unknown</dt><dd>The change was sent and its response was lost: it may have been applied. Resolve it to find out.</dd>\n\
             <dt>not sent yet</dt><dd>Nothing was sent. The old password still works.</dd>\n</dl>\n</section>\n"
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::SessionSummary;

    #[test]
    fn html_report_matches_its_snapshot() {
        let session = |started, ended| SessionSummary {
            started,
            ended,
            clean: true,
        };
        let summary = RunSummary {
            read_whole: true,
            tally: Tally {
                rows: 1204,
                applied: 1200,
                not_applied: 1,
                unknown: 2,
                pending: 1,
            },
            candidates: 1,
            generated: true,
            allowed: vec![("zoom".to_owned(), Some(60.0))],
            sessions: vec![
                session(1_000_000_000_000, 1_000_000_020_000),
                session(1_000_000_100_000, 1_000_000_101_000),
            ],
            ..RunSummary::default()
        };
        let mut rate = Rate::new(&summary.sessions);
        for change in 0..1200 {
            rate.count(1, 1_000_000_000_000 + change * 17);
        }
        let row = ReportRow::example();
        let reasons = [ReasonCount {
            outcome: row.outcome,
            kind: row.kind.clone(),
            code: row.code.clone(),
            message: row.message.clone(),
            count: 1,
        }];
        let page = Page::render(&PageData {
            name: &RunName::of_directory(Path::new("repass-bulk-1")),
            summary: &summary,
            reasons: &reasons,
            attention: &[row],
            rate: &rate.finish(),
            allowed: Some(60.0),
            providers: "zoom".to_owned(),
            when: Some(rfc3339(1_000_000_000_000)),
            moved_to: None,
        });
        // The style is a file, and the footer has the version and the time.
        let page = page.replace(STYLE, "");
        let (page, footer) = page.split_once("<footer").unwrap();
        assert!(footer.contains("repass"));
        insta::assert_snapshot!(page);
    }
}
