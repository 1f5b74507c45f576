//! How fast bulk runs are at a provider without limits: with the journal in a file, and in the database with one worker
//! and two.

use std::io::Cursor;
use std::sync::Arc;
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

/// Prints the rates for this many rows. Returns how many of the bounds are missed.
pub(super) async fn measure(cluster: &Cluster, rows: usize) -> Result<usize> {
    let folder = tempfile::tempdir()?;
    let mut rates = [0.0; 3];
    for round in 0..3 {
        let file = in_file(folder.path(), round, rows).await?;
        let one = shared(cluster, &format!("one-{round}"), 1, rows).await?;
        let two = shared(cluster, &format!("two-{round}"), 2, rows).await?;
        println!(
            "  {rows} rows: {file:.0} rows/s in a file, {one:.0} in the database, {two:.0} with two workers"
        );
        for (best, rate) in rates.iter_mut().zip([file, one, two]) {
            *best = f64::max(*best, rate);
        }
    }
    let [file, one, two] = rates;
    println!(
        "  best: {:.2} times the rate of a file with one worker (at least 0.7), {:.2} with two",
        one / file,
        two / file
    );
    Ok(usize::from(one < 0.7 * file) + usize::from(two <= one))
}

fn manifest() -> RunManifest {
    RunManifest {
        passwords: PasswordSource::Generated,
        input: None,
        provider: None,
        secrets: None,
    }
}

fn input(rows: usize) -> Result<Input> {
    let users = (1..=rows).map(|row| format!("user{row:07}@example.com\n"));
    let text: String = std::iter::once("user\n".to_owned()).chain(users).collect();
    let names = ProviderNames::new(["immediate"], Some("immediate"));
    let source = Box::new(Cursor::new(text.into_bytes()));
    Ok(Input::new(source, "input", names, PasswordSource::Generated)?)
}

async fn in_file(folder: &std::path::Path, round: usize, rows: usize) -> Result<f64> {
    let run = folder.join(format!("run-{round}"));
    let secrets = folder.join(format!("secrets-{round}.age"));
    let to = SecretsProtection::Recipients(Recipients::new([RECIPIENT])?);
    let (mut run, manifest) = Run::create(&run, manifest(), Some((secrets, to)))?;
    run.ingest(input(rows)?)?;
    let start = Instant::now();
    execute(run, manifest).await?;
    Ok(rate(rows, start))
}

async fn shared(cluster: &Cluster, name: &str, workers: usize, rows: usize) -> Result<f64> {
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
    let start = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for (run, manifest) in all {
        running.spawn(async move { execute(run, manifest).await.map_err(|error| error.to_string()) });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    let rate = rate(rows, start);
    let tally = run.tally()?;
    if tally.applied != rows as u64 {
        return Err(format!("not all rows were applied: {tally:?}").into());
    }
    Ok(rate)
}

fn rate(rows: usize, start: Instant) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
    let rows = rows as f64;
    rows / start.elapsed().as_secs_f64()
}

async fn execute(run: Run, manifest: RunManifest) -> Result<()> {
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
    let hooks = Hooks {
        progress: Arc::new(Progress::from(run.tally()?)),
        shutdown: listen,
        on_row: Box::new(|_| {}),
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
