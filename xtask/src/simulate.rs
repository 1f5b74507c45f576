//! Makes random calls under random faults and compares every outcome with the ledger. Prints the counts; exits 1 if
//! any outcome was wrong. `--seed` replays a failed seed exactly.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args as ClapArgs;
use repass_testkit::simulation::{self, Summary};
use repass_testkit::sockets;

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Number of seeds to simulate.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calls per seed.
    #[arg(long, default_value_t = 1000)]
    calls: u64,
    /// Calls over real sockets after the simulation.
    #[arg(long, default_value_t = 5000)]
    sockets: u32,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let start = Instant::now();
    let mut simulated = Summary::default();
    for seed in args.seed..args.seed + args.seeds {
        simulated.add(simulation::run(seed, args.calls));
    }
    report("simulated", &simulated, start);
    let start = Instant::now();
    let runtime = tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
    let real = runtime.block_on(sockets::run(args.seed, args.sockets));
    report("over sockets", &real, start);
    ExitCode::from(u8::from(!simulated.broken.is_empty() || !real.broken.is_empty()))
}

fn report(what: &str, summary: &Summary, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{what}: {} calls, {} requests, {seconds:.1} s",
        summary.calls, summary.attempts
    );
    for (outcome, count) in &summary.outcomes {
        println!("  {outcome:<32}{count:>9}");
    }
    println!("  {:<32}{:>9}", "broken laws", summary.broken.len());
    for broken in summary.broken.iter().take(10) {
        println!("    {broken}");
    }
}
