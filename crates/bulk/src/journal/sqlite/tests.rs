use repass_domain::{PriorState, UserId};

use super::*;
use crate::journal::{
    AttemptEnd, AttemptStart, Commit, EndKind, Journal as _, JournalReader as _, JournalRow, RowPhase, Tally,
};

fn started(line: u64, batch: u64, again: bool) -> AttemptStart<'static> {
    AttemptStart {
        line,
        batch,
        fresh: None,
        again,
        resent: false,
    }
}

fn commit(
    journal: &mut SqliteJournal,
    ended: &[AttemptEnd],
    started: &[AttemptStart<'_>],
    session: u64,
) -> Result<Vec<u64>, BulkError> {
    let entries = Commit {
        ended,
        started,
        ..Commit::default()
    };
    journal.commit(&entries, session)
}

/// Batch, phase, attempts and whether an earlier sending is unsettled.
fn rows(path: &Path) -> Vec<(u64, RowPhase, u64, bool)> {
    let reader = SqliteReader::open(path).unwrap();
    let standing = (1..).map_while(|line| reader.row(line).unwrap());
    standing
        .map(|row| (row.batch, row.state, row.attempts, row.unsettled))
        .collect()
}

#[test]
fn journal_records_exactly_the_started_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = SqliteJournal::create(&path).unwrap();
    let user = UserId::new("ann").unwrap();
    let fresh = |line, batch| AttemptStart {
        fresh: Some((&user, 1)),
        ..started(line, batch, false)
    };
    let all: Vec<_> = (1..=8).map(|line| fresh(line, 1)).collect();
    commit(&mut journal, &[], &all, 1).unwrap();
    journal
        .connection
        .execute_batch(
            "INSERT INTO outcomes SELECT line, 0, 0, 1, 1, 1, 0, 0, NULL, NULL, NULL, NULL FROM rows;
             DELETE FROM begun",
        )
        .unwrap();
    journal.open.clear();

    // Neighbours, a gap, another batch, one that was sent before, and one that is new.
    let begun = [
        started(1, 5, false),
        started(2, 5, false),
        started(4, 5, false),
        started(5, 6, false),
        started(6, 6, true),
        started(7, 6, false),
        fresh(9, 6),
    ];
    commit(&mut journal, &[], &begun, 2).unwrap();
    let (left, sent) = ((1, RowPhase::Pending, 1, false), |batch| {
        (batch, RowPhase::Sending, 2, false)
    });
    let expected = [
        sent(5),
        sent(5),
        left,
        sent(5),
        sent(6),
        (6, RowPhase::Sending, 2, true),
        sent(6),
        left,
        (6, RowPhase::Sending, 1, false),
    ];
    assert_eq!(rows(&path), expected);

    // One that is not there is not begun, and neither are the others.
    let absent = [started(8, 7, false), started(10, 7, false)];
    assert!(commit(&mut journal, &[], &absent, 3).is_err());
    let absent: Vec<_> = (8..=10).map(|line| started(line, 7, false)).collect();
    assert!(commit(&mut journal, &[], &absent, 3).is_err());
    assert_eq!(rows(&path), expected);
}

fn ended(line: u64, state: RowPhase) -> AttemptEnd {
    AttemptEnd::new(line, state, 0)
}

/// How many are noted as begun, on the disk and in mind.
fn begun(journal: &SqliteJournal) -> (usize, usize) {
    let count = "SELECT count(*) FROM begun";
    let noted = journal.connection.query_row(count, [], |row| row.get(0));
    (noted.unwrap(), journal.open.len())
}

