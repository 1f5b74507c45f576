//! What every journal of a bulk run guarantees, in a directory or in a database.

use repass::{PriorState, UserId};
use repass_bulk::journal::{
    AttemptEnd, AttemptStart, Commit, EndKind, InvalidReason, Journal, JournalReader, JournalRow, NewRow,
    READ_WHOLE, RowPhase, different_input,
};
use repass_bulk::{RowStatus, Tally};

/// The time of everything in the contract, in milliseconds since 1970.
const AT: i64 = 1_700_000_000_000;

fn start(line: u64, batch: u64) -> AttemptStart<'static> {
    AttemptStart {
        line,
        batch,
        fresh: None,
        again: false,
        resent: false,
    }
}

fn end(line: u64, state: RowPhase, kind: Option<&'static str>) -> AttemptEnd {
    AttemptEnd {
        kind,
        message: kind.map(|kind| format!("it is {kind}")),
        ..AttemptEnd::new(line, state, AT + 1000)
    }
}

fn commit(journal: &mut dyn Journal, session: u64, started: &[AttemptStart<'_>], ended: &[AttemptEnd]) {
    let entries = Commit {
        started,
        ended,
        ..Commit::default()
    };
    assert_eq!(
        journal.commit(&entries, session).expect("a commit"),
        [] as [u64; 0]
    );
}

fn lines(rows: &[JournalRow]) -> Vec<u64> {
    rows.iter().map(|row| row.line).collect()
}

fn all_to_send(reader: &dyn JournalReader) -> Vec<u64> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let rows = reader.to_send(after, 3).expect("rows to send");
        let Some(last) = rows.last() else { return all };
        after = last.line;
        all.extend(lines(&rows));
    }
}

fn phase(reader: &dyn JournalReader, line: u64) -> (RowPhase, bool) {
    let row = reader
        .row(line)
        .expect("the row can be read")
        .expect("the row is there");
    (row.state, row.unsettled)
}

fn tally(applied: u64, not_applied: u64, unknown: u64, pending: u64) -> Tally {
    let rows = applied + not_applied + unknown + pending;
    Tally {
        rows,
        applied,
        not_applied,
        unknown,
        pending,
    }
}

