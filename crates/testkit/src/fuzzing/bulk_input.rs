//! What a bulk run is asked to do: CSV and JSON lines.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use repass::{Blocklist, LayeredPolicy, Password, PasswordPolicy};
use repass_bulk::{BulkError, Input, PasswordSource, Provider, ProviderNames, Tally, dry_run};
use repass_identity::{IdentityService, IdentitySettings};
use repass_transport::{Response, StatusCode};
use serde_json::json;
use sha1::{Digest as _, Sha1};

use super::config::PASTED;
use super::fake_transport::FakeTransport;
use super::fields::fields;
use super::shown;

/// Fuzzes inputs of bulk runs. The bytes are an input; and the texts in them are passwords, which are written as inputs
/// and read back.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    for passwords in [PasswordSource::Input, PasswordSource::Generated] {
        let Ok((tally, skipped, reported)) =
            judged(data.to_vec(), passwords, PasswordPolicy::default().into())
        else {
            continue;
        };
        every_line_counts(data, tally.rows + skipped);
        let lines = data.split(|byte| *byte == b'\n');
        // Any of both ends a line of CSV.
        let count = 1 + data.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
        assert!(tally.rows <= count, "{tally:?} of {count} lines");
        assert_eq!(tally.not_applied, reported.len() as u64);
        assert!(
            reported
                .iter()
                .all(|reported| (1..=count).contains(&reported.line)),
            "{reported:?}"
        );
        if data.trim_ascii_start().starts_with(b"{") {
            let objects = lines.filter(|line| line.trim_ascii_start().starts_with(b"{"));
            assert!(
                tally.pending <= objects.count() as u64,
                "a line that is no object is a row"
            );
        }
    }
    let texts = fields(data).into_iter().map(|(_, text)| text);
    let passwords: Vec<_> = texts
        .filter(|text| Password::new(text.as_str()).is_ok_and(|it| it.check_typeable().is_ok()))
        .collect();
    // One of them each time: a reader's buffers are large.
    let forms = [
        csv(&passwords, ","),
        csv(&passwords, ";"),
        csv(&passwords, "\t"),
        json_lines(&passwords),
    ];
    reads_back(&forms[data.len() % forms.len()], &passwords);
}

fn csv(passwords: &[String], separator: &str) -> String {
    let row = |(at, password): (usize, &String)| {
        let quoted = password.replace('"', "\"\"");
        format!("user-{at}{separator}\"{quoted}\"\r\n")
    };
    let rows: String = passwords.iter().enumerate().map(row).collect();
    format!("user{separator}new_password\r\n{rows}")
}

fn json_lines(passwords: &[String]) -> String {
    let line = |(at, password)| {
        format!(
            "{}\n",
            json!({"user": format!("user-{at}"), "new_password": password})
        )
    };
    passwords.iter().enumerate().map(line).collect()
}

// Each row is refused as the very password that was written.
fn reads_back(text: &str, passwords: &[String]) {
    let reported = judged(text.into(), PasswordSource::Input, refusing(passwords));
    let (tally, _, reported) = reported.unwrap();
    let users = reported
        .iter()
        .filter(|reported| reported.code.as_deref() == Some("not_common"));
    let users: Vec<_> = users.filter_map(|reported| reported.user.clone()).collect();
    let all: Vec<_> = (0..passwords.len()).map(|at| format!("user-{at}")).collect();
    assert_eq!((users, tally.rows), (all, passwords.len() as u64), "{text}");
}

/// What is reported of a row that cannot be sent.
#[derive(Debug)]
struct Reported {
    line: u64,
    user: Option<String>,
    code: Option<String>,
}

// No line of CSV is lost: each is the header, a row or nothing but separators.
fn every_line_counts(data: &[u8], counted: u64) {
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x1a;
    let first = text.iter().find(|byte| !is_blank(byte));
    if first.is_none_or(|byte| *byte == b'{') {
        return;
    }
    let lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = lines.filter(|line| !line.is_empty()).count() as u64;
    // The header, and perhaps a line that names the separator.
    assert!(
        lines == counted + 1 || lines == counted + 2,
        "{counted} of {lines} lines"
    );
}

fn judged(
    text: Vec<u8>,
    passwords: PasswordSource,
    policies: LayeredPolicy,
) -> Result<(Tally, u64, Vec<Reported>), BulkError> {
    let fake = FakeTransport::new([Response::new(StatusCode::NO_CONTENT)]);
    let service = IdentityService::new("portal", IdentitySettings::default(), fake.transport());
    let names = ProviderNames::new(["portal"], Some("portal"));
    let mut reported = Vec::new();
    let mut skipped = None;
    let judged = Input::new(Box::new(Cursor::new(text)), "input", names, passwords).and_then(|input| {
        skipped = Some(input.skipped());
        dry_run(
            input,
            passwords,
            &[Provider::new(Arc::new(service), policies)],
            &mut |event| {
                fit(event.message.unwrap_or_default());
                reported.push(Reported {
                    line: event.line,
                    user: event.user.map(str::to_owned),
                    code: event.code.map(str::to_owned),
                });
            },
        )
    });
    match judged {
        Ok(tally) => {
            let skipped = skipped.map_or(0, |skipped| skipped.load(Ordering::Relaxed));
            Ok((tally, skipped, reported))
        }
        Err(problem) => {
            fit(&problem.to_string());
            Err(problem)
        }
    }
}

fn fit(message: &str) {
    shown::plain(message);
    assert!(message.len() <= 8_000 && !message.contains(PASTED), "{message}");
}

fn refusing(passwords: &[String]) -> LayeredPolicy {
    let hashes = passwords.iter().map(|password| {
        let hash = Sha1::digest(password);
        hash.iter()
            .map(|byte| format!("{byte:02x}"))
            .chain(["\n".to_owned()])
            .collect::<String>()
    });
    let list = Blocklist::from_sha1("", &hashes.collect::<String>()).unwrap();
    let own = PasswordPolicy::default().with_blocklist(Arc::new(list)).unwrap();
    own.into()
}