#[test]
fn row_sent_again_ends_once_per_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = SqliteJournal::create(&path).unwrap();
    let user = UserId::new("ann").unwrap();
    let all: Vec<_> = (1..=4)
        .map(|line| AttemptStart {
            fresh: Some((&user, 1)),
            ..started(line, 7, false)
        })
        .collect();
    commit(&mut journal, &[], &all, 1).unwrap();
    let unknown = [ended(2, RowPhase::Unknown), ended(3, RowPhase::Applied)];
    commit(&mut journal, &unknown, &[], 1).unwrap();
    // The first sending's neighbours are still in flight.
    commit(&mut journal, &[], &[started(2, 8, true)], 1).unwrap();
    assert_eq!(begun(&journal), (2, 2));
    let reported = |journal: &SqliteJournal| {
        (
            rows(&path),
            SqliteReader::open(&path).unwrap().tally().unwrap(),
            begun(journal),
        )
    };
    let tally = |applied, not_applied, unknown| Tally {
        rows: 4,
        applied,
        not_applied,
        unknown,
        pending: 0,
    };
    let first = |state| (7, state, 1, false);
    let expected = vec![
        first(RowPhase::Sending),
        (8, RowPhase::Sending, 2, true),
        first(RowPhase::Applied),
        first(RowPhase::Sending),
    ];
    assert_eq!(reported(&journal), (expected, tally(1, 0, 3), (2, 2)));

    // Reported twice, as after a commit that failed too late; it counts once, and its neighbours stay begun.
    for _ in 0..2 {
        commit(&mut journal, &[ended(2, RowPhase::NotApplied)], &[], 1).unwrap();
        let again = (8, RowPhase::NotApplied, 2, true);
        let expected = vec![
            first(RowPhase::Sending),
            again,
            first(RowPhase::Applied),
            first(RowPhase::Sending),
        ];
        assert_eq!(reported(&journal), (expected, tally(1, 0, 3), (1, 1)));
    }
    // What could not be written is what a crash leaves.
    let nobody = [ended(1, RowPhase::Applied), ended(9, RowPhase::Applied)];
    assert!(commit(&mut journal, &nobody, &[], 1).is_err());
    commit(&mut journal, &[ended(4, RowPhase::NotApplied)], &[], 1).unwrap();
    journal.mark_interrupted(5).unwrap();
    let again = (8, RowPhase::NotApplied, 2, true);
    let expected = vec![
        first(RowPhase::Unknown),
        again,
        first(RowPhase::Applied),
        first(RowPhase::NotApplied),
    ];
    assert_eq!(reported(&journal), (expected, tally(1, 1, 2), (0, 0)));
    let earlier = SqliteReader::open(&path).unwrap().earlier(2, 7).unwrap();
    assert_eq!(earlier, Some(RowPhase::Unknown));
    // A probe settles it, and is no sending.
    let probe = AttemptEnd {
        sent: EndKind::Probe { batch: 7, set: false },
        ..ended(1, RowPhase::Applied)
    };
    commit(&mut journal, &[probe], &[], 2).unwrap();
    assert_eq!(rows(&path)[0], first(RowPhase::Applied));
}

#[test]
fn crash_with_two_open_attempts_keeps_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = SqliteJournal::create(&path).unwrap();
    let user = UserId::new("ann").unwrap();
    let all = [1, 2].map(|line| AttemptStart {
        fresh: Some((&user, 1)),
        ..started(line, 7, false)
    });
    commit(&mut journal, &[], &all, 1).unwrap();
    let lost = [ended(2, RowPhase::Unknown)];
    commit(&mut journal, &lost, &[], 1).unwrap();
    commit(&mut journal, &[], &[started(2, 8, true)], 1).unwrap();
    drop(journal);
    let expected = vec![(7, RowPhase::Sending, 1, false), (8, RowPhase::Sending, 2, true)];
    assert_eq!(rows(&path), expected);
    let to_send = SqliteReader::open(&path).unwrap().to_send(0, 9).unwrap();
    assert_eq!(to_send, [], "neither is sent while it is in flight");
    SqliteJournal::open(&path).unwrap().mark_interrupted(5).unwrap();
    let expected = vec![(7, RowPhase::Unknown, 1, false), (8, RowPhase::Unknown, 2, true)];
    assert_eq!(rows(&path), expected);
}