/// Checks the guarantees of [`Journal`] with a new journal. `reopen` drops one as if its process were killed, and opens
/// the same run in another process once the first is taken for gone.
///
/// # Panics
/// If the journal breaks one.
pub fn check(mut journal: Box<dyn Journal>, mut reopen: impl FnMut(Box<dyn Journal>) -> Box<dyn Journal>) {
    let provider = journal.provider_id("zoom").expect("a provider");
    assert_eq!(journal.provider_id("zoom").expect("the same"), provider);
    assert_ne!(journal.provider_id("portal").expect("another"), provider);
    journal.set_limits(provider, Some(40.0), 30_000).expect("limits");
    journal.set_identity(provider, "{}").expect("an identity");
    journal.set_fact("provider", "other").expect("a fact");
    journal.set_fact("provider", "zoom").expect("the same fact");
    ingest(&mut *journal, provider);
    journal.set_fact(READ_WHOLE, "yes").expect("a fact");

    let first = journal.begin_session(AT).expect("a session");
    let reader = journal.reader().expect("a reader");
    assert_eq!(reader.fact("provider").expect("a fact").as_deref(), Some("zoom"));
    assert_eq!(reader.fact("none").expect("no fact"), None);
    assert_eq!(
        reader.identity(provider).expect("an identity").as_deref(),
        Some("{}")
    );
    assert!((journal.may_send())(), "a session that has just begun");
    assert_eq!(
        all_to_send(&*reader),
        [1, 2, 3, 4, 5, 7, 8],
        "the valid rows, in order"
    );
    assert_eq!(reader.tally().expect("a tally"), tally(0, 1, 0, 7));

    commit(
        &mut *journal,
        first,
        &[start(1, 1), start(2, 1), start(3, 1), start(4, 1)],
        &[],
    );
    assert_eq!(phase(&*reader, 2), (RowPhase::Sending, false));
    assert_eq!(
        reader.tally().expect("a tally"),
        tally(0, 1, 4, 3),
        "what is being sent counts as unknown"
    );
    assert_eq!(reader.summary().expect("a summary").in_flight, 4);
    let unknown = AttemptEnd {
        prior_state: PriorState::default().with("version", "7"),
        ..end(3, RowPhase::Unknown, Some("timed_out"))
    };
    let ended = [
        end(1, RowPhase::Applied, None),
        end(2, RowPhase::NotApplied, Some("unreachable")),
        unknown,
    ];
    commit(&mut *journal, first, &[start(5, 1)], &ended);
    assert_eq!(phase(&*reader, 1), (RowPhase::Applied, false));
    assert!(!reader.prior_state(3, 1).expect("a state").is_empty());
    assert!(reader.prior_state(1, 1).expect("none").is_empty());
    assert!(reader.quiet_for(3).expect("a time") >= 0);
    drop(reader);

    // Of rows 4 and 5 nothing was heard. Row 7 was claimed and not begun.
    let mut journal = reopen(journal);
    journal.mark_interrupted(AT + 2000).expect("the rows in flight");
    let reader = journal.reader().expect("a reader");
    assert_eq!(phase(&*reader, 4), (RowPhase::Unknown, false));
    assert_eq!(phase(&*reader, 5), (RowPhase::Unknown, false));
    assert_eq!(reader.tally().expect("a tally"), tally(1, 2, 3, 2));
    assert_eq!(reader.unresolved_count().expect("a count"), 3);
    assert!(!reader.is_active().expect("an answer") || (journal.may_send())());
    assert_eq!(
        journal.requeue().expect("row 2"),
        1,
        "its reason has nothing to do with it"
    );
    let second = journal.begin_session(AT + 3000).expect("a session");
    assert_ne!(second, first);
    let mut left = all_to_send(&*reader);
    left.sort_unstable();
    assert_eq!(left, [2, 7, 8], "neither what was sent nor what is unknown");
    assert_eq!(lines(&reader.to_reissue(0, 9).expect("rows")), [3, 4, 5]);

    again(&mut *journal, &*reader, second);
    report(&*reader);
    assert!(journal.end_session(second, AT + 9000).is_ok());
    let sessions = reader.summary().expect("a summary").sessions;
    assert!(!sessions[0].clean, "the first was killed");
    assert!(sessions.last().is_some_and(|session| session.ended >= AT + 9000));
    let mut count = 0;
    reader.finish_times(&mut |_, _| count += 1).expect("times");
    assert_eq!(count, 4, "all that has ended, but not what was interrupted");
}

/// Checks what a journal that processes share guarantees when the lease of one is over and the process goes on: `first`
/// is a new journal, `end_lease` ends the lease, and `open` opens the same run in another process.
///
/// # Panics
/// If the journals break it.
pub fn check_lease(
    mut first: Box<dyn Journal>,
    end_lease: impl FnOnce(),
    open: impl FnOnce() -> Box<dyn Journal>,
) {
    let provider = first.provider_id("zoom").expect("a provider");
    ingest(&mut *first, provider);
    let gone = first.begin_session(AT).expect("a session");
    let reader = first.reader().expect("a reader");
    assert_eq!(lines(&reader.to_send(0, 4).expect("rows")), [1, 2, 3, 4]);
    commit(&mut *first, gone, &[start(1, 1), start(2, 1), start(3, 1)], &[]);
    let may_send = first.may_send();
    assert!(may_send());
    end_lease();

    let mut second = open();
    second.mark_interrupted(AT).expect("the rows in flight");
    let there = second.reader().expect("a reader");
    for line in 1..=3 {
        assert_eq!(phase(&*there, line), (RowPhase::Unknown, false), "row {line}");
    }
    let session = second.begin_session(AT).expect("a session");
    assert_eq!(
        all_to_send(&*there),
        [4, 5, 7, 8],
        "what was claimed, and the rest"
    );
    let reissue = AttemptStart {
        again: true,
        ..start(2, 2)
    };
    commit(&mut *second, session, &[reissue, start(4, 2)], &[]);

    // The first process goes on: it sends nothing more, and what it has heard settles only its own attempts.
    let late = Commit {
        started: &[start(4, 1)],
        ..Commit::default()
    };
    let refused = first.commit(&late, gone).expect_err("another process has row 4");
    assert!(
        refused.to_string().contains("away from the shared state"),
        "{refused}"
    );
    assert!(reader.to_send(0, 4).is_err(), "it is given no rows");
    let ends = [
        end(1, RowPhase::Applied, None),
        end(2, RowPhase::NotApplied, Some("password_refused")),
    ];
    let late = Commit {
        ended: &ends,
        ..Commit::default()
    };
    assert!(first.commit(&late, gone).is_err());
    assert_eq!(phase(&*there, 1), (RowPhase::Applied, false), "it was its own");
    assert_eq!(phase(&*there, 2), (RowPhase::Sending, true), "it was sent again");
    assert_eq!(phase(&*there, 3), (RowPhase::Unknown, false), "nothing was heard");
    assert_eq!(phase(&*there, 4), (RowPhase::Sending, false));
    assert!(first.end_session(gone, AT).is_ok() && !may_send());
}

