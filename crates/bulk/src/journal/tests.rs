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

// As it is read: what was begun, and has not ended.
const SENT: State = State::Unknown;

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
        .execute("UPDATE rows SET state = 0", [])
        .unwrap();

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
    let (left, sent) = ((1, State::Pending, 1, false), |batch| (batch, SENT, 2, false));
    let expected = [
        sent(5),
        sent(5),
        left,
        sent(5),
        sent(6),
        (6, SENT, 2, true),
        sent(6),
        left,
        (6, SENT, 1, false),
    ];
    assert_eq!(rows(&path), expected);

    // One that is not there is not begun, and neither are the others.
    let absent = [started(8, 7, false), started(10, 7, false)];
    assert!(journal.commit(&[], &[], &absent, 3, 0).is_err());
    let absent: Vec<_> = (8..=10).map(|line| started(line, 7, false)).collect();
    assert!(journal.commit(&[], &[], &absent, 3, 0).is_err());
    assert_eq!(rows(&path), expected);
}
