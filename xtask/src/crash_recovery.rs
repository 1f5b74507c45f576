//! Kills `repass bulk` at random instants, resumes it, and compares what it says with what the sandbox did:
//! `cargo build --release -p repass-cli && cargo run --release -p xtask -- crash-recovery`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args as ClapArgs, ValueEnum};
use repass_testkit::crash_recovery::{self, Campaign, Setting, Settle};

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// How many users.
    #[arg(long, default_value_t = 10_000)]
    users: u32,
    /// How often it is killed.
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Where the random instants begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What is done about unknown rows; without it, all of them in turn.
    #[arg(long)]
    settle: Option<Choice>,
    /// The provider; without it, all three in turn.
    #[arg(long)]
    setting: Option<Place>,
    /// The binary [else: the one beside this program].
    #[arg(long)]
    repass: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    Leave,
    Resolve,
    Reissue,
    Mixed,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Place {
    Zoom,
    SlowZoom,
    SlowPortal,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let beside = || {
        let own = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
        own.with_file_name("repass")
    };
    let binary = args.repass.clone().unwrap_or_else(beside);
    assert!(
        binary.exists(),
        "{} is not there; build it by `cargo build --release -p repass-cli`",
        binary.display()
    );
    let choices = args
        .settle
        .map_or_else(|| Choice::value_variants().to_vec(), |one| vec![one]);
    let places = args
        .setting
        .map_or_else(|| Place::value_variants().to_vec(), |one| vec![one]);
    for place in places {
        let setting = match place {
            Place::Zoom => Setting::Zoom,
            Place::SlowZoom => Setting::SlowZoom,
            Place::SlowPortal => Setting::SlowPortal,
        };
        for choice in &choices {
            let settle = match choice {
                Choice::Leave => Settle::Leave,
                Choice::Resolve => Settle::Resolve,
                Choice::Reissue => Settle::Reissue,
                Choice::Mixed => Settle::Mixed,
            };
            let campaign = Campaign {
                setting,
                users: args.users,
                kills: args.kills,
                seed: args.seed,
                settle,
            };
            let start = Instant::now();
            let counts = crash_recovery::run(&binary, campaign);
            println!("{place:?}, unknown rows: {choice:?}");
            println!("{counts}");
            println!(
                "report, ledger and secrets agree row by row; no password in clear; {:.0?}\n",
                start.elapsed()
            );
        }
    }
    ExitCode::SUCCESS
}
