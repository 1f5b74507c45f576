//! How the demo looks. Colours are taken off again where nobody would see them.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anstyle::{AnsiColor, Style};
use repass_sandbox::Sandbox;

use super::Told;
use super::story::Step;
use super::tap::Message;

const TITLE: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const NAME: Style = AnsiColor::Cyan.on_default();

pub(super) fn introduction(addr: SocketAddr) -> String {
    format!(
        "{TITLE}repass demo{TITLE:#}\n\
         Zoom and an identity portal, emulated on {addr}. Nothing leaves this machine, nothing is stored.\n\
         {QUIET}The requests and answers below are what went over the wire, with secrets replaced.{QUIET:#}\n"
    )
}

pub(super) fn step(number: usize, step: &Step, told: &Told, sandbox: &Sandbox) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        let _ = writeln!(out, "   {text}");
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
    for (index, request) in told.requests.iter().enumerate() {
        wire(request, "→", &hide, &mut line);
        if let Some(answer) = told.answers.get(index) {
            wire(answer, "←", &hide, &mut line);
        }
    }
    if told.requests.is_empty() {
        line(&format!("{QUIET}nothing was sent{QUIET:#}"));
    }
    match &told.result {
        Ok(_) => line(&format!("{GOOD}applied{GOOD:#}")),
        Err(error) => {
            line(&format!(
                "{NAME}{} · {}{NAME:#}: {error}",
                told.claim,
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
    format!(
        "\n{TITLE}{number}  {}{TITLE:#}\n   {QUIET}{}{QUIET:#}\n{out}",
        step.title, step.remark
    )
}

pub(super) fn ledger(all: &[Told]) -> String {
    let mut out = format!("\n{TITLE}What repass said, and what the providers' ledger says{TITLE:#}\n");
    for (index, told) in all.iter().enumerate() {
        let Told {
            claim,
            applied,
            provider,
            ..
        } = told;
        let (style, verdict) = if told.equal {
            (GOOD, "equal")
        } else {
            (BAD, "DIFFERENT")
        };
        let changes = if *applied == 1 { "1 change" } else { "no change" };
        let kind = told.kind.unwrap_or("");
        let number = index + 1;
        let _ = writeln!(
            out,
            "   {number}  {provider:6}  said {claim:11}  ledger {changes:9}  {style}{verdict}{style:#}  {QUIET}{kind}{QUIET:#}"
        );
    }
    let equal = all.iter().filter(|told| told.equal).count();
    let style = if equal == all.len() { GOOD } else { BAD };
    let _ = writeln!(
        out,
        "\n{style}claim and ledger are equal in {equal} of {} steps{style:#}",
        all.len()
    );
    out
}

// As the code of an embedder has it; the provider is not part of it.
fn call(step: &Step) -> String {
    let user = step.user;
    match step.current {
        Some(_) => format!("service.change(&cx, \"{user}\", current, new)"),
        None => format!("service.reset(&cx, \"{user}\", new)"),
    }
}

fn wire(message: &Message, arrow: &str, hide: &impl Fn(&str) -> String, line: &mut impl FnMut(&str)) {
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
    for body in message.body.lines().filter(|body| !body.is_empty()) {
        line(&format!("  {}", cut(&hide(body))));
    }
}

// Long enough for every rule of a refusal.
fn cut(text: &str) -> String {
    match text.char_indices().nth(330) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn hide(text: &str, step: &Step, sandbox: &Sandbox) -> String {
    let mut text = text
        .replace(&sandbox.announcement().token, "[token]")
        .replace(step.new, "[new password]");
    if let Some(current) = step.current {
        text = text.replace(current, "[current password]");
    }
    text
}
