//! Developer tools: `cargo xtask --help`. Run those that measure with `cargo run --release -p xtask --` on an idle
//! machine.

mod crash_recovery;
mod performance;
mod public_api;
mod rate_limit;
mod real_servers;
mod simulate;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer tools of repass")]
enum Command {
    /// Make random calls under random faults and compare every outcome with the ledger.
    Simulate(simulate::Args),
    /// Kill bulk runs at random moments and compare report, secrets and ledger row by row.
    CrashRecovery(crash_recovery::Args),
    /// Measure the cost of a change, compared with two baselines.
    Performance(performance::Args),
    /// Check that resets use the full rate limit of an emulated Zoom and are never rejected with 429; or simulate many
    /// accounts.
    RateLimit(rate_limit::Args),
    /// Install, start and test real servers, and compare every outcome with their own word.
    RealServers(real_servers::Args),
    /// Compare the public API with the recorded one.
    PublicApi(public_api::Args),
}

fn main() -> ExitCode {
    let runtime =
        || tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("cannot start the runtime: {error}"));
    match Command::parse() {
        Command::Simulate(args) => simulate::run(&args),
        Command::CrashRecovery(args) => crash_recovery::run(&args),
        Command::Performance(args) => runtime().block_on(performance::run(&args)),
        Command::RateLimit(args) => rate_limit::run(&args),
        Command::RealServers(args) => runtime().block_on(real_servers::run(&args)),
        Command::PublicApi(args) => public_api::run(&args),
    }
}
