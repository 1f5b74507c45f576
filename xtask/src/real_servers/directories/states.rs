//! The states of accounts, as the server itself describes them in its answer to a bind.
//!
//! What repass is compared with rests on these, so they come first.

use super::{Directory, DirectoryServer, START};
use crate::real_servers::servers::Result;

/// User, result code and a part of the text that a bind with the right password gets.
type State = (&'static str, u8, &'static str);

const SLAPD: &[State] = &[
    ("user0", 0, ""),
    ("minage", 0, ""),
    ("mustchange", 0, ""),
    ("safemodify", 0, ""),
    ("nochange", 0, ""),
    ("grace", 0, ""),
    ("expired", 49, ""),
    ("locked", 49, ""),
    ("nopassword", 49, ""),
    ("unchecked", 0, ""),
];

const DIRSRV: &[State] = &[
    ("user0", 0, ""),
    ("minage", 0, ""),
    ("mustchange", 0, ""),
    ("nochange", 0, ""),
    ("grace", 0, ""),
    ("expired", 49, "password expired!"),
    ("locked", 19, "Exceed password retry limit."),
    ("nopassword", 49, ""),
    ("rules", 0, ""),
    ("categories", 0, ""),
    ("unchecked", 0, ""),
];

const SAMBA: &[State] = &[
    ("user0", 0, ""),
    ("mustchange", 49, "data 773"),
    ("expired", 49, "data 532"),
    ("disabled", 49, "data 533"),
    ("accountexpired", 49, "data 701"),
    ("nochange", 0, ""),
    ("minage", 0, ""),
    ("long", 0, ""),
    ("lock", 0, ""),
];

/// Counts the users whose state is not the expected one, and those who get in with a wrong password.
pub(super) async fn check(directory: &Directory) -> Result<usize> {
    let states = match directory.server {
        DirectoryServer::Slapd => SLAPD,
        DirectoryServer::Dirsrv => DIRSRV,
        DirectoryServer::Samba => SAMBA,
    };
    let mut wrong = 0;
    for (user, code, text) in states {
        let answer = directory.bind(user, START).await?;
        if answer.code != *code || !answer.text.contains(text) {
            println!("  {user}: {answer:?}, not {code} {text}: WRONG");
            wrong += 1;
        }
    }
    if directory.bind("user0", "Wrong-Passw0rd-7").await?.code != 49 {
        println!("  user0: a wrong password is accepted: WRONG");
        wrong += 1;
    }
    println!(
        "  {:<13} {} states of accounts checked",
        directory.server.name(),
        states.len()
    );
    Ok(wrong)
}
