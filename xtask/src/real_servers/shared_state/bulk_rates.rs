//! How fast bulk runs are at a provider without limits: with the journal in a file, and in the database with one worker
//! and two.

use std::fs;
use std::io::{BufReader, Read, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use repass::{
    CallContext, Capabilities, ChangeReceipt, Error, ErrorKind, LayeredPolicy, PasswordChange,
    PasswordPolicy, PasswordService, Resolution, UnknownOutcome,
};
use repass_bulk::{
    Hooks, Input, OnUnknown, PasswordSource, Progress, Provider, ProviderNames, Recipients, RowSource, Run,
    RunManifest, SecretsProtection, SessionOptions, Shutdown, StopReason,
};
use repass_postgres::SharedRuns;
use tokio::sync::watch;

use super::super::servers::Result;
use super::cluster::Cluster;
use super::stores;

// Its secret key was not kept.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const CONCURRENCY: usize = 256;

/// Applies every change at once.
#[derive(Debug)]
struct Immediate;

#[async_trait]
impl PasswordService for Immediate {
    fn provider(&self) -> &'static str {
        "immediate"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE.with_reset().with_before_send()
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        _: &PasswordChange,
    ) -> std::result::Result<ChangeReceipt, Error> {
        if let Some(before_send) = cx.before_send()
            && !before_send().await
        {
            return Err(Error::not_applied(ErrorKind::Internal, "it may not be sent"));
        }
        Ok(ChangeReceipt::new())
    }

    async fn resolve(
        &self,
        _: &CallContext,
        _: &UnknownOutcome,
        _: &PasswordChange,
    ) -> std::result::Result<Resolution, Error> {
        Ok(Resolution::StillUnknown)
    }

    async fn policy(&self, _: &CallContext) -> std::result::Result<PasswordPolicy, Error> {
        Ok(PasswordPolicy::default())
    }
}

/// What a run has cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Rows per second, from the start of the session to its end.
    rate: f64,
    /// Microseconds per row after the first outcome.
    per_row: f64,
    /// How much more memory this process had meanwhile than before, in MiB.
    memory: f64,
}

/// With the journal in a file, and in the database with one worker and two.
type Costs = [Cost; 3];

const ROUNDS: usize = 5;

/// Prints the costs for each of these numbers of rows. Returns how many of the bounds are missed.
pub(super) async fn measure(cluster: &Cluster, sizes: &[usize]) -> Result<usize> {
    let mut best: Vec<Option<Costs>> = vec![None; sizes.len()];
    // One size after the other in each round, so that a machine that is slow for minutes is so for all.
    for round in 0..ROUNDS {
        for (rows, best) in sizes.iter().zip(&mut best) {
            let costs = measure_rows(cluster, *rows, round).await?;
            *best = Some(best.map_or(costs, |known| better(known, costs)));
        }
    }
    let mut missed = 0;
    let mut least: Option<Cost> = None;
    for (rows, costs) in sizes.iter().zip(best) {
        let [file, one, two] = costs.ok_or("nothing was measured")?;
        println!(
            "  {rows} rows, best of {ROUNDS}: {:.2} times the rate of a file with one worker (at least 0.7), {:.2} with two; \
             {:.1} µs a row after the first outcome, {:.0} MiB more memory",
            one.rate / file.rate,
            two.rate / file.rate,
            one.per_row,
            one.memory
        );
        missed += usize::from(one.rate < 0.7 * file.rate) + usize::from(two.rate <= one.rate);
        let first = *least.get_or_insert(one);
        let (slower, more) = (one.per_row / first.per_row, one.memory - first.memory);
        if slower > 1.15 || more > 4.0 {
            println!(
                "  {slower:.2} times the cost of a row with {} rows, and {more:.0} MiB more: MISSED",
                sizes[0]
            );
            missed += 1;
        }
    }
    Ok(missed)
}

async fn measure_rows(cluster: &Cluster, rows: usize, round: usize) -> Result<Costs> {
    let folder = tempfile::tempdir()?;
    let costs = [
        in_file(folder.path(), rows).await?,
        shared(cluster, &format!("{rows}-one-{round}"), 1, rows).await?,
        shared(cluster, &format!("{rows}-two-{round}"), 2, rows).await?,
    ];
    let [file, one, two] = costs.map(|cost| cost.rate);
    println!(
        "  {rows} rows: {file:.0} rows/s in a file, {one:.0} in the database, {two:.0} with two workers"
    );
    Ok(costs)
}

fn better(mut known: Costs, costs: Costs) -> Costs {
    for (known, cost) in known.iter_mut().zip(costs) {
        known.rate = known.rate.max(cost.rate);
        known.per_row = known.per_row.min(cost.per_row);
        known.memory = known.memory.max(cost.memory);
    }
    known
}

fn manifest() -> RunManifest {
    RunManifest {
        passwords: PasswordSource::Generated,
        input: None,
        provider: None,
        secrets: None,
    }
}

