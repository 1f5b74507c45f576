//! A bulk run that is killed at random moments and resumed: its report and its secrets compared with the server's own
//! records and binds, row by row.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use repass_testkit::crash_recovery::{self, Kills, Made, System, UnknownRowAction};
use tokio::runtime::Handle;

use super::client::Client;
use super::{Directory, DirectoryServer, MANAGER, SERVICE, START, suite, user};
use crate::real_servers::Args;
use crate::real_servers::servers::Result;

/// Changes in flight: few, so that there are enough rows for every kill.
const CONCURRENCY: u32 = 4;
/// What a server has received it carries out within this time.
const LATEST: Duration = Duration::from_secs(1);

/// Runs the campaign. Panics at the first row that disagrees; counts the kills that came too late.
pub(super) async fn run(server: DirectoryServer, folder: &Path, kills: u32, args: &Args) -> Result<usize> {
    let binary = crate::crash_recovery::binary(args.repass.as_deref());
    let users = args.users;
    let start = Instant::now();
    // Row 1 is the user 1.
    let directory = server.start(folder, usize::try_from(users)? + 1).await?;
    let section = suite::section(
        &directory,
        &directory.ldaps_url(),
        server.service_dn(),
        SERVICE,
        "",
    )?;
    println!("{}: {users} users after {:.0?}", server.name(), start.elapsed());
    let plan = Kills {
        users,
        kills,
        seed: args.seed,
        unknown_rows: UnknownRowAction::ResolveAtEnd,
    };
    let handle = Handle::current();
    let campaign = tokio::task::spawn_blocking(move || {
        let system = BulkDirectory::new(directory, section, users, handle);
        crash_recovery::run_at(&binary, Box::new(system), plan)
    });
    let counts = campaign.await?;
    println!("{counts}");
    println!(
        "{}: report, secrets and binds agree row by row; no password in clear; {:.0?}\n",
        server.name(),
        start.elapsed()
    );
    Ok(usize::try_from(kills - counts.killed)?)
}

/// A directory and what it has said so far.
struct BulkDirectory {
    section: String,
    users: u32,
    directory: Directory,
    handle: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    manager: Option<Client>,
    /// The record of each user before the run.
    before: Vec<Vec<u8>>,
    /// The rows up to which all users were changed.
    changed: u32,
    /// Passwords that were accepted. A user has one, so nothing else need be tried, and nobody is locked out.
    accepted: HashMap<String, String>,
}

impl BulkDirectory {
    fn new(directory: Directory, section: String, users: u32, handle: Handle) -> Self {
        let system = Self {
            section,
            users,
            directory,
            handle,
            state: Mutex::default(),
        };
        let mut state = system.state();
        state.before = (1..=users)
            .map(|n| system.record(&mut state, n).concat())
            .collect();
        drop(state);
        system
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // What each write of a user's password changes.
    fn record(&self, state: &mut State, n: u32) -> Vec<Vec<u8>> {
        let name = match self.directory.server {
            DirectoryServer::Slapd | DirectoryServer::Dirsrv => "userPassword",
            DirectoryServer::Samba => "msDS-KeyVersionNumber",
        };
        self.values(state, n, name)
    }

    fn values(&self, state: &mut State, n: u32, name: &str) -> Vec<Vec<u8>> {
        let dn = self.directory.server.user_dn(&self.user(n));
        let read = self.handle.block_on(async {
            if state.manager.is_none() {
                let mut client =
                    Client::connect(self.directory.ldaps_port, &self.directory.connector).await?;
                client.bind(self.directory.server.manager_dn(), MANAGER).await?;
                state.manager = Some(client);
            }
            let Some(client) = &mut state.manager else {
                return Ok(None);
            };
            client.read(&dn, &[name]).await
        });
        let entry: Option<_> = read.unwrap_or_else(|error| panic!("{dn}: {error}"));
        entry
            .and_then(|mut entry| entry.remove(&name.to_lowercase()))
            .unwrap_or_default()
    }

    // How often the server has set this user's password since the start.
    fn times(&self, state: &mut State, n: u32) -> u64 {
        let place = usize::try_from(n - 1).unwrap_or(usize::MAX);
        let now = self.record(state, n).concat();
        match self.directory.server {
            DirectoryServer::Samba => version(&now) - version(&state.before[place]),
            DirectoryServer::Slapd => {
                // Each write adds the password before it, up to three.
                let history = self.values(state, n, "pwdHistory").len() as u64;
                assert_eq!(
                    history > 0,
                    now != state.before[place],
                    "row {n}: the records disagree"
                );
                history
            }
            DirectoryServer::Dirsrv => u64::from(now != state.before[place]),
        }
    }
}

fn version(record: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(record);
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

impl System for BulkDirectory {
    fn provider(&self) -> &'static str {
        "directory"
    }

    fn section(&self) -> String {
        self.section.clone()
    }

    fn user(&self, n: u32) -> String {
        user(usize::try_from(n).unwrap_or(usize::MAX))
    }

    fn concurrency(&self) -> Option<u32> {
        Some(CONCURRENCY)
    }

    fn latest(&self) -> Duration {
        LATEST
    }

    fn changes(&self) -> u64 {
        let mut state = self.state();
        while state.changed < self.users {
            // A row that was in flight during a kill may be left out for good.
            let ahead = (1..=2 * CONCURRENCY).find(|ahead| {
                let n = state.changed + ahead;
                n <= self.users && {
                    let record = self.record(&mut state, n).concat();
                    record != state.before[usize::try_from(n - 1).unwrap_or(usize::MAX)]
                }
            });
            match ahead {
                Some(ahead) => state.changed += ahead,
                None => break,
            }
        }
        u64::from(state.changed)
    }

    fn ledger(&self) -> BTreeMap<String, Made> {
        let mut state = self.state();
        let rows = (1..=self.users).map(|n| {
            let times = self.times(&mut state, n);
            // The records do not tell passwords apart. The binds do: a second one would have replaced the first.
            let passwords = (times > 0).then(|| "last".to_owned());
            let made = Made {
                times,
                passwords: passwords.into_iter().collect(),
            };
            (self.user(n), made)
        });
        rows.collect()
    }

    fn accepts(&self, user: &str, password: &str) -> bool {
        let mut state = self.state();
        for candidate in [password, START] {
            if let Some(accepted) = state.accepted.get(user) {
                return accepted == password;
            }
            let bound = self.handle.block_on(self.directory.accepts(user, candidate));
            if bound.unwrap_or_else(|error| panic!("{user}: {error}")) {
                state.accepted.insert(user.to_owned(), candidate.to_owned());
            }
        }
        state
            .accepted
            .get(user)
            .is_some_and(|accepted| accepted == password)
    }
}