#[test]
fn call_that_sends_twice_ends_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = SqliteJournal::create(&path).unwrap();
    let user = UserId::new("ann").unwrap();
    let all = [1, 2].map(|line| AttemptStart {
        fresh: Some((&user, 1)),
        ..started(line, 7, false)
    });
    commit(&mut journal, &[], &all, 1).unwrap();
    let again = AttemptStart {
        resent: true,
        ..started(1, 7, false)
    };
    commit(&mut journal, &[], &[again], 1).unwrap();
    assert_eq!(begun(&journal), (2, 2));
    commit(&mut journal, &[ended(1, RowPhase::Applied)], &[], 1).unwrap();
    assert_eq!(begun(&journal), (1, 1));
    commit(&mut journal, &[ended(2, RowPhase::Applied)], &[], 1).unwrap();
    assert_eq!(begun(&journal), (0, 0));
    let expected = vec![(7, RowPhase::Applied, 1, false), (7, RowPhase::Applied, 1, false)];
    assert_eq!(rows(&path), expected);
    // One that is not begun is not sent once more.
    let absent = AttemptStart {
        resent: true,
        ..started(2, 7, false)
    };
    assert!(commit(&mut journal, &[], &[absent], 1).is_err());
}

#[test]
fn in_flight_window_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = SqliteJournal::create(&path).unwrap();
    let user = UserId::new("ann").unwrap();
    let provider = journal.provider_id("zoom").unwrap();
    journal.set_limits(provider, None, 30_000).unwrap();
    let all = [1, 2, 3].map(|line| AttemptStart {
        fresh: Some((&user, provider)),
        ..started(line, 7, false)
    });
    commit(&mut journal, &[], &all, 1).unwrap();
    let lost = [ended(1, RowPhase::Unknown)];
    commit(&mut journal, &lost, &[], 1).unwrap();
    // Two minutes pass; nothing is set back by it.
    let pass = |journal: &SqliteJournal| {
        journal
            .connection
            .execute_batch(
                "UPDATE in_flight SET at = at - 120000, uptime = uptime - 120000;
                 UPDATE begun SET at = at - 120000, uptime = uptime - 120000",
            )
            .unwrap();
    };
    pass(&journal);
    // This one was begun shortly before the crash.
    let late = AttemptStart {
        resent: true,
        ..started(3, 7, false)
    };
    commit(&mut journal, &[], &[late], 1).unwrap();
    drop(journal);
    let mut journal = SqliteJournal::open(&path).unwrap();
    journal.mark_interrupted(0).unwrap();
    let quiet = |line| SqliteReader::open(&path).unwrap().quiet_for(line).unwrap();
    let second = 1000;
    assert!((120 * second..200 * second).contains(&quiet(1)), "{}", quiet(1));
    assert!((90 * second..170 * second).contains(&quiet(2)), "{}", quiet(2));
    assert!((0..80 * second).contains(&quiet(3)), "{}", quiet(3));
    assert_eq!(quiet(9), 0, "what is not known is not long ago");

    // A probe that sets the password counts too.
    let probing = Commit {
        probing: &[(1, 30_000)],
        ..Commit::default()
    };
    journal.commit(&probing, 2).unwrap();
    assert!(quiet(1) < 0, "{}", quiet(1));
    let probed = |set| AttemptEnd {
        sent: EndKind::Probe { batch: 7, set },
        ..ended(1, RowPhase::Unknown)
    };
    commit(&mut journal, &[probed(true)], &[], 2).unwrap();
    assert!((0..80 * second).contains(&quiet(1)), "{}", quiet(1));
    // Another one does not, however it ends.
    pass(&journal);
    commit(&mut journal, &[probed(false)], &[], 2).unwrap();
    assert!((120 * second..200 * second).contains(&quiet(1)), "{}", quiet(1));
}