/// Checks what a journal guarantees to two processes that work on it at the same time: `first` is a new journal, and
/// `second` is the same run in another process.
///
/// # Panics
/// If the journals break it.
pub fn check_two(mut first: Box<dyn Journal>, mut second: Box<dyn Journal>) {
    let provider = first.provider_id("zoom").expect("a provider");
    ingest(&mut *first, provider);
    let here = first.begin_session(AT).expect("a session");
    let there = second.begin_session(AT).expect("a session");
    let (reader, other) = (
        first.reader().expect("a reader"),
        second.reader().expect("a reader"),
    );
    assert_eq!(all_to_send(&*reader), [1, 2, 3, 4, 5, 7, 8]);
    commit(&mut *first, here, &[start(1, 1), start(2, 1)], &[]);
    let ended = [
        end(1, RowPhase::NotApplied, Some("unreachable")),
        end(2, RowPhase::Unknown, Some("timed_out")),
    ];
    commit(&mut *first, here, &[], &ended);
    assert_eq!(
        second.requeue().expect("nothing"),
        0,
        "row 1 is among the lines of the first"
    );

    // While the second process sends row 2 another password, a probe of the old one settles nothing.
    assert_eq!(lines(&other.to_reissue(0, 9).expect("rows")), [2]);
    let again = |batch| AttemptStart {
        again: true,
        ..start(2, batch)
    };
    commit(&mut *second, there, &[again(2)], &[]);
    let probe = AttemptEnd {
        sent: EndKind::Probe { batch: 1, set: false },
        ..end(2, RowPhase::NotApplied, None)
    };
    commit(&mut *first, here, &[], &[probe]);
    assert_eq!(phase(&*reader, 2), (RowPhase::Sending, true));
    commit(&mut *second, there, &[], &[end(2, RowPhase::Applied, None)]);
    assert_eq!(phase(&*reader, 2), (RowPhase::Applied, true));
    // Its result comes late: by now the later password may be in place.
    let probe = AttemptEnd {
        sent: EndKind::Probe { batch: 1, set: false },
        ..end(2, RowPhase::Applied, None)
    };
    commit(&mut *first, here, &[], &[probe]);
    assert_eq!(phase(&*reader, 2), (RowPhase::Applied, true));
    assert_eq!(reader.row(2).expect("the row").map(|row| row.batch), Some(2));
    let repeated = Commit {
        started: &[again(3)],
        ..Commit::default()
    };
    assert!(first.commit(&repeated, here).is_err(), "row 2 is applied");

    first.end_session(here, AT).expect("the end");
    assert_eq!(all_to_send(&*other), [3, 4, 5, 7, 8], "what the first has left");
    let all = [3, 4, 5, 7, 8].map(|line| start(line, 4));
    commit(&mut *second, there, &all, &[]);
    commit(
        &mut *second,
        there,
        &[],
        &[end(4, RowPhase::NotApplied, Some("unreachable"))],
    );
    assert_eq!(all_to_send(&*other), [] as [u64; 0]);

    // Rows that failed are sent again, once nothing beside them is in flight.
    let here = first.begin_session(AT).expect("another session");
    assert_eq!(
        first.requeue().expect("row 1"),
        1,
        "row 4 is beside others in flight"
    );
    assert_eq!(all_to_send(&*reader), [1]);
    let rest = [3, 5, 7, 8].map(|line| end(line, RowPhase::Applied, None));
    commit(&mut *second, there, &[], &rest);
    assert_eq!(first.requeue().expect("row 4"), 1);
    assert_eq!(all_to_send(&*reader), [4]);
    commit(&mut *first, here, &[start(1, 5), start(4, 5)], &[]);
    let begin = |line| [start(line, 6)];
    let refused = |second: &mut dyn Journal, line| {
        let taken = Commit {
            started: &begin(line),
            ..Commit::default()
        };
        second.commit(&taken, there).is_err()
    };
    assert!(refused(&mut *second, 4), "the first process sends it");
    let ended = [1, 4].map(|line| end(line, RowPhase::Applied, None));
    commit(&mut *first, here, &[], &ended);
    assert!(refused(&mut *second, 4), "it is applied");
    assert_eq!(phase(&*other, 1), (RowPhase::Applied, false));
    assert_eq!(other.row(1).expect("a row").map(|row| row.attempts), Some(2));
}

