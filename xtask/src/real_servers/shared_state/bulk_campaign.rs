//! Workers of one bulk run that are killed, paused and cut off from a database that crashes, or that fails over to its
//! standby: no row is lost or changed twice, and the report, the passwords and the provider's ledger agree row by row.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use repass_postgres::Membership;
use repass_sandbox::Sandbox;

use super::super::Args;
use super::super::servers::{Result, run};
use super::bulk::{CONCURRENCY, Machine, Worker, compare, leaks, load};
use super::cluster::Cluster;

const ROWS_PER_CHANGE: usize = 20;
const WORKERS: u32 = 8;
/// How often the database fails over to its standby.
const FAILOVERS: usize = 2;
/// How long a change takes at the provider, at least.
const DELAY: Duration = Duration::from_millis(60);
/// How long a run without disturbances takes at least, so that each kind happens in it.
const SHORTEST: Duration = Duration::from_secs(20);
const LONGEST: Duration = Duration::from_secs(1800);

// Writes of workers fail as they do on a full disk, once the function says so: to drop it would take locks that workers hold.
const DISK: &str = "\
CREATE FUNCTION repass.check_disk() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER disk BEFORE INSERT ON repass.bulk_applied EXECUTE FUNCTION repass.check_disk();
CREATE TRIGGER disk BEFORE INSERT ON repass.bulk_outcomes EXECUTE FUNCTION repass.check_disk();
CREATE TRIGGER disk BEFORE INSERT ON repass.bulk_begun EXECUTE FUNCTION repass.check_disk();
CREATE TRIGGER disk BEFORE INSERT ON repass.bulk_sealed EXECUTE FUNCTION repass.check_disk()";
const FILL_THE_DISK: &str = "\
CREATE OR REPLACE FUNCTION repass.check_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$";
const CLEAR_THE_DISK: &str = "\
CREATE OR REPLACE FUNCTION repass.check_disk() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'";

// All times are set back by an hour, as if the database's clock were set forward: every lease is over at once. Each table
// for itself, because workers lock several.
const STEP_THE_CLOCK: &str = "\
DO $$
DECLARE known record;
BEGIN
    FOR known IN
        SELECT c.table_name, c.column_name FROM information_schema.columns c
        JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.table_schema = 'repass' AND c.data_type = 'timestamp with time zone' AND t.table_type = 'BASE TABLE'
    LOOP
        EXECUTE format(
            'UPDATE repass.%I SET %I = %2$I - interval ''1 hour''', known.table_name, known.column_name
        );
        COMMIT;
    END LOOP;
END $$";

// What a worker says that was given rows which are not its own.
const NOT_ITS_OWN: [&str; 4] = [
    "a row is not pending",
    "an attempt has ended already",
    "not as this process has left them",
    "duplicate key",
];

#[derive(Clone, Copy)]
enum Disturbance {
    Kill,
    Pause,
    Crash,
    Cut,
    FullDisk,
    ClockStep,
}

/// Each kind, and how often it happens compared with the others.
const DISTURBANCES: [(Disturbance, u32); 6] = [
    (Disturbance::Kill, 7),
    (Disturbance::Cut, 3),
    (Disturbance::Pause, 1),
    (Disturbance::Crash, 1),
    (Disturbance::FullDisk, 1),
    (Disturbance::ClockStep, 1),
];

#[derive(Default)]
struct Events {
    kills: u32,
    pauses: u32,
    crashes: u32,
    cuts: u32,
    full_disks: u32,
    clock_steps: u32,
    /// Workers that had ended while there were rows left, such as after a pause.
    restarts: u32,
}

/// The machines of one run, and the workers on them.
struct Campaign {
    observer: Machine,
    machines: Vec<Machine>,
    workers: Vec<Worker>,
    random: StdRng,
    /// The disturbances that have not happened yet.
    due: Vec<Disturbance>,
    events: Events,
}

