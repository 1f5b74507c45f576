//! What a change costs: the full stack, built from a configuration, compared with bare hyper and a plain reqwest
//! client, in one run on one machine, all built with the release profile. The bars refer to hyper. Prints a table in
//! Markdown; exits 1 if a bar is missed. It measures time, so it is a command and not a test. Run it on an otherwise idle
//! machine.

mod run;
mod start;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args as ClapArgs;
use repass_sandbox::{Action, Fault, Options, RequestMatcher, Sandbox};

use run::{Client, Cost, Load};
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

const REPASS: Client = Client {
    program: "load",
    stack: "repass",
};

/// The clients that are compared, in the order of the table's figures.
const CLIENTS: [Client; 3] = [
    REPASS,
    Client {
        stack: "hyper",
        ..REPASS
    },
    Client {
        stack: "reqwest",
        ..REPASS
    },
];

/// The adapter that is written by hand, and a table that sends the same request.
const BY_HAND: Client = Client {
    stack: "json",
    ..REPASS
};
const BY_TABLE: Client = Client {
    stack: "table",
    ..REPASS
};

pub(crate) async fn run(args: &Args) -> ExitCode {
    if cfg!(debug_assertions) {
        // The servers are in this program, and slow ones would be measured.
        eprintln!("error: this program is not optimized; use `cargo run --release -p xtask -- performance`");
        return ExitCode::from(2);
    }
    let target = build();
    let mut table = Table::default();
    for tls in [false, true] {
        let (sandbox, load) = start_sandbox(args, &target, tls).await;
        for concurrency in [16, 64] {
            steady(&mut table, &load, args.rounds, concurrency);
        }
        if tls {
            wiping(&mut table, &load, args.rounds);
            start::compare(&mut table, &target, &sandbox, args.rounds * 5);
        } else {
            described(&mut table, &load, args.rounds);
            instructions(&mut table, &load);
        }
        delay_responses(&sandbox, 50);
        slow(&mut table, &load, tls);
    }
    print!("{table}");
    ExitCode::from(u8::from(!table.bars_are_met()))
}

// Builds all programs; returns the target directory, in which this program is too.
fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = "build --quiet --release -p repass-cli -p xtask --bin repass --bin load --bin load_wiped";
    let status = Command::new(&cargo).args(arguments.split(' ')).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cargo {arguments} failed"
    );
    let own = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    own.ancestors().nth(2).map_or_else(PathBuf::new, PathBuf::from)
}

async fn start_sandbox(args: &Args, target: &Path, tls: bool) -> (Sandbox, Load) {
    let options = Options {
        tls,
        users: args.changes,
        ..Options::default()
    };
    let sandbox = Sandbox::start_with(options).await;
    let sandbox = sandbox.unwrap_or_else(|error| panic!("no sandbox: {error}"));
    let load = Load::new(target, &sandbox, args.changes);
    (sandbox, load)
}

// From now on every response comes so much later.
fn delay_responses(sandbox: &Sandbox, milliseconds: u64) {
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

fn scheme(tls: bool) -> &'static str {
    if tls { "HTTPS" } else { "HTTP" }
}

fn steady(table: &mut Table, load: &Load, rounds: usize, concurrency: usize) {
    let mut runs: BTreeMap<Client, Vec<Cost>> = BTreeMap::new();
    for _ in 0..rounds {
        // In turn, so that all have the same share of a machine whose speed drifts.
        for client in CLIENTS {
            let cost = load.run(client, concurrency, load.changes);
            runs.entry(client).or_default().push(cost);
        }
    }
    let figures = |of: fn(&Cost) -> f64| CLIENTS.map(|client| median(runs[&client].iter().map(of)));
    let what = format!("{}, {concurrency} in flight", scheme(load.tls));
    table.row(
        &format!("{what}: µs of CPU per change"),
        figures(|it| it.cpu_us),
        1.25,
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
    let rates = CLIENTS.map(|client| median((0..3).map(|_| load.run(client, 64, changes).rate)));
    let what = format!(
        "{}, 64 in flight, responses after 50 ms: changes per second",
        scheme(tls)
    );
    table.row(&what, rates, -0.97);
}

fn wiping(table: &mut Table, load: &Load, rounds: usize) {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        without.push(load.run(REPASS, 16, load.changes).cpu_us);
        let wiping = Client {
            program: "load_wiped",
            ..REPASS
        };
        with.push(load.run(wiping, 16, load.changes).cpu_us);
    }
    let (with, without) = (median(with), median(without));
    table.pair(
        "HTTPS, 16 in flight, wiping all freed memory: µs of CPU per change",
        with,
        without,
        1.1,
    );
}

fn described(table: &mut Table, load: &Load, rounds: usize) {
    let (mut by_table, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        by_hand.push(load.run(BY_HAND, 16, load.changes).cpu_us);
        by_table.push(load.run(BY_TABLE, 16, load.changes).cpu_us);
    }
    table.pair(
        "HTTP, 16 in flight, kind `http` and Zoom's adapter: µs of CPU per change",
        median(by_table),
        median(by_hand),
        1.15,
    );
}

fn instructions(table: &mut Table, load: &Load) {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("instructions are not counted: valgrind is not installed");
        return;
    }
    let counts = CLIENTS.map(|client| instructions_of(load, client));
    table.row("HTTP, 16 in flight: instructions per change", counts, 1.5);
    table.pair(
        "HTTP, 16 in flight, kind `http` and Zoom's adapter: instructions per change",
        instructions_of(load, BY_TABLE),
        instructions_of(load, BY_HAND),
        1.15,
    );
}

// The difference of two runs, so without the cost of starting.
fn instructions_of(load: &Load, client: Client) -> f64 {
    let (few, many) = (500.min(load.changes / 2), 2500.min(load.changes));
    let more = load.instructions(client, many) - load.instructions(client, few);
    more / f64::from(many - few)
}