/// Checks that neighbours which are applied together keep what each has of its own, also when one of them had an attempt
/// before.
///
/// # Panics
/// If the journal breaks it.
pub fn check_neighbours(mut journal: Box<dyn Journal>) {
    let provider = journal.provider_id("zoom").expect("a provider");
    ingest(&mut *journal, provider);
    let reader = journal.reader().expect("a reader");
    let first = journal.begin_session(AT).expect("a session");
    assert_eq!(all_to_send(&*reader), [1, 2, 3, 4, 5, 7, 8]);
    commit(&mut *journal, first, &[start(2, 1)], &[]);
    let refused = end(2, RowPhase::NotApplied, Some("unreachable"));
    if journal.is_shared() {
        let ended = [refused.clone(), end(2, RowPhase::Applied, None)];
        let twice = Commit {
            ended: &ended,
            ..Commit::default()
        };
        assert!(journal.commit(&twice, first).is_err(), "a row ends once");
    }
    commit(&mut *journal, first, &[], &[refused]);
    journal.end_session(first, AT).expect("the end");
    assert_eq!(journal.requeue().expect("row 2"), 1);

    let second = journal.begin_session(AT).expect("a session");
    let mut left = all_to_send(&*reader);
    left.sort_unstable();
    assert_eq!(left, [1, 2, 3, 4, 5, 7, 8]);
    let applied = |line: u64| AttemptEnd {
        tracking_id: (line != 7).then(|| format!("id-{line}")),
        at: AT + i64::try_from(line).expect("a small number"),
        ..end(line, RowPhase::Applied, None)
    };
    // Calls ask to send, and end, in any order.
    commit(
        &mut *journal,
        second,
        &[8, 3, 1, 2, 7, 4].map(|line| start(line, 2)),
        &[],
    );
    commit(&mut *journal, second, &[], &[2, 3, 1].map(applied));
    assert_eq!(phase(&*reader, 3), (RowPhase::Applied, false));
    assert_eq!(phase(&*reader, 4), (RowPhase::Sending, false));
    assert_eq!(reader.tally().expect("a tally"), tally(3, 1, 3, 1));
    assert_eq!(reader.summary().expect("a summary").in_flight, 3);
    commit(&mut *journal, second, &[], &[8, 4, 7].map(applied));
    // Of several processes one may be wrong about a row. There is no row 9.
    let refused: &[u64] = if journal.is_shared() { &[1, 2, 8, 9] } else { &[] };
    for &line in refused {
        let again = Commit {
            started: &[start(line, 3)],
            ..Commit::default()
        };
        assert!(
            journal.commit(&again, second).is_err(),
            "row {line} cannot be sent"
        );
    }
    journal.end_session(second, AT).expect("the end");

    let mut rows = Vec::new();
    let take = &mut |row: repass_bulk::ReportRow| {
        rows.push((row.line, row.attempts, row.finished, row.tracking_id));
        Ok(())
    };
    reader
        .for_each_row(Some(RowStatus::Applied), take)
        .expect("a report");
    let id = |line: u64| Some(format!("id-{line}"));
    assert_eq!(
        rows,
        [
            (1, 1, Some(AT + 1), id(1)),
            (2, 2, Some(AT + 2), id(2)),
            (3, 1, Some(AT + 3), id(3)),
            (4, 1, Some(AT + 4), id(4)),
            (7, 1, Some(AT + 7), None),
            (8, 1, Some(AT + 8), id(8)),
        ]
    );
    let mut times = Vec::new();
    reader
        .finish_times(&mut |_, at| times.push(at - AT))
        .expect("times");
    times.sort_unstable();
    assert_eq!(times, [1, 2, 3, 4, 7, 8]);
    assert_eq!(reader.tally().expect("a tally"), tally(6, 1, 0, 1));
    let last = reader.summary().expect("a summary").sessions;
    assert_eq!(last.last().map(|session| session.ended), Some(AT));
}