/// Returns how many rows are wrong.
pub(super) async fn campaign(cluster: &Cluster, args: &Args) -> Result<usize> {
    let rows = u32::try_from(args.changes * ROWS_PER_CHANGE)?;
    let sandbox = super::slow_sandbox(rows, delay(rows)?).await?;
    tokio::task::block_in_place(|| {
        let mut campaign = Campaign::start(cluster, &sandbox, ("campaign", rows), args.seed)?;
        cluster.execute(DISK)?;
        let wrong = campaign.run(&sandbox, |campaign, _| campaign.disturb(cluster))?;
        if !campaign.due.is_empty() {
            return Err("the run was too short for each kind of disturbance; use more --changes".into());
        }
        Ok(wrong + campaign.resolve(&sandbox, cluster)?)
    })
}

/// The same while the database fails over to a synchronous standby. Returns how many rows are wrong.
pub(super) async fn failover(args: &Args) -> Result<usize> {
    let rows = u32::try_from(args.changes * ROWS_PER_CHANGE)?;
    let sandbox = super::slow_sandbox(rows, DELAY).await?;
    tokio::task::block_in_place(|| {
        let mut primary = Cluster::start_with_successors(FAILOVERS)?;
        let mut standby = Some(primary.start_standby()?);
        let mut campaign = Campaign::start(&primary, &sandbox, ("failover", rows), args.seed)?;
        let mut failovers = 0;
        let wrong = campaign.run(&sandbox, |campaign, applied| {
            let is_due = applied * (FAILOVERS as u64 + 1) > u64::from(rows) * (failovers + 1);
            match standby.take_if(|_| is_due) {
                Some(next) => {
                    failovers += 1;
                    primary.crash()?;
                    campaign.kill_one()?;
                    sleep(Duration::from_millis(campaign.random.random_range(0..1500)));
                    next.promote()?;
                    if failovers < FAILOVERS as u64 {
                        standby = Some(next.start_standby()?);
                    }
                    primary = next;
                    Ok(())
                }
                None => campaign.kill_one(),
            }
        })?;
        println!("  {failovers} failovers to a synchronous standby");
        if failovers < FAILOVERS as u64 {
            return Err("the run was too short to fail over; use more --changes".into());
        }
        Ok(wrong + campaign.resolve(&sandbox, &primary)?)
    })
}

/// How long a change takes at the provider in a run of so many rows that is disturbed.
fn delay(rows: u32) -> Result<Duration> {
    let in_flight = WORKERS * u32::try_from(CONCURRENCY)?;
    Ok((SHORTEST * in_flight / rows.max(1)).max(DELAY))
}

