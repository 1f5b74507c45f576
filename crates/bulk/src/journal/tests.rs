use repass_domain::UserId;

use super::*;

fn started(line: u64, batch: u64, again: bool) -> Started<'static> {
    Started {
        line,
        batch,
        fresh: None,
        again,
    }
}

/// Batch, state, attempts and whether an earlier sending is unsettled.
fn rows(path: &Path) -> Vec<(u64, State, u64, bool)> {
    let reader = Reader::open(path).unwrap();
    let standing = (1..).map_while(|line| reader.standing(line).unwrap());
    standing
        .map(|row| (row.batch, row.state, row.attempts, row.unsettled))
        .collect()
}

#[test]
fn exactly_the_rows_that_are_begun_are_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    let user = UserId::new("ann").unwrap();
    let fresh = |line, batch| Started {
        fresh: Some((&user, 1)),
        ..started(line, batch, false)
    };
    let all: Vec<_> = (1..=8).map(|line| fresh(line, 1)).collect();
    journal.commit(&[], &[], &all, 1, 0).unwrap();
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
    journal.commit(&[], &[], &begun, 2, 0).unwrap();
    let (left, sent) = ((1, State::Pending, 1, false), |batch| {
        (batch, State::Sending, 2, false)
    });
    let expected = [
        sent(5),
        sent(5),
        left,
        sent(5),
        sent(6),
        (6, State::Sending, 2, true),
        sent(6),
        left,
        (6, State::Sending, 1, false),
    ];
    assert_eq!(rows(&path), expected);

    // One that is not there is not begun, and neither are the others.
    let absent = [started(8, 7, false), started(10, 7, false)];
    assert!(journal.commit(&[], &[], &absent, 3, 0).is_err());
    let absent: Vec<_> = (8..=10).map(|line| started(line, 7, false)).collect();
    assert!(journal.commit(&[], &[], &absent, 3, 0).is_err());
    assert_eq!(rows(&path), expected);
}

fn ended(line: u64, state: State) -> Ended {
    Ended {
        line,
        state,
        kind: None,
        code: None,
        message: None,
        tracking_id: None,
        at: 0,
    }
}

/// How many are noted as begun, on the disk and in mind.
fn begun(journal: &Journal) -> (usize, usize) {
    let count = "SELECT count(*) FROM begun";
    let noted = journal.connection.query_row(count, [], |row| row.get(0));
    (noted.unwrap(), journal.open.len())
}

#[test]
fn a_row_that_is_sent_again_ends_once_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    let user = UserId::new("ann").unwrap();
    let all: Vec<_> = (1..=4)
        .map(|line| Started {
            fresh: Some((&user, 1)),
            ..started(line, 7, false)
        })
        .collect();
    journal.commit(&[], &[], &all, 1, 0).unwrap();
    let unknown = [ended(2, State::Unknown), ended(3, State::Applied)];
    journal.commit(&[], &unknown, &[], 1, 0).unwrap();
    // The first sending's neighbours are still under way.
    journal.commit(&[], &[], &[started(2, 8, true)], 1, 0).unwrap();
    assert_eq!(begun(&journal), (2, 2));
    let told = |journal: &Journal| {
        (
            rows(&path),
            Reader::open(&path).unwrap().tally().unwrap(),
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
        first(State::Sending),
        (8, State::Sending, 2, true),
        first(State::Applied),
        first(State::Sending),
    ];
    assert_eq!(told(&journal), (expected, tally(1, 0, 3), (2, 2)));

    // Told twice, as after a commit that failed too late; it counts once, and its neighbours stay begun.
    for _ in 0..2 {
        journal
            .commit(&[], &[ended(2, State::NotApplied)], &[], 1, 0)
            .unwrap();
        let again = (8, State::NotApplied, 2, true);
        let expected = vec![
            first(State::Sending),
            again,
            first(State::Applied),
            first(State::Sending),
        ];
        assert_eq!(told(&journal), (expected, tally(1, 0, 3), (1, 1)));
    }
    // What could not be written is what a crash leaves.
    let nobody = [ended(1, State::Applied), ended(9, State::Applied)];
    assert!(journal.commit(&[], &nobody, &[], 1, 0).is_err());
    journal
        .commit(&[], &[ended(4, State::NotApplied)], &[], 1, 0)
        .unwrap();
    journal.sweep(5).unwrap();
    let again = (8, State::NotApplied, 2, true);
    let expected = vec![
        first(State::Unknown),
        again,
        first(State::Applied),
        first(State::NotApplied),
    ];
    assert_eq!(told(&journal), (expected, tally(1, 1, 2), (0, 0)));
    let earlier = Reader::open(&path).unwrap().earlier(2, 7).unwrap();
    assert_eq!(earlier, Some(State::Unknown));
    // A probe settles it, and is no sending.
    journal
        .commit(&[], &[ended(1, State::Applied)], &[], 2, 0)
        .unwrap();
    assert_eq!(rows(&path)[0], first(State::Applied));
}

#[test]
fn of_two_sendings_that_a_crash_leaves_the_last_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::create(&path).unwrap();
    let user = UserId::new("ann").unwrap();
    let all = [1, 2].map(|line| Started {
        fresh: Some((&user, 1)),
        ..started(line, 7, false)
    });
    journal.commit(&[], &[], &all, 1, 0).unwrap();
    let lost = [ended(2, State::Unknown)];
    journal.commit(&[], &lost, &[], 1, 0).unwrap();
    journal.commit(&[], &[], &[started(2, 8, true)], 1, 0).unwrap();
    drop(journal);
    let expected = vec![(7, State::Sending, 1, false), (8, State::Sending, 2, true)];
    assert_eq!(rows(&path), expected);
    let to_send = Reader::open(&path).unwrap().to_send(0, 9).unwrap();
    assert_eq!(to_send, [], "neither is sent while it is under way");
    Journal::open(&path).unwrap().sweep(5).unwrap();
    let expected = vec![(7, State::Unknown, 1, false), (8, State::Unknown, 2, true)];
    assert_eq!(rows(&path), expected);
}
