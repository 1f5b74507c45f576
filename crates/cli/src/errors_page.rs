//! `docs/errors.md`, made from the code: `UPDATE=1 cargo test -p repass-cli errors_page` writes it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::exit::Exit;
use repass::{Error, ErrorKind, Outcome};

const KINDS: &str = include_str!("../../domain/src/error_kind.rs");
const RULES: &str = include_str!("../../domain/src/violation.rs");
const EXITS: &str = include_str!("exit.rs");

/// The kinds that a password change can end with when its outcome is unknown: what comes after the request may
/// have left and is no refusal.
const IN_DOUBT: [ErrorKind; 4] = [
    ErrorKind::ConnectionLost,
    ErrorKind::TimedOut,
    ErrorKind::ProviderFault,
    ErrorKind::UnexpectedAnswer,
];

/// The variants of an enum in the order of its source, each with its documentation on one line.
fn documented<'a>(source: &'a str, name: &str) -> Vec<(&'a str, String)> {
    let start = source
        .find(&format!("enum {name} {{"))
        .expect("the enum is there");
    let body = source[start..].split("\n}").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut told = Vec::new();
    for line in body.lines().skip(1).map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            told.push(text);
        } else if !told.is_empty() {
            found.push((line.trim_end_matches(','), plain(&told.join(" "))));
            told.clear();
        }
    }
    found
}

/// Without the targets of links, which mean nothing outside rustdoc.
fn plain(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once("[`") {
        let (name, after) = after.split_once("`]").expect("a link ends");
        let _ = write!(plain, "{before}`{}`", name.trim_start_matches("repass::"));
        rest = match after.strip_prefix("(crate") {
            Some(target) => target.split_once(')').expect("a target ends").1,
            None => after,
        };
    }
    plain + rest
}

fn kinds() -> String {
    let documented = documented(KINDS, "ErrorKind");
    assert_eq!(documented.len(), ErrorKind::ALL.len());
    let mut rows = String::new();
    for ((name, told), kind) in documented.iter().zip(ErrorKind::ALL) {
        assert_eq!(*name, format!("{kind:?}"), "`ALL` is in the order of the list");
        let exit = Exit::of(&Error::not_applied(kind, "")) as u8;
        let (effect, exit) = if IN_DOUBT.contains(&kind) {
            (Outcome::Unknown.as_str(), format!("8 ({exit})"))
        } else {
            (Outcome::NotApplied.as_str(), exit.to_string())
        };
        let _ = writeln!(rows, "| `{kind}` | `{effect}` | {exit} | {told} |");
    }
    rows
}

fn rules() -> String {
    let codes = RULES.split("fn code(&self)").nth(1).expect("the codes are there");
    let mut rows = String::new();
    for (variant, told) in documented(RULES, "Rule") {
        let name = variant.split('(').next().unwrap_or_default();
        let name = format!("Self::{name}");
        let arm = codes.lines().find(|line| {
            let mut after = line.split(&name).skip(1);
            after.any(|rest| rest.starts_with([' ', '(']))
        });
        let code = arm
            .and_then(|arm| arm.split('"').nth(1))
            .expect("every rule has its code");
        let _ = writeln!(rows, "| `{code}` | {told} |");
    }
    rows
}

fn exits() -> String {
    let mut rows = String::new();
    for (variant, told) in documented(EXITS, "Exit") {
        let number = variant.split(" = ").nth(1).expect("every exit has its number");
        let _ = writeln!(rows, "| {number} | {told} |");
    }
    rows
}

fn page() -> String {
    let (kinds, rules, exits) = (kinds(), rules(), exits());
    format!(
        "# Errors, and what to do

Made from the code by `UPDATE=1 cargo test -p repass-cli errors_page`; a test compares it. The words in the
first columns are stable: programs may depend on them.

## Kinds

`Error::kind` in code, `kind` in `--json`, the audit and the spans. `Error::outcome` tells apart from it whether
the password may have been changed, and comes first: **branch on the effect, then on the kind.** The second
column is the effect with which a password change ends; calls that change nothing (`policy`, the tests of
`doctor`) have the same kinds and are always `not_applied`, with the exit code in brackets.

| kind | effect | exit | what it means, and what to do |
| --- | --- | ---: | --- |
{kinds}
An `unknown` outcome is settled by `resolve`, never by sending the change again: see
[unknown outcomes](guide/unknown.md). A profile update that was sent more than once and then refused is `unknown`
under any kind; the same update can be made again.

## What proves an outcome

A change is *applied* only when the provider's documented success arrives: 204 or 200 with the body that goes with
it. It is *not applied* only with proof:

- nothing was sent: bad input, no permit of the rate limit, no token, no connection, or a TLS alert that refuses the
  client before any request is read;
- or the provider's own error format, under the status with which it is documented or was observed;
- or a status that HTTP defines as not processed: 401 with a challenge, 404, 405, 406, 411, 413, 414, 415, 417, 421,
  426, 428, 429, 431, and the redirects that keep the method (301, 307, 308).

Everything else is *unknown*: a web page or XML, a body that contradicts itself, 202, 302 and 303, 400, 403, 409 or
422 in a format that is not the provider's, any 5xx, and a refusal by a gateway that says that it sent the request
more than once (`x-envoy-attempt-count`). The message names who has probably written such an answer. One risk
remains: a load balancer that replaces the provider's answer by a 404 page of its own.

## Broken rules

`Error::violations` with the kind `password_refused`, `violations` in `--json`: every rule that the new password
breaks, as far as it is known, each with its `code`, its `limit` where it has a number, its `position` where it
is about one character, and the `layer` whose rule it is (`provider` or `caller`). Ask the user for another
password and tell all of them at once.

| code | the rule |
| --- | --- |
{rules}
## Exit codes

| exit | what it means |
| ---: | --- |
{exits}
## Configuration

A configuration that cannot be used is told as a whole, one line for each problem: the file and line, the key,
what is wrong with it and what to do, such as

```text
repass.toml:7: providers.zoom.plan: must be \"free\", \"pro\", \"business\" or \"unlimited\"; did you mean `business`?
```

The exit code is 2; in code it is a `ConfigError` with its `problems()`. No value is ever quoted, because it may
be a secret. `repass config check` tells them without calling anybody, `repass doctor` what only a call can find
out.
"
    )
}

#[test]
fn errors_page() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, page()).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page(),
        "docs/errors.md is not what the code says: UPDATE=1 cargo test -p repass-cli errors_page"
    );
}
