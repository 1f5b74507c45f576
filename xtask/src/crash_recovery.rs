//! Kills `repass bulk` at random moments, resumes it, and compares its report with the ledger of the sandbox:
//! `cargo build --release -p repass-cli && cargo run --release -p xtask -- crash-recovery`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args as ClapArgs, ValueEnum};
use repass_testkit::crash_recovery::{self, Campaign, ProviderSetup, UnknownRowAction};

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Number of users.
    #[arg(long, default_value_t = 10_000)]
    users: u32,
    /// Number of kills.
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Seed of the random moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How unknown rows are handled [default: each way in turn].
    #[arg(long)]
    settle: Option<UnknownRowArg>,
    /// The provider [default: all three in turn].
    #[arg(long)]
    setting: Option<SetupArg>,
    /// The binary [default: the one next to this program].
    #[arg(long)]
    repass: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnknownRowArg {
    Leave,
    Resolve,
    ResolveAtEnd,
    Reissue,
    Mixed,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SetupArg {
    Zoom,
    SlowZoom,
    SlowPortal,
}

/// The binary that is killed: this one, or the one next to this program.
///
/// # Panics
/// If it does not exist.
pub(crate) fn binary(chosen: Option<&Path>) -> PathBuf {
    let beside = || {
        let own = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
        own.with_file_name("repass")
    };
    let binary = chosen.map_or_else(beside, Path::to_owned);
    assert!(
        binary.exists(),
        "{} not found; build it with `cargo build -p repass-cli`",
        binary.display()
    );
    binary
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let binary = binary(args.repass.as_deref());
    let choices = args
        .settle
        .map_or_else(|| UnknownRowArg::value_variants().to_vec(), |one| vec![one]);
    let setups = args
        .setting
        .map_or_else(|| SetupArg::value_variants().to_vec(), |one| vec![one]);
    for chosen in setups {
        let setup = match chosen {
            SetupArg::Zoom => ProviderSetup::Zoom,
            SetupArg::SlowZoom => ProviderSetup::SlowZoom,
            SetupArg::SlowPortal => ProviderSetup::SlowPortal,
        };
        for choice in &choices {
            let unknown_rows = match choice {
                UnknownRowArg::Leave => UnknownRowAction::Leave,
                UnknownRowArg::Resolve => UnknownRowAction::Resolve,
                UnknownRowArg::ResolveAtEnd => UnknownRowAction::ResolveAtEnd,
                UnknownRowArg::Reissue => UnknownRowAction::Reissue,
                UnknownRowArg::Mixed => UnknownRowAction::Mixed,
            };
            let campaign = Campaign {
                setup,
                users: args.users,
                kills: args.kills,
                seed: args.seed,
                unknown_rows,
            };
            let start = Instant::now();
            let counts = crash_recovery::run(&binary, campaign);
            println!("{chosen:?}, unknown rows: {choice:?}");
            println!("{counts}");
            println!(
                "report, ledger and secrets agree row by row; no password in clear; {:.0?}\n",
                start.elapsed()
            );
        }
    }
    ExitCode::SUCCESS
}