impl Campaign {
    /// Loads the run, and starts its workers.
    fn start(
        cluster: &Cluster,
        sandbox: &Sandbox,
        (name, rows): (&'static str, u32),
        seed: u64,
    ) -> Result<Self> {
        let machine = || Machine::new(cluster, sandbox, name, rows);
        let observer = machine()?;
        load(&observer)?;
        let machines = (0..WORKERS).map(|_| machine()).collect::<Result<Vec<_>>>()?;
        let mut random = StdRng::seed_from_u64(seed);
        let mut due = DISTURBANCES.map(|(kind, _)| kind).to_vec();
        due.shuffle(&mut random);
        Ok(Self {
            due,
            observer,
            workers: machines.iter().map(Machine::work).collect::<Result<_>>()?,
            machines,
            random,
            events: Events::default(),
        })
    }

    /// Lets something happen, given how many rows are applied, until none is pending. Returns how many rows are wrong.
    fn run(
        &mut self,
        sandbox: &Sandbox,
        mut disturb: impl FnMut(&mut Self, u64) -> Result<()>,
    ) -> Result<usize> {
        let start = Instant::now();
        loop {
            sleep(Duration::from_millis(self.random.random_range(200..1200)));
            let status = self.observer.status()?;
            if status["pending"] == 0 {
                break;
            }
            if start.elapsed() > LONGEST {
                return Err(format!("the run does not end: {status}").into());
            }
            disturb(self, status["applied"].as_u64().unwrap_or_default())?;
            for (machine, worker) in self.machines.iter().zip(&mut self.workers) {
                if worker.0.try_wait()?.is_some() {
                    self.events.restarts += 1;
                    check_log(worker)?;
                    *worker = machine.work()?;
                }
            }
        }
        self.workers.clear();
        // What the last ones had in flight is unknown when their leases are over.
        sleep(Membership::LEASE + Duration::from_secs(1));
        let (code, _, error) = self
            .observer
            .run(&["bulk", "work", self.observer.run_name(), "--quiet"])?;
        assert!(matches!(code, 0 | 8 | 9), "{code}: {error}");
        let report = self.observer.rows()?;
        let count = |outcome: &str| report.values().filter(|row| row["outcome"] == outcome).count();
        let wrong = compare(&self.observer, sandbox, &report)?;
        let Events {
            kills,
            pauses,
            crashes,
            cuts,
            full_disks,
            clock_steps,
            restarts,
        } = self.events;
        println!(
            "  {} rows, {WORKERS} workers killed {kills} times, paused {pauses}, cut off {cuts}, started again {restarts}, \
             {crashes} database crashes, {full_disks} full disks, {clock_steps} steps of its clock: {} applied, \
             {} not applied, {} unknown, {wrong} wrong; {:.0?}",
            report.len(),
            count("applied"),
            count("not_applied"),
            count("unknown"),
            start.elapsed()
        );
        Ok(wrong)
    }

    /// Resolves what is unknown. Returns how many rows are wrong, and passwords in the clear.
    fn resolve(&self, sandbox: &Sandbox, cluster: &Cluster) -> Result<usize> {
        let observer = &self.observer;
        let resolve = [
            "bulk",
            "resume",
            observer.run_name(),
            "--shared",
            "--resolve",
            "--identity",
            "key.txt",
        ];
        let (code, _, error) = observer.run(&resolve)?;
        assert_eq!(code, 0, "all rows are applied after a probe: {error}");
        let report = observer.rows()?;
        let mut wrong = report.values().filter(|row| row["outcome"] != "applied").count();
        wrong += compare(observer, sandbox, &report)?;
        let leaked = leaks(observer, &cluster.everything()?)?;
        println!("  those resolved or sent again: {wrong} wrong; {leaked} passwords in the clear");
        Ok(wrong + leaked)
    }

    fn disturb(&mut self, cluster: &Cluster) -> Result<()> {
        // Each kind once, in any order, and then as they come.
        let kind = match self.due.pop() {
            Some(due) => due,
            None => {
                DISTURBANCES
                    .choose_weighted(&mut self.random, |(_, weight)| *weight)?
                    .0
            }
        };
        match kind {
            Disturbance::Pause => {
                self.events.pauses += 1;
                let at = self.random.random_range(0..self.workers.len());
                let process = self.workers[at].0.id().to_string();
                run(Command::new("kill").args(["-STOP", &process]))?;
                sleep(Membership::LEASE + Duration::from_millis(self.random.random_range(500..2000)));
                run(Command::new("kill").args(["-CONT", &process]))
            }
            Disturbance::Crash => {
                self.events.crashes += 1;
                cluster.crash()?;
                sleep(Duration::from_millis(self.random.random_range(0..1500)));
                cluster.resume()
            }
            Disturbance::Cut => {
                self.events.cuts += 1;
                cluster.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE application_name = 'repass' AND random() < 0.5",
                )
            }
            Disturbance::FullDisk => {
                self.events.full_disks += 1;
                cluster.execute(FILL_THE_DISK)?;
                sleep(Duration::from_millis(self.random.random_range(500..3000)));
                cluster.execute(CLEAR_THE_DISK)
            }
            Disturbance::ClockStep => {
                self.events.clock_steps += 1;
                cluster.execute(STEP_THE_CLOCK)
            }
            Disturbance::Kill => self.kill_one(),
        }
    }

    fn kill_one(&mut self) -> Result<()> {
        self.events.kills += 1;
        let at = self.random.random_range(0..self.workers.len());
        // It may have ended by itself.
        let _ = self.workers[at].0.kill();
        self.workers[at].0.wait()?;
        check_log(&self.workers[at])?;
        self.workers[at] = self.machines[at].work()?;
        Ok(())
    }
}

fn check_log(worker: &Worker) -> Result<()> {
    let log = fs::read_to_string(&worker.1)?;
    match NOT_ITS_OWN.iter().find(|said| log.contains(*said)) {
        Some(_) => Err(format!("a worker had rows of another one: {log}").into()),
        None => Ok(()),
    }
}