/// A file of users that is in no memory.
struct Users(std::ops::RangeInclusive<usize>);

impl Read for Users {
    fn read(&mut self, mut buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(row) = self.0.next() else { return Ok(0) };
        let line = if row == 0 {
            "user\n".to_owned()
        } else {
            format!("user{row:07}@example.com\n")
        };
        buffer.write_all(line.as_bytes())?;
        Ok(line.len())
    }
}

fn input(rows: usize) -> Result<Input> {
    let names = ProviderNames::new(["immediate"], Some("immediate"));
    let source = Box::new(BufReader::with_capacity(1 << 16, Users(0..=rows)));
    Ok(Input::new(source, "input", names, PasswordSource::Generated)?)
}

/// Measures a run from here on.
struct Measurement {
    rows: usize,
    start: Instant,
    memory: f64,
    first: Arc<Mutex<Option<Instant>>>,
}

impl Measurement {
    fn start(rows: usize) -> Result<Self> {
        // Resets the peak of this process's memory.
        fs::write("/proc/self/clear_refs", "5")?;
        Ok(Self {
            rows,
            // Loading the rows, and the measurements before, leave memory that the process keeps.
            memory: mebibytes("VmRSS:")?,
            start: Instant::now(),
            first: Arc::default(),
        })
    }

    fn end(self) -> Result<Cost> {
        let now = Instant::now();
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let first = first.ok_or("no row has ended")?;
        #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
        let rows = self.rows as f64;
        Ok(Cost {
            rate: rows / (now - self.start).as_secs_f64(),
            per_row: (now - first).as_secs_f64() * 1e6 / rows,
            memory: mebibytes("VmHWM:")? - self.memory,
        })
    }
}

/// An amount of memory of this process.
fn mebibytes(name: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let amount = status.lines().find_map(|line| line.strip_prefix(name));
    let amount = amount.and_then(|amount| amount.trim().strip_suffix(" kB"));
    let kibibytes: f64 = amount.ok_or("no amount of memory")?.parse()?;
    Ok(kibibytes / 1024.0)
}

async fn in_file(folder: &std::path::Path, rows: usize) -> Result<Cost> {
    let run = folder.join("run");
    let secrets = folder.join("secrets.age");
    let to = SecretsProtection::Recipients(Recipients::new([RECIPIENT])?);
    let (mut run, manifest) = Run::create(&run, manifest(), Some((secrets, to)))?;
    run.ingest(input(rows)?)?;
    let measurement = Measurement::start(rows)?;
    execute(run, manifest, &measurement.first).await?;
    measurement.end()
}

async fn shared(cluster: &Cluster, name: &str, workers: usize, rows: usize) -> Result<Cost> {
    let database = stores::database(cluster)?;
    let runs = SharedRuns::new(&database)?;
    let (mut run, _) = Run::create_in(
        name.to_owned(),
        runs.create(name)?,
        manifest(),
        Some(Recipients::new([RECIPIENT])?),
    )?;
    run.ingest(input(rows)?)?;
    let mut all = Vec::new();
    for _ in 0..workers {
        all.push(Run::open_in(
            name.to_owned(),
            SharedRuns::new(&database)?.open(name)?,
        )?);
    }
    let measurement = Measurement::start(rows)?;
    let mut running = tokio::task::JoinSet::new();
    for (run, manifest) in all {
        let first = Arc::clone(&measurement.first);
        running.spawn(async move {
            execute(run, manifest, &first)
                .await
                .map_err(|error| error.to_string())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    let cost = measurement.end()?;
    let tally = run.tally()?;
    if tally.applied != rows as u64 {
        return Err(format!("not all rows were applied: {tally:?}").into());
    }
    Ok(cost)
}

async fn execute(run: Run, manifest: RunManifest, first: &Arc<Mutex<Option<Instant>>>) -> Result<()> {
    let policies = LayeredPolicy::from(PasswordPolicy::default());
    let provider = Provider::new(Arc::new(Immediate), policies);
    let options = SessionOptions {
        concurrency: CONCURRENCY,
        budget: Duration::from_secs(60),
        max_failures: None,
        max_unknown: None,
        on_unknown: OnUnknown::Leave,
        in_flight_window: repass_bulk::IN_FLIGHT_WINDOW,
        canary: None,
    };
    let (_shutdown, listen) = watch::channel(Shutdown::None);
    let first = Arc::clone(first);
    let mut is_first = true;
    let hooks = Hooks {
        progress: Arc::new(Progress::from(run.tally()?)),
        shutdown: listen,
        on_row: Box::new(move |_| {
            if std::mem::take(&mut is_first) {
                let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert_with(Instant::now);
            }
        }),
    };
    let (_, stopped) = run
        .execute(
            &manifest,
            vec![provider],
            vec![RowSource::Journal],
            options,
            hooks,
        )
        .await?;
    match stopped {
        StopReason::Completed => Ok(()),
        stopped => Err(format!("the run has stopped: {stopped:?}").into()),
    }
}
