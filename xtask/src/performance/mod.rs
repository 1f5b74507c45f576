//! What a change costs: the full stack beside bare hyper and a usual reqwest client, in one run on one
//! machine. Prints a table in Markdown; exits 1 if a bar is missed. It measures time, so it is a command and
//! no test. Give the machine to it alone.

mod run;
mod start;
mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Args as ClapArgs;
use repass_sandbox::{Action, Fault, Options, RequestMatcher, Sandbox};

use run::{Cost, Load};
use table::{Table, median};

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// How many changes a run makes.
    #[arg(long, default_value_t = 5000)]
    changes: u32,
    /// How many runs each figure is the median of.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

const STACKS: [&str; 3] = ["repass", "hyper", "reqwest"];

pub(crate) async fn run(args: &Args) -> ExitCode {
    let built = built();
    let mut table = Table::default();
    for tls in [false, true] {
        let (sandbox, load) = world(&args, &built, tls).await;
        for concurrency in [16, 64] {
            steady(&mut table, &load, args.rounds, concurrency);
        }
        if tls {
            wiping(&mut table, &load, args.rounds);
            start::compare(&mut table, &built, &sandbox, args.rounds * 5);
        } else {
            instructions(&mut table, &load);
        }
        late(&sandbox, 50);
        slow(&mut table, &load, tls);
    }
    print!("{table}");
    ExitCode::from(u8::from(!table.bars_are_met()))
}

// Optimised, as they are run: where Cargo put this program's neighbours.
fn built() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = "build --quiet --release -p repass-cli -p xtask --bin repass --bin load --bin load_wiped";
    let status = Command::new(cargo).args(arguments.split(' ')).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cargo {arguments} failed"
    );
    let own = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    own.parent().map_or_else(PathBuf::new, PathBuf::from)
}

async fn world(args: &Args, built: &std::path::Path, tls: bool) -> (Sandbox, Load) {
    let options = Options {
        tls,
        users: args.changes,
        ..Options::default()
    };
    let sandbox = Sandbox::start_with(options).await;
    let sandbox = sandbox.unwrap_or_else(|error| panic!("no sandbox: {error}"));
    let load = Load::new(built, &sandbox, args.changes);
    (sandbox, load)
}

// From now on every answer comes so much later.
fn late(sandbox: &Sandbox, milliseconds: u64) {
    let action = Action {
        delay_ms: milliseconds,
        ..Action::default()
    };
    let matching = RequestMatcher {
        times: u32::MAX,
        ..RequestMatcher::default()
    };
    let injected = sandbox.inject(Fault { matching, action });
    injected.unwrap_or_else(|error| panic!("{error}"));
}

fn way(tls: bool) -> &'static str {
    if tls { "HTTPS" } else { "HTTP" }
}

fn steady(table: &mut Table, load: &Load, rounds: usize, concurrency: usize) {
    let mut runs: BTreeMap<&str, Vec<Cost>> = BTreeMap::new();
    for _ in 0..rounds {
        // In turn, so that all have the same share of a machine whose pace drifts.
        for stack in STACKS {
            let cost = load.run("load", stack, concurrency, load.changes);
            runs.entry(stack).or_default().push(cost);
        }
    }
    let figures = |of: fn(&Cost) -> f64| STACKS.map(|stack| median(runs[stack].iter().map(of)));
    let what = format!("{}, {concurrency} at a time", way(load.tls));
    table.row(
        &format!("{what}: µs of CPU per change"),
        figures(|it| it.cpu_us),
        1.3,
    );
    table.row(
        &format!("{what}: changes per second"),
        figures(|it| it.rate),
        -0.85,
    );
    table.row(
        &format!("{what}: peak memory, MiB"),
        figures(|it| it.peak_mib),
        1.5,
    );
}

// With a provider that takes 50 ms the client hardly matters, or it does something wrong.
fn slow(table: &mut Table, load: &Load, tls: bool) {
    let changes = load.changes.min(3000);
    let rates = STACKS.map(|stack| median((0..3).map(|_| load.run("load", stack, 64, changes).rate)));
    let what = format!(
        "{}, 64 at a time, answers after 50 ms: changes per second",
        way(tls)
    );
    table.row(&what, rates, -0.97);
}

fn wiping(table: &mut Table, load: &Load, rounds: usize) {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        without.push(load.run("load", "repass", 16, load.changes).cpu_us);
        with.push(load.run("load_wiped", "repass", 16, load.changes).cpu_us);
    }
    let (with, without) = (median(with), median(without));
    table.pair(
        "HTTPS, 16 at a time, wiping all freed memory: µs of CPU per change",
        with,
        without,
        1.1,
    );
}

// Per change, so without what starting costs.
fn instructions(table: &mut Table, load: &Load) {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("instructions are not counted: valgrind is not installed");
        return;
    }
    let (few, many) = (500.min(load.changes / 2), 2500.min(load.changes));
    let counts = STACKS.map(|stack| {
        let more = load.instructions(stack, many) - load.instructions(stack, few);
        more / f64::from(many - few)
    });
    table.row("HTTP, 16 at a time: instructions per change", counts, 1.5);
}
