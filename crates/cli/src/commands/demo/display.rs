//! The demo's output. Colors are stripped when standard output is not a terminal.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anstyle::{AnsiColor, Style};
use repass_sandbox::Sandbox;

use super::StepResult;
use super::recorder::Message;
use super::retrying_client::RetriedChange;
use super::steps::Step;

const TITLE: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const NAME: Style = AnsiColor::Cyan.on_default();

pub(super) fn introduction(addr: SocketAddr) -> String {
    format!(
        "{TITLE}repass demo{TITLE:#}\n\
         Zoom and an identity portal, emulated on {addr}. Nothing leaves this machine or is stored.\n\
         {QUIET}The requests and responses below are real, with secrets replaced.{QUIET:#}\n"
    )
}

pub(super) fn step(number: usize, step: &Step, result: &StepResult, sandbox: &Sandbox) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        let _ = writeln!(out, "{}", format!("   {text}").trim_end());
    };
    if let Some(before) = step.swapped_from {
        line(&format!("{BAD}- default_provider = \"{before}\"{BAD:#}"));
        line(&format!(
            "{GOOD}+ default_provider = \"{}\"{GOOD:#}",
            step.provider
        ));
    }
    line(&format!("{NAME}{}{NAME:#}", call(step)));
    let hide = |text: &str| hide(text, step, sandbox);
    exchanges(&result.requests, &result.answers, &hide, &mut line);
    if result.requests.is_empty() {
        line(&format!("{QUIET}nothing was sent{QUIET:#}"));
    }
    match &result.result {
        Ok(_) => line(&format!("{GOOD}applied{GOOD:#}")),
        Err(error) => {
            line(&format!(
                "{NAME}{} · {}{NAME:#}: {error}",
                result.claim,
                error.kind()
            ));
            for violation in error.violations() {
                line(&format!(
                    "   {NAME}{}{NAME:#}  {violation}",
                    violation.rule().code()
                ));
            }
        }
    }
    if let Some(resolution) = result.resolution {
        line(&format!("{NAME}service.resolve(&cx, attempt, &change){NAME:#}"));
        let [requests, answers] = &result.probe;
        exchanges(requests, answers, &hide, &mut line);
        line(&format!("{GOOD}resolved: {resolution}{GOOD:#}"));
    }
    format!(
        "\n{TITLE}{number}  {}{TITLE:#}\n   {QUIET}{}{QUIET:#}\n{out}",
        step.title, step.remark
    )
}

/// The outcome that a retrying client reports after the same lost response.
pub(super) fn retried(all: &[RetriedChange]) -> String {
    let mut out = format!(
        "\n{TITLE}   The same lost response, with a client that retries{TITLE:#}\n   {QUIET}It sends the request \
         again and trusts the second response.{QUIET:#}\n"
    );
    for it in all {
        let words = it
            .words
            .as_deref()
            .map_or_else(String::new, |words| format!(" \"{words}\""));
        let _ = write!(
            out,
            "   → PUT {path}\n   {BAD}no response: the connection broke{BAD:#}\n   → PUT {path}\n   ← \
             {status}{words}\n   \
             {BAD}reports: {report}{BAD:#}\n",
            path = it.path,
            status = it.status,
            report = it.report
        );
    }
    out
}

fn changes(count: usize) -> String {
    match count {
        0 => "no change".to_owned(),
        1 => "1 change".to_owned(),
        count => format!("{count} changes"),
    }
}

pub(super) fn ledger(all: &[StepResult], retried: &[RetriedChange]) -> String {
    let mut out = format!("\n{TITLE}What repass reported, and what the providers' ledger shows{TITLE:#}\n");
    for (index, result) in all.iter().enumerate() {
        let StepResult {
            claim,
            applied,
            provider,
            ..
        } = result;
        let (style, verdict) = if result.equal {
            (GOOD, "equal")
        } else {
            (BAD, "DIFFERENT")
        };
        let changes = changes(*applied);
        let mut kind = result.kind.unwrap_or("").to_owned();
        if let Some(resolution) = result.resolution {
            let _ = write!(kind, ", resolved: {resolution}");
        }
        let kind = if kind.is_empty() {
            kind
        } else {
            format!("  {QUIET}{kind}{QUIET:#}")
        };
        let number = index + 1;
        let _ = writeln!(
            out,
            "   {number}  {provider:6}  reported {claim:11}  ledger {changes:9}  {style}{verdict}{style:#}{kind}"
        );
    }
    for it in retried {
        let _ = writeln!(
            out,
            "   -  {:6}  {:20}  ledger {:9}  {BAD}WRONG{BAD:#}  {QUIET}a client that retries{QUIET:#}",
            it.provider,
            format!("reported {}", it.report),
            changes(it.applied)
        );
    }
    let equal = all.iter().filter(|result| result.equal).count();
    let style = if equal == all.len() { GOOD } else { BAD };
    let _ = writeln!(
        out,
        "\n{style}report and ledger match in {equal} of {} steps{style:#}",
        all.len()
    );
    out
}

// The call in an embedder's code, which does not name the provider.
fn call(step: &Step) -> String {
    let user = step.user;
    match step.current {
        Some(_) => format!("service.change(&cx, \"{user}\", current, new)"),
        None => format!("service.reset(&cx, \"{user}\", new)"),
    }
}

fn exchanges(
    requests: &[Message],
    answers: &[Message],
    hide: &impl Fn(&str) -> String,
    line: &mut impl FnMut(&str),
) {
    for (index, request) in requests.iter().enumerate() {
        message(request, "→", hide, line);
        match answers.get(index) {
            Some(answer) => message(answer, "←", hide, line),
            None => line(&format!("{BAD}no response: the connection broke{BAD:#}")),
        }
    }
}

fn message(message: &Message, arrow: &str, hide: &impl Fn(&str) -> String, line: &mut impl FnMut(&str)) {
    let start = message
        .start
        .trim_start_matches("HTTP/1.1 ")
        .trim_end_matches(" HTTP/1.1");
    line(&format!("{arrow} {}", hide(start)));
    for name in ["authorization", "content-type"] {
        if let Some(value) = message.header(name) {
            line(&format!("  {QUIET}{name}: {}{QUIET:#}", hide(value)));
        }
    }
    // Trailing whitespace of a body is insignificant.
    for body in message.body.trim_end().lines() {
        line(format!("  {}", cut(&hide(body))).trim_end());
    }
}

// Long enough for all rules of an error.
fn cut(text: &str) -> String {
    match text.char_indices().nth(330) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn hide(text: &str, step: &Step, sandbox: &Sandbox) -> String {
    let mut text = text
        .replace(&sandbox.startup_info().token, "[token]")
        .replace(step.new, "[new password]");
    if let Some(current) = step.current {
        text = text.replace(current, "[current password]");
    }
    text
}