/// Checks that neighbours which are applied together are not sent again, where a process took them in parts: the first rows
/// with others before them, the last ones with others behind them.
///
/// # Panics
/// If the journal breaks it.
pub fn check_parts(mut journal: Box<dyn Journal>) {
    let provider = journal.provider_id("zoom").expect("a provider");
    ingest(&mut *journal, provider);
    let reader = journal.reader().expect("a reader");
    let first = journal.begin_session(AT).expect("a session");
    // Three lines at a time: 1 to 3, 4 to 6, and the rest.
    assert_eq!(all_to_send(&*reader), [1, 2, 3, 4, 5, 7, 8]);
    let together = [3, 4, 5];
    commit(&mut *journal, first, &together.map(|line| start(line, 1)), &[]);
    let applied = together.map(|line| end(line, RowPhase::Applied, None));
    commit(&mut *journal, first, &[], &applied);
    journal.end_session(first, AT).expect("the end");

    let second = journal.begin_session(AT).expect("a session");
    let mut left = all_to_send(&*reader);
    left.sort_unstable();
    assert_eq!(left, [1, 2, 7, 8]);
    let rest = [1, 2, 7, 8];
    commit(&mut *journal, second, &rest.map(|line| start(line, 2)), &[]);
    let applied = rest.map(|line| end(line, RowPhase::Applied, None));
    commit(&mut *journal, second, &[], &applied);
    assert_eq!(all_to_send(&*reader), [] as [u64; 0]);
    assert_eq!(reader.tally().expect("a tally"), tally(7, 1, 0, 0));
}

/// Checks that each row keeps the passwords that came with it. Only for journals that keep those of the input.
///
/// # Panics
/// If the journal breaks it.
pub fn check_given(mut journal: Box<dyn Journal>) {
    let provider = journal.provider_id("zoom").expect("a provider");
    let user = UserId::new("user@example.com").expect("an id");
    let mut add = |lines: &[u64], sealed: &str| {
        let row = |line: &u64| new_row(*line, &user, provider);
        let rows: Vec<NewRow<'_>> = lines.iter().map(row).collect();
        let added = journal.ingest_sealed(&rows, sealed.as_bytes(), AT);
        added.expect("rows").pending
    };
    assert_eq!(add(&[1, 2, 3], "first"), 3);
    assert_eq!(add(&[1, 2, 3, 5, 6], "second"), 2, "only the new ones");
    assert_eq!(add(&[5, 6], "third"), 0);
    let reader = journal.reader().expect("a reader");
    let given = |line: u64| {
        let sealed = reader.given(line).expect("passwords");
        sealed.map(|sealed| String::from_utf8(sealed).expect("a text"))
    };
    assert_eq!(given(1).as_deref(), Some("first"));
    assert_eq!(given(3).as_deref(), Some("first"));
    assert_eq!(given(5).as_deref(), Some("second"));
    assert_eq!(given(7), None);
}

/// Checks that rows are loaded again only from the same input.
///
/// # Panics
/// If the journal breaks it.
pub fn check_reload(mut journal: Box<dyn Journal>) {
    let provider = journal.provider_id("zoom").expect("a provider");
    let other = journal.provider_id("portal").expect("another");
    let [alice, bob] = ["alice", "bob"].map(|user| UserId::new(user).expect("an id"));
    let first = [new_row(2, &alice, provider), new_row(4, &bob, provider)];
    journal.ingest(&first, AT).expect("rows");
    for (rows, line) in [
        ([new_row(2, &bob, provider), new_row(4, &alice, provider)], 2),
        ([new_row(2, &alice, provider), new_row(4, &bob, other)], 4),
        ([new_row(2, &alice, provider), new_row(3, &bob, provider)], 3),
    ] {
        let refused = journal.ingest(&rows, AT).expect_err("it is another input");
        assert_eq!(refused, different_input(line));
    }
    let more = [new_row(4, &bob, provider), new_row(5, &alice, provider)];
    assert_eq!(journal.ingest(&more, AT).expect("rows"), tally(0, 0, 0, 1));
}

