//! The SQLite journal keeps the contract of all journals. The one in PostgreSQL is checked by
//! `cargo xtask real-servers postgres`, with the same contract.

use repass_bulk::journal::SqliteJournal;
use repass_testkit::journal_contract;

#[test]
fn journal_in_a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = SqliteJournal::create(&path).unwrap();
    journal_contract::check(Box::new(journal), |journal| {
        drop(journal);
        Box::new(SqliteJournal::open(&path).unwrap())
    });
}

#[test]
fn journal_in_a_file_keeps_what_neighbours_have_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::create(&folder.path().join("journal")).unwrap();
    journal_contract::check_neighbours(Box::new(journal));
}

#[test]
fn journal_in_a_file_refuses_another_input() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::create(&folder.path().join("journal")).unwrap();
    journal_contract::check_reload(Box::new(journal));
}

#[test]
fn journal_in_a_file_sends_no_row_again_that_was_taken_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::create(&folder.path().join("journal")).unwrap();
    journal_contract::check_parts(Box::new(journal));
}
