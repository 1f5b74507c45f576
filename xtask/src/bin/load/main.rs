//! A bounded load of password changes against one base URL, through the full stack or through a
//! baseline doing the same work: `cargo run --release -p xtask --bin load -- --help`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

mod stacks;

use stacks::{Row, Stack, Target};

#[derive(Parser)]
#[command(about = "Change many passwords, and measure what a change costs")]
struct Args {
    /// The provider's wire format.
    #[arg(long)]
    provider: Provider,
    /// Use the service of this configuration that is named like the provider, with all its layers.
    #[arg(long, conflicts_with_all = ["base_url", "token", "ca", "stack"])]
    config: Option<PathBuf>,
    /// As in a configuration: Zoom's ends in /v2, the portal's in /identity or the like.
    #[arg(long, required_unless_present = "config")]
    base_url: Option<String>,
    /// The bearer token.
    #[arg(long, required_unless_present = "config")]
    token: Option<String>,
    /// A PEM file of certificate authorities to trust besides the system's.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// A CSV file of `id,old_password,new_password`, with or without that header.
    #[arg(long)]
    users: PathBuf,
    /// How many changes are in flight at once.
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
    /// Which client does the work.
    #[arg(long, default_value = "repass")]
    stack: Stack,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Provider {
    Zoom,
    Identity,
}

pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    let rows = match rows(&args.users) {
        Ok(rows) if !rows.is_empty() => rows,
        Ok(_) => {
            eprintln!("{} has no rows", args.users.display());
            return ExitCode::from(2);
        }
        Err(error) => {
            eprintln!("{}: {error}", args.users.display());
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let applied = runtime.block_on(run(&args, rows));
    ExitCode::from(u8::from(!applied))
}

fn rows(path: &Path) -> Result<Vec<Row>, String> {
    let reader = csv::ReaderBuilder::new().has_headers(false).from_path(path);
    let mut reader = reader.map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for record in reader.deserialize() {
        let row: Row = record.map_err(|error| error.to_string())?;
        if !(rows.is_empty() && row.id == "id") {
            rows.push(row);
        }
    }
    Ok(rows)
}

async fn run(args: &Args, rows: Vec<Row>) -> bool {
    let target = Target {
        zoom: args.provider == Provider::Zoom,
        base_url: args.base_url.clone().unwrap_or_default(),
        token: args.token.clone().unwrap_or_default(),
        ca: args
            .ca
            .as_ref()
            .map(|ca| std::fs::read(ca).unwrap_or_else(|error| panic!("{error}"))),
    };
    let client = match &args.config {
        Some(config) => stacks::configured(config, target.zoom),
        None => stacks::client(args.stack, &target),
    };
    let (rows, next) = (Arc::new(rows), Arc::new(AtomicUsize::new(0)));
    let (cpu, start) = (cpu(), Instant::now());
    let workers: Vec<_> = (0..args.concurrency.max(1))
        .map(|_| {
            let (client, rows, next) = (Arc::clone(&client), Arc::clone(&rows), Arc::clone(&next));
            tokio::spawn(async move {
                let mut applied = 0;
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match client.change(row).await {
                        Ok(()) => applied += 1,
                        Err(error) => eprintln!("{}: {error}", row.id),
                    }
                }
                applied
            })
        })
        .collect();
    let mut applied = 0;
    for worker in workers {
        applied += worker.await.unwrap_or(0);
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), self::cpu().saturating_sub(cpu));
    report(args, rows.len(), applied, seconds, cpu);
    applied == rows.len()
}

fn report(args: &Args, all: usize, applied: usize, seconds: f64, cpu: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
    let (count, rate) = (all as f64, applied as f64 / seconds);
    let each = cpu.as_secs_f64() * 1e6 / count.max(1.0);
    let stack = args
        .stack
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned());
    if args.json {
        println!(
            r#"{{"stack":"{stack}","concurrency":{},"changes":{all},"applied":{applied},"seconds":{seconds:.3},"rate":{rate:.0},"cpu_us_per_change":{each:.1},"peak_kib":{}}}"#,
            args.concurrency,
            peak_kib(),
        );
    } else {
        println!(
            "{stack}: {applied} of {all} applied in {seconds:.2} s, {rate:.0}/s, {each:.1} µs of CPU each"
        );
    }
}

/// The most memory that this process ever held.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0)
}

/// The processor time of this process's threads so far.
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let nanoseconds = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}
