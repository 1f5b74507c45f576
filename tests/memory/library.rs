//! The library in another process.

use std::env;
use std::fs;
use std::time::Duration;

use repass_sandbox::{Cut, CutKind, CutPoint, DirectoryCut, DirectoryFault, Timing};

use crate::calls::{EVERY, IN_DIRECTORIES, assert_clean, row};
use crate::subject::{CONCURRENCY, Call, Phase, Summary};
use crate::test_env::{Subject, TestEnv, respond};

// Calls of each kind under each fault.
const FAILING: u32 = 12;

fn changes() -> u32 {
    let asked = env::var("REPASS_MEMORY_CHANGES").ok();
    asked.map_or(250, |asked| asked.parse().unwrap())
}

fn sockets(subject: &Subject) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", subject.child.id())).unwrap();
    let links = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

fn leaves_nothing(tls: bool) {
    let count = changes() * 5;
    let env = TestEnv::new(tls, count);
    let mut subject = env.subject();
    let summary = subject.run(&row(&EVERY, 1, count));
    let all = Summary {
        applied: count,
        ..Summary::default()
    };
    assert_eq!(summary, all);
    let sockets = sockets(&subject);
    // Each connection has two descriptors.
    assert!(sockets >= 2 * CONCURRENCY as usize, "{sockets} sockets are open");
    assert_clean(&subject.search(), "changes that were applied");
}

#[test]
fn library_changes_over_https_leave_no_password_in_memory() {
    leaves_nothing(true);
}

#[test]
fn library_changes_over_http_leave_no_password_in_memory() {
    leaves_nothing(false);
}

fn fails_and_leaves_nothing(tls: bool) {
    let each = FAILING * 5;
    let env = TestEnv::new(tls, each * 9);
    let mut subject = env.subject();
    let mut first = 1;
    let mut next = |subject: &mut Subject, what: &str, budget: Duration| {
        let summary = subject.run(&Phase {
            budget,
            ..row(&EVERY, first, each)
        });
        first += each;
        assert_eq!(summary.applied, 0, "{what}");
        assert_clean(&subject.search(), what);
        summary
    };
    let long = Duration::from_secs(60);
    for status in [400, 401, 403, 500] {
        env.fail(
            Some(respond(status, "{\"code\":9999,\"message\":\"not now, sorry\"}")),
            None,
        );
        next(&mut subject, &format!("{status} without an echo"), long);
    }
    for (at, how) in [
        (CutPoint::RequestHead, CutKind::Rst),
        (CutPoint::Answer, CutKind::Rst),
        (CutPoint::StatusLine, CutKind::Fin),
    ] {
        env.fail(None, Some(Cut { at, how }));
        let summary = next(&mut subject, &format!("{at:?} {how:?}"), long);
        assert_eq!(summary.unknown, each, "{at:?} {how:?}");
    }
    env.fail(
        None,
        Some(Cut {
            at: CutPoint::Answer,
            how: CutKind::Stall,
        }),
    );
    next(
        &mut subject,
        "silence until the budget's end",
        Duration::from_millis(400),
    );
}

#[test]
fn failed_changes_over_https_leave_no_password_in_memory() {
    fails_and_leaves_nothing(true);
}

#[test]
fn failed_changes_over_http_leave_no_password_in_memory() {
    fails_and_leaves_nothing(false);
}

fn directories_leave_nothing(start_tls: bool) {
    let each = FAILING * 4;
    let count = changes() * 2 / 4 * 4;
    let env = TestEnv::new(false, 1).with_directories(start_tls, count + 3 * each);
    let mut subject = env.subject();
    let summary = subject.run(&row(&IN_DIRECTORIES, 1, count));
    let all = Summary {
        applied: count,
        ..Summary::default()
    };
    assert_eq!(summary, all);
    assert_clean(&subject.search(), "changes that were applied");
    let cuts = [
        (Timing::BeforeApply, CutKind::Rst),
        (Timing::AfterApply, CutKind::Fin),
        (Timing::BeforeApply, CutKind::Stall),
    ];
    for (at, (when, how)) in (0..).zip(cuts) {
        for directory in &env.directories {
            directory.clear_faults();
            directory.inject(DirectoryFault {
                when,
                times: u32::MAX,
                cut: Some(DirectoryCut { after: 0, how }),
                ..DirectoryFault::default()
            });
        }
        let phase = Phase {
            budget: Duration::from_secs(if how == CutKind::Stall { 2 } else { 60 }),
            ..row(&IN_DIRECTORIES, count + 1 + at * each, each)
        };
        let summary = subject.run(&phase);
        assert_eq!(summary.unknown, each, "{when:?} {how:?}: {summary:?}");
        assert_clean(&subject.search(), &format!("{when:?} {how:?}"));
    }
}

#[test]
fn changes_over_ldaps_leave_no_password_in_memory() {
    directories_leave_nothing(false);
}

#[test]
fn changes_over_start_tls_leave_no_password_in_memory() {
    directories_leave_nothing(true);
}

#[test]
fn scan_finds_a_kept_password() {
    let env = TestEnv::new(false, 4);
    let mut subject = env.subject();
    subject.run(&row(&[Call::Kept], 1, 4));
    let found = subject.search();
    let kept = |number: u32| {
        found
            .iter()
            .any(|it| it.whole && it.encoding == "raw" && it.secret == format!("New {number} (Kept)"))
    };
    assert!((1..=4).all(kept), "{found:?}");
    assert!(found.iter().all(|it| it.secret.starts_with("New")), "{found:?}");
}

#[test]
fn scan_finds_residues_of_a_plain_client() {
    let env = TestEnv::new(false, 400);
    let mut subject = env.subject();
    let summary = subject.run(&row(&[Call::PlainClient], 1, 400));
    assert_eq!(summary.applied, 400);
    let found = subject.search();
    let whole = found.iter().filter(|it| it.whole).count();
    println!("{whole} whole copies and {} parts", found.len() - whole);
    assert!(!found.is_empty(), "the control was not caught");
}