fn new_row(line: u64, user: &UserId, provider: u64) -> NewRow<'_> {
    NewRow {
        line,
        user: Some(user),
        provider: Some(provider),
        invalid: None,
    }
}

fn ingest(journal: &mut dyn Journal, provider: u64) {
    let users: Vec<UserId> = (1..=8)
        .map(|line| UserId::new(&format!("user{line}")).expect("an id"))
        .collect();
    let rows: Vec<NewRow<'_>> = users
        .iter()
        .zip(1..)
        .map(|(user, line)| NewRow {
            line,
            user: Some(user),
            provider: Some(provider),
            invalid: (line == 6).then_some(InvalidReason {
                kind: "invalid_row",
                message: "it is not a row",
            }),
        })
        .collect();
    let (some, all) = (&rows[..4], &rows[..]);
    assert_eq!(journal.ingest(some, AT).expect("rows"), tally(0, 0, 0, 4));
    assert_eq!(
        journal.ingest(all, AT).expect("rows"),
        tally(0, 1, 0, 3),
        "only the new ones"
    );
}

// Row 3 is sent a second password, which works; the first one is found out later. Row 4 is probed.
fn again(journal: &mut dyn Journal, reader: &dyn JournalReader, session: u64) {
    let reissue = AttemptStart {
        again: true,
        ..start(3, 2)
    };
    commit(journal, session, &[reissue], &[]);
    assert_eq!(phase(reader, 3), (RowPhase::Sending, true));
    commit(journal, session, &[], &[end(3, RowPhase::Applied, None)]);
    assert_eq!(phase(reader, 3), (RowPhase::Applied, true));
    assert_eq!(reader.earlier(3, 1).expect("the first"), Some(RowPhase::Unknown));
    assert_eq!(reader.earlier(3, 9).expect("none"), None);
    assert_eq!(reader.unknown_earlier(3).expect("the first"), [1]);
    assert_eq!(reader.summary().expect("a summary").candidates, 1);
    let probe = |line, batch, state| AttemptEnd {
        sent: EndKind::Probe { batch, set: false },
        ..end(line, state, None)
    };
    commit(
        journal,
        session,
        &[],
        &[probe(3, 1, RowPhase::NotApplied), probe(4, 1, RowPhase::Applied)],
    );
    assert_eq!(
        phase(reader, 3),
        (RowPhase::Applied, false),
        "nothing of it is unknown"
    );
    assert_eq!(phase(reader, 4), (RowPhase::Applied, false));
    // A row that was rejected before it was sent.
    let refused = AttemptEnd {
        sent: EndKind::NotSent(None),
        ..end(7, RowPhase::NotApplied, Some("password_refused"))
    };
    commit(journal, session, &[start(8, 2)], &[refused]);
    commit(
        journal,
        session,
        &[],
        &[end(8, RowPhase::NotApplied, Some("not_found"))],
    );
    assert_eq!(reader.row(7).expect("a row").map(|row| row.attempts), Some(0));
}

fn report(reader: &dyn JournalReader) {
    let mut rows = Vec::new();
    let take = &mut |row: repass_bulk::ReportRow| {
        rows.push((row.line, row.outcome, row.attempts));
        Ok(())
    };
    reader.for_each_row(None, take).expect("a report");
    let (applied, refused, unknown) = (RowStatus::Applied, RowStatus::NotApplied, RowStatus::Unknown);
    let expected = [
        (1, applied, 1),
        (2, RowStatus::Pending, 1),
        (3, applied, 2),
        (4, applied, 1),
        (5, unknown, 1),
        (6, refused, 0),
        (7, refused, 0),
        (8, refused, 1),
    ];
    assert_eq!(rows, expected);
    assert_eq!(reader.tally().expect("a tally"), tally(3, 3, 1, 1));
    let reasons = reader.reasons().expect("reasons");
    let mut kinds: Vec<_> = reasons
        .iter()
        .filter_map(|reason| reason.kind.as_deref())
        .collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["interrupted", "invalid_row", "not_found", "password_refused"]
    );
    let mut count = 0;
    let take = &mut |_: repass_bulk::ReportRow| {
        count += 1;
        Ok(())
    };
    reader.for_each_row(Some(unknown), take).expect("a report");
    assert_eq!(count, 1);
}
