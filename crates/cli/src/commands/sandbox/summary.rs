//! The summary of a sandbox, for terminals.

use std::fmt::Write as _;

use anstyle::Style;
use repass_sandbox::{Provider, StartupInfo};

const TITLE: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

pub(super) fn of(announcement: &StartupInfo) -> String {
    let StartupInfo {
        token,
        zoom,
        identity,
        users,
        numbered_users,
        ledger_url,
        faults_url,
        ..
    } = announcement;
    let mut out = format!(
        "{TITLE}The emulated providers are ready; Ctrl-C stops them.{TITLE:#} All users and secrets are \
         fictitious.\n\n\
         zoom    {}\n\
         portal  {}\n\
         token   {token}\n\n\
         {TITLE}Users and their initial passwords{TITLE:#}\n",
        zoom.base_url, identity.base_url
    );
    let width = users
        .iter()
        .map(|user| user.id.chars().count())
        .max()
        .unwrap_or(0);
    for user in users {
        let provider = match user.provider {
            Provider::Zoom => "zoom",
            Provider::Identity => "portal",
        };
        let password = user.password.as_deref().unwrap_or("-");
        let _ = write!(out, "{provider:6}  {:width$}  {password}", user.id);
        let _ = match user.note {
            Some(note) => writeln!(out, "  {QUIET}{note}{QUIET:#}"),
            None => writeln!(out),
        };
    }
    if numbered_users.count > 0 {
        let first = &numbered_users.first;
        let _ = writeln!(
            out,
            "and {} numbered users; the first: {} (zoom), {} (portal), {}",
            numbered_users.count, first.zoom_id, first.identity_id, first.password
        );
    }
    let _ = writeln!(
        out,
        "\n{TITLE}curl -s {ledger_url}{TITLE:#}    all changes that the providers made\n\
         {TITLE}curl -s {faults_url}{TITLE:#}    the active faults; see docs/guide/testing.md\n\
         {QUIET}Use --json, or a pipe, for JSON.{QUIET:#}"
    );
    out
}