#[test]
fn journal_of_format_2_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(include_str!("format2.sql")).unwrap();
    // Applied, unknown, being sent when it was killed, pending after a reissue that was stopped, pending, and probed in
    // the moment of a time-out.
    connection
        .execute_batch(
            "INSERT INTO facts VALUES ('begun', 'yes');
             INSERT INTO providers VALUES (1, 'zoom', 60.0);
             INSERT INTO sessions VALUES (1, 1000, NULL);
             INSERT INTO rows VALUES (2, 'a', 1), (3, 'b', 1), (4, 'c', 1), (5, 'd', 1), (6, 'e', 1),
                 (7, 'f', 1);
             INSERT INTO begun VALUES (1, 4, 4, 7, 1, 1000);
             INSERT INTO earlier VALUES (5, 7, 4);
             INSERT INTO outcomes VALUES (2, 2, 0, 7, 1, 1, 1, 2000, NULL, NULL, NULL, NULL),
                 (3, 4, 0, 7, 1, 1, 1, 2000, 'timed_out', NULL, NULL, NULL),
                 (5, 0, 1, 7, 1, 1, 1, 2000, 'timed_out', NULL, NULL, NULL),
                 (7, 3, 0, 7, 1, 1, 1, 2000, 'timed_out', NULL,
                  'no answer; a probe found that the new password is not in place', NULL)",
        )
        .unwrap();
    drop(connection);
    let tally = |reader: &SqliteReader| reader.tally().unwrap();
    let mut expected = Tally {
        rows: 6,
        applied: 1,
        not_applied: 1,
        unknown: 3,
        pending: 1,
    };
    let old = SqliteReader::open(&path).unwrap();
    assert_eq!(tally(&old), expected);
    assert_eq!(old.row(3).unwrap().unwrap().state, RowPhase::Unknown);
    drop(old);
    let mut journal = SqliteJournal::open(&path).unwrap();
    journal.mark_interrupted(3000).unwrap();
    let reader = SqliteReader::open(&path).unwrap();
    (expected.not_applied, expected.unknown) = (0, 4);
    assert_eq!(tally(&reader), expected);
    let lines = |rows: Vec<JournalRow>| rows.into_iter().map(|row| row.line).collect::<Vec<_>>();
    assert_eq!(lines(reader.to_send(0, 9).unwrap()), [6]);
    assert_eq!(lines(reader.to_reissue(0, 9).unwrap()), [3, 4, 5, 7]);
    assert_eq!(reader.unresolved_count().unwrap(), 4);
    // Since 1970, but no longer than this machine is up.
    assert!(reader.quiet_for(3).unwrap() > 0 && reader.quiet_for(4).unwrap() > 0);
    assert_eq!(reader.identity(1).unwrap(), None);
    journal.set_identity(1, "x").unwrap();
    assert_eq!(reader.identity(1).unwrap().as_deref(), Some("x"));
    commit(&mut journal, &[], &[started(6, 8, false)], 2).unwrap();
    drop(SqliteJournal::open(&path).unwrap());
}

#[test]
fn state_before_an_unknown_attempt_is_kept_with_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = SqliteJournal::create(&path).unwrap();
    // As format 3 had it.
    journal
        .connection
        .execute_batch("DROP TABLE prior_states; PRAGMA user_version = 3")
        .unwrap();
    let user = UserId::new("ann").unwrap();
    let all = [1, 2, 3].map(|line| AttemptStart {
        fresh: Some((&user, 1)),
        ..started(line, 7, false)
    });
    commit(&mut journal, &[], &all, 1).unwrap();
    drop(journal);
    assert_eq!(SqliteReader::open(&path).unwrap().tally().unwrap().unknown, 3);
    let mut journal = SqliteJournal::open(&path).unwrap();
    // A crash leaves none.
    journal.mark_interrupted(5).unwrap();
    let state = PriorState::default().with("version", "4");
    let again = |line| started(line, 8, true);
    commit(&mut journal, &[], &[again(1), again(2), again(3)], 2).unwrap();
    let with_state = |line, phase| AttemptEnd {
        prior_state: state.clone(),
        ..ended(line, phase)
    };
    let unrecorded = AttemptEnd {
        sent: EndKind::Unrecorded(9, Some((user.clone(), 0))),
        ..with_state(4, RowPhase::Unknown)
    };
    let ends = [
        with_state(1, RowPhase::Unknown),
        with_state(2, RowPhase::Applied),
        ended(3, RowPhase::Unknown),
        unrecorded,
    ];
    commit(&mut journal, &ends, &[], 2).unwrap();
    let reader = SqliteReader::open(&path).unwrap();
    let kept = |line, batch| reader.prior_state(line, batch).unwrap();
    assert_eq!((kept(1, 8), kept(4, 9)), (state.clone(), state));
    for (line, batch) in [(1, 7), (2, 8), (3, 8)] {
        assert!(kept(line, batch).is_empty(), "{line}, {batch}");
    }
}
