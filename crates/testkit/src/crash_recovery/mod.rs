//! Crash recovery of bulk runs: the real binary is killed at random moments and resumed, and its final report is
//! compared with the ledger of the sandbox, or with the word of another system.

mod compare;
mod env;
mod sandboxed;
mod scan;
mod system;

use std::path::Path;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

pub use self::compare::Counts;
use self::env::TestEnv;
use self::sandboxed::Sandboxed;
pub use self::system::{Made, System};

/// How rows in flight during a kill are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownRowAction {
    /// They stay unknown.
    Leave,
    /// They are probed with the password that was sent.
    Resolve,
    /// They stay unknown until the end, and are probed then.
    ResolveAtEnd,
    /// They are sent again with a fresh password.
    Reissue,
    /// One of these at random per start; at the end they are probed.
    Mixed,
}

impl UnknownRowAction {
    /// The action of one start.
    fn once(self, random: &mut StdRng) -> Self {
        match self {
            Self::Mixed => [Self::Leave, Self::Resolve, Self::Reissue][random.random_range(0..3)],
            unknown_rows => unknown_rows,
        }
    }
}

/// The provider of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderSetup {
    /// Zoom, which makes every change at once.
    Zoom,
    /// Zoom, which makes some changes only when their attempt has timed out, and others after a kill.
    SlowZoom,
    /// The identity portal, which does the same.
    SlowPortal,
}

impl ProviderSetup {
    /// Whether changes are made late.
    pub fn is_slow(self) -> bool {
        self != Self::Zoom
    }
}

/// One campaign.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// The provider, and how it behaves.
    pub setup: ProviderSetup,
    /// How many users there are, each on one row.
    pub users: u32,
    /// How often it is killed.
    pub kills: u32,
    /// The instants depend on it, as far as a clock can repeat them.
    pub seed: u64,
    /// What is done about unknown rows, in every resume.
    pub unknown_rows: UnknownRowAction,
}

/// How a run is killed, of whichever system.
#[derive(Debug, Clone, Copy)]
pub struct Kills {
    /// How many users there are, each on one row.
    pub users: u32,
    /// How often it is killed.
    pub kills: u32,
    /// The instants depend on it, as far as a clock can repeat them.
    pub seed: u64,
    /// What is done about unknown rows, in every resume.
    pub unknown_rows: UnknownRowAction,
}

/// Runs one campaign with this binary, and panics if a check fails.
///
/// # Panics
/// If any row, password or file is wrong.
pub fn run(binary: &Path, campaign: Campaign) -> Counts {
    let kills = Kills {
        users: campaign.users,
        kills: campaign.kills,
        seed: campaign.seed,
        unknown_rows: campaign.unknown_rows,
    };
    run_at(binary, Box::new(Sandboxed::new(campaign)), kills)
}

/// Kills runs that change the users of this system, and panics if a check fails.
///
/// # Panics
/// If any row, password or file is wrong.
pub fn run_at(binary: &Path, system: Box<dyn System>, kills: Kills) -> Counts {
    let mut env = TestEnv::new(binary, system, kills);
    let mut random = StdRng::seed_from_u64(kills.seed);
    let mut begun = false;
    for kill in 0..kills.kills {
        let mut child = env.start(begun, kills.unknown_rows.once(&mut random));
        let left = u64::from(kills.users).saturating_sub(env.system.changes());
        // On average a little less than what is left over the kills that are left.
        let share = (2 * left * 9 / 10 / u64::from(kills.kills - kill)).min(left / 2);
        if random.random_ratio(1, 5) {
            std::thread::sleep(Duration::from_micros(random.random_range(0..120_000)));
        } else {
            env.wait_for_changes(random.random_range(0..=share), &mut child);
            std::thread::sleep(Duration::from_micros(random.random_range(0..3_000)));
        }
        env.kill(child);
        begun = begun || env.has_journal();
    }
    let last = match kills.unknown_rows {
        UnknownRowAction::Mixed | UnknownRowAction::ResolveAtEnd => UnknownRowAction::Resolve,
        unknown_rows => unknown_rows,
    };
    let mut code = env.finish(begun, last);
    let latest = env.system.latest();
    if !latest.is_zero() {
        // What takes longer than the command waits for is settled by another one.
        for _ in 0..3 {
            if kills.unknown_rows != UnknownRowAction::Leave && code != 0 {
                code = env.finish(true, last);
            }
        }
        std::thread::sleep(latest);
    }
    let counts = compare::all(&env, kills);
    let expected = match counts.unknown {
        0 if counts.not_applied > 0 => 9,
        0 => 0,
        _ => 8,
    };
    assert_eq!(code, expected, "the exit code is that of the rows");
    scan::nothing_in_clear(&env);
    counts
}
