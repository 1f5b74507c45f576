//! A bulk run that two workers share, one of which is killed: the commands of the guide's page, and its report, its
//! passwords and the provider's ledger compared row by row.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Cursor;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use age::secrecy::ExposeSecret as _;
use age::x25519;
use repass_bulk::{Input, PasswordSource, ProviderNames, Recipients, Run, RunManifest};
use repass_postgres::SharedRuns;
use repass_sandbox::Sandbox;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::servers::{Result, run};
use super::cluster::Cluster;
use super::stores;

const ROWS: u32 = 300;
const NAME: &str = "breach";
/// How many changes a worker has in flight.
pub(super) const CONCURRENCY: u64 = 8;
/// How long a change takes at the provider.
const DELAY: Duration = Duration::from_millis(100);
/// The rows that are applied when the second worker starts, and when the first one is killed.
const APPLIED_BEFORE: [u64; 2] = [20, 120];
/// The time limit of a change. A user whose worker is killed stays locked for 30 s more.
const TIMEOUT: &str = "5s";

/// A folder with the configuration, which stands for a machine.
pub(super) struct Machine {
    folder: TempDir,
    binary: PathBuf,
    /// The name of the run.
    run: &'static str,
    rows: u32,
    /// The passwords of the input by user; empty if they are generated.
    given: HashMap<String, String>,
    /// The directory of the run and its file of secrets; `None` for a shared run.
    local: Option<[&'static str; 2]>,
}

/// A worker and its log, killed when dropped.
pub(super) struct Worker(pub(super) Child, pub(super) PathBuf);

/// Returns how many rows are wrong.
pub(super) async fn check(cluster: &Cluster) -> Result<usize> {
    let sandbox = super::slow_sandbox(ROWS, DELAY).await?;
    let machine = || Machine::new(cluster, &sandbox, NAME, ROWS);
    let (first, second, third) = (machine()?, machine()?, machine()?);
    let recipient = load(&third)?;
    refusals(cluster, &third, &recipient)?;
    assert_eq!(sandbox.changes(), 0, "nothing is sent without a worker");
    let start = Instant::now();
    let mut killed = first.work()?;
    third.wait_for_applied(APPLIED_BEFORE[0])?;
    drain_one(&third)?;
    let survivor = second.work()?;
    third.wait_for_applied(APPLIED_BEFORE[1])?;
    killed.kill()?;
    live_status(&third, &sandbox)?;
    let code = survivor.wait()?;
    let took = start.elapsed();
    let rows = third.rows()?;
    let count = |outcome: &str| rows.values().filter(|row| row["outcome"] == outcome).count();
    let (unknown, not_applied) = (count("unknown"), count("not_applied"));
    let expected = match (unknown, not_applied) {
        (0, 0) => 0,
        (0, _) => 9,
        _ => 8,
    };
    assert_eq!(code, expected, "the code of the second worker");
    assert!(
        unknown + not_applied <= usize::try_from(CONCURRENCY)?,
        "a worker leaves open what it had in flight"
    );
    if unknown > 0 {
        let (_, page, _) = third.run(&["bulk", "report", NAME, "--shared", "--html", "-"])?;
        assert!(page.contains("repass bulk resume breach --shared"), "{page}");
    }
    let mut wrong = compare(&third, &sandbox, &rows)?;
    println!(
        "  {ROWS} rows by two workers, the first one killed: {unknown} unknown, {not_applied} not applied, {wrong} wrong; \
         {took:.0?}"
    );
    assert_eq!(third.resolve()?.0, 0, "all rows are applied after a probe");
    let rows = third.rows()?;
    assert!(rows.values().all(|row| row["outcome"] == "applied"), "{rows:?}");
    wrong += compare(&third, &sandbox, &rows)?;
    println!(
        "  those resolved or sent again: {wrong} wrong; {:.0?}",
        start.elapsed()
    );
    let leaked = leaks(&third, &cluster.everything()?)?;
    println!("  dump and files of the database hold {leaked} of the generated passwords");
    Ok(wrong + leaked)
}

/// The same with passwords of the input, which workers need the key for. Returns how many rows are wrong.
pub(super) async fn check_given(cluster: &Cluster) -> Result<usize> {
    const NAME: &str = "imported";
    let sandbox = super::slow_sandbox(ROWS, DELAY).await?;
    // Which the provider accepts: no character follows the one before it in the alphabet or is the same.
    let letter = |digit: char| {
        "bdfhjmptvx"
            .chars()
            .nth(digit.to_digit(10).unwrap_or_default() as usize)
    };
    let password = |number: u32| -> String {
        let digits = format!("{number:06}");
        let letters = digits.chars().filter_map(letter).zip("7492747".chars());
        let pairs: String = letters.flat_map(|(letter, digit)| [letter, digit]).collect();
        format!("Q#{pairs}")
    };
    let given: HashMap<String, String> = (1..=ROWS)
        .map(|number| (user(number), password(number)))
        .collect();
    let machine = || -> Result<Machine> {
        let given = given.clone();
        Ok(Machine {
            given,
            ..Machine::new(cluster, &sandbox, NAME, ROWS)?
        })
    };
    let (first, second, third) = (machine()?, machine()?, machine()?);
    load(&third)?;
    let (code, _, error) = first.run(&["bulk", "work", NAME])?;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("pass --identity KEYFILE"), "{error}");
    let other = x25519::Identity::generate().to_string();
    #[expect(clippy::disallowed_methods, reason = "a key of this test")]
    super::private_file(&first.path("key.txt"), other.expose_secret())?;
    let code = first.work()?.wait()?;
    let error = std::fs::read_to_string(first.path("stderr.log"))?;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("it is encrypted to another key"), "{error}");
    let secrets = [
        "bulk",
        "secrets",
        "--shared",
        "--run",
        NAME,
        "--identity",
        "key.txt",
    ];
    let (code, _, error) = third.run(&secrets)?;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("those of its input"), "{error}");
    assert_eq!(sandbox.changes(), 0, "nothing is sent without the key");
    for machine in [&first, &second] {
        std::fs::copy(third.path("key.txt"), machine.path("key.txt"))?;
    }
    let start = Instant::now();
    let mut killed = first.work()?;
    let survivor = second.work()?;
    third.wait_for_applied(APPLIED_BEFORE[0])?;
    killed.kill()?;
    survivor.wait()?;
    let rows = third.rows()?;
    let mut wrong = compare(&third, &sandbox, &rows)?;
    let count = |outcome: &str| rows.values().filter(|row| row["outcome"] == outcome).count();
    println!(
        "  {ROWS} rows with passwords of the input, one of two workers killed: {} unknown, {} not applied, {wrong} wrong",
        count("unknown"),
        count("not_applied")
    );
    let (code, _, error) = third.resolve()?;
    assert_eq!(code, 0, "all rows are applied after a probe: {error}");
    let rows = third.rows()?;
    wrong += compare(&third, &sandbox, &rows)?;
    let leaked = leaks(&third, &cluster.everything()?)?;
    println!(
        "  those resolved or sent again: {wrong} wrong; {leaked} passwords in the clear; {:.0?}",
        start.elapsed()
    );
    Ok(wrong + leaked)
}

/// A run that begins in a directory, goes on in the database and ends in another directory, killed in each of the first two.
/// Returns how many rows are wrong.
pub(super) async fn check_moves(cluster: &Cluster) -> Result<usize> {
    const NAME: &str = "moved";
    let sandbox = super::slow_sandbox(ROWS, DELAY).await?;
    let mut machine = Machine::new(cluster, &sandbox, NAME, ROWS)?;
    let recipient = prepare(&machine)?;
    let start = Instant::now();
    let run = [
        "bulk",
        "run",
        "users.jsonl",
        "--generate",
        "--recipient",
        &recipient,
        "--yes",
    ];
    let options = [
        "--run",
        "local",
        "--secrets-out",
        "local.age",
        "--concurrency",
        "8",
        "--timeout",
        TIMEOUT,
    ];
    let mut process = machine.start(&[&run[..], &options].concat())?;
    while sandbox.changes() < 40 {
        assert!(
            process.0.try_wait()?.is_none(),
            "{}",
            std::fs::read_to_string(&process.1)?
        );
        sleep(Duration::from_millis(20));
    }
    process.kill()?;
    let import = ["bulk", "import", "local", NAME];
    let (code, _, notes) = machine.run(&import)?;
    assert_eq!(code, 0, "{notes}");
    assert!(notes.contains("`repass bulk work moved`"), "{notes}");
    assert_eq!(machine.run(&import)?.0, 0, "it is complete already");
    let (code, _, error) = machine.run(&["bulk", "resume", "local"])?;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("has moved to the shared run moved"), "{error}");
    machine.local = Some(["local", "local.age"]);
    let before = machine.rows()?;
    machine.local = None;
    assert_eq!(
        unlike(&machine.rows()?, &before),
        Vec::<&String>::new(),
        "the import keeps each row"
    );
    let mut wrong = compare_so_far(&machine, &sandbox, &before)?;
    let mut worker = machine.work()?;
    machine.wait_for_applied(APPLIED_BEFORE[1])?;
    worker.kill()?;
    let export = ["bulk", "export", NAME, "back", "--secrets-out", "back.age"];
    let (code, _, error) = machine.run(&export)?;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("workers are at work on this run"), "{error}");
    machine.wait_for("the lease of the worker ends", |status| {
        status["under_way"] == false
    })?;
    let (code, _, notes) = machine.run(&export)?;
    assert_eq!(code, 0, "{notes}");
    assert!(notes.contains("`repass bulk resume back`"), "{notes}");
    let before = machine.rows()?;
    let (code, _, error) = machine.run(&["bulk", "work", NAME])?;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("has moved to the directory /"), "{error}");
    let (_, _, notes) = machine.run(&["bulk", "status", NAME, "--shared"])?;
    assert!(notes.contains("it has moved to the directory /"), "{notes}");
    machine.local = Some(["back", "back.age"]);
    assert_eq!(
        unlike(&machine.rows()?, &before),
        Vec::<&String>::new(),
        "the export keeps each row"
    );
    wrong += compare_so_far(&machine, &sandbox, &before)?;
    let (code, _, error) = machine.resolve()?;
    assert_eq!(code, 0, "all rows are applied after a probe: {error}");
    let rows = machine.rows()?;
    wrong += compare(&machine, &sandbox, &rows)?;
    println!(
        "  {ROWS} rows of a run that moved into the database and back, killed in between: {wrong} wrong; {:.0?}",
        start.elapsed()
    );
    Ok(wrong)
}

/// The users whose rows differ.
fn unlike<'a>(rows: &'a BTreeMap<String, Value>, others: &BTreeMap<String, Value>) -> Vec<&'a String> {
    assert_eq!(rows.len(), others.len(), "as many rows");
    let differs = |(user, row): &(&String, &Value)| others.get(*user) != Some(*row);
    rows.iter().filter(differs).map(|(user, _)| user).collect()
}

/// Loads the run. Returns the recipient of the passwords.
pub(super) fn load(machine: &Machine) -> Result<String> {
    let (name, rows) = (machine.run, machine.rows);
    let recipient = prepare(machine)?;
    let mut run = vec![
        "bulk",
        "run",
        "users.jsonl",
        "--shared",
        "--run",
        name,
        "--recipient",
        &recipient,
    ];
    if machine.given.is_empty() {
        run.push("--generate");
    }
    let (code, _, notes) = machine.run(&run)?;
    assert_eq!(code, 0, "{notes}");
    let key = if machine.given.is_empty() {
        ""
    } else {
        " --identity KEYFILE"
    };
    assert!(
        notes.contains(&format!("`repass bulk work {name}{key}`")),
        "{notes}"
    );
    let (code, _, error) = machine.run(&run)?;
    assert_eq!(code, 2, "the name is taken: {error}");
    let (_, names, _) = machine.run(&["bulk", "status", "--shared"])?;
    assert!(names.lines().any(|known| known == name), "{names}");
    let status = machine.status()?;
    assert_eq!(status["pending"], rows, "{status}");
    assert_eq!(status["under_way"], false, "{status}");
    Ok(recipient)
}

/// Writes the input and the key. Returns the recipient.
fn prepare(machine: &Machine) -> Result<String> {
    let lines = (1..=machine.rows).map(|number| {
        let user = user(number);
        match machine.given.get(&user) {
            Some(password) => json!({ "user": user, "new_password": password }),
            None => json!({ "user": user }),
        }
    });
    let lines: Vec<String> = lines.map(|line| line.to_string()).collect();
    super::private_file(&machine.path("users.jsonl"), &lines.join("\n"))?;
    let key = x25519::Identity::generate();
    let text = key.to_string();
    #[expect(clippy::disallowed_methods, reason = "a key of this test")]
    super::private_file(&machine.path("key.txt"), text.expose_secret())?;
    let (code, _, error) = machine.run(&["shared", "migrate"])?;
    assert_eq!(code, 0, "{error}");
    Ok(key.to_public().to_string())
}

/// A run that is not loaded completely, and one that a person has not confirmed.
fn refusals(cluster: &Cluster, machine: &Machine, recipient: &str) -> Result<()> {
    let name = "refused";
    let journal = SharedRuns::new(&*stores::database(cluster)?)?.create(name)?;
    let manifest = RunManifest {
        passwords: PasswordSource::Generated,
        input: None,
        provider: None,
        secrets: None,
    };
    let recipients = Recipients::new([recipient])?;
    let (mut run, _) = Run::create_in(name.to_owned(), journal, manifest, Some(recipients))?;
    let work = || machine.run(&["bulk", "work", name]);
    let (code, _, error) = work()?;
    assert_eq!(code, 2, "{error}");
    assert!(
        error.contains("`repass bulk resume refused INPUT --shared`"),
        "{error}"
    );
    let rows = format!("user\n{}\n", user(1));
    let names = ProviderNames::new(["zoom"], Some("zoom"));
    let rows = Box::new(Cursor::new(rows));
    run.ingest(Input::new(rows, "rows", names, PasswordSource::Generated)?)?;
    let (code, _, error) = work()?;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("was not confirmed"), "{error}");
    Ok(())
}

/// A worker that is interrupted waits for its rows in flight, and leaves the others to the rest.
fn drain_one(machine: &Machine) -> Result<()> {
    let worker = machine.work()?;
    machine.wait_for("rows of two workers are in flight", |status| {
        assert_eq!(status["unknown"], 0, "what is in flight is not unknown: {status}");
        status["in_flight"].as_u64() > Some(CONCURRENCY)
    })?;
    run(Command::new("kill").args(["-INT", &worker.0.id().to_string()]))?;
    let log = worker.1.clone();
    let code = worker.wait()?;
    let log = std::fs::read_to_string(log)?;
    assert_eq!(code, 9, "{log}");
    assert!(
        log.contains("other workers are still at work on this run"),
        "{log}"
    );
    Ok(())
}

/// What a third machine sees while a worker is killed and the other one goes on.
fn live_status(machine: &Machine, sandbox: &Sandbox) -> Result<()> {
    let before = sandbox.changes() as u64;
    let status = machine.status()?;
    let after = sandbox.changes() as u64;
    let count = |key: &str| status[key].as_u64().unwrap_or_default();
    let sent = count("applied") + count("unknown") + count("in_flight");
    assert_eq!(status["under_way"], true, "{status}");
    assert_eq!(
        sent + count("not_applied") + count("pending"),
        u64::from(ROWS),
        "{status}"
    );
    assert!(
        count("applied") <= after,
        "{status}, and {after} changes were made"
    );
    assert!(before <= sent, "{status}, and {before} changes were made before");
    Ok(())
}

/// How many rows are wrong, at the end of a run.
pub(super) fn compare(machine: &Machine, sandbox: &Sandbox, rows: &BTreeMap<String, Value>) -> Result<usize> {
    let pending = rows.values().filter(|row| row["outcome"] == "pending");
    Ok(pending.count() + compare_so_far(machine, sandbox, rows)?)
}

/// How many rows are wrong. Some may not have been sent yet.
fn compare_so_far(machine: &Machine, sandbox: &Sandbox, rows: &BTreeMap<String, Value>) -> Result<usize> {
    assert_eq!(rows.len(), machine.rows as usize, "no row is lost");
    let mut made: HashMap<String, Vec<String>> = HashMap::new();
    for change in sandbox.ledger().changes {
        made.entry(change.user).or_default().push(change.fingerprint);
    }
    let passwords = machine.passwords()?;
    let mut wrong = 0;
    for (user, row) in rows {
        let made = made.get(user).map(Vec::as_slice).unwrap_or_default();
        let of_user = passwords
            .iter()
            .filter(|password| password["user"] == user.as_str());
        let states: Vec<(&str, String)> = of_user
            .map(|password| {
                let text = password["new_password"].as_str().unwrap_or_default();
                (
                    password["state"].as_str().unwrap_or_default(),
                    sandbox.fingerprint(text),
                )
            })
            .collect();
        let sealed = |state: &str| -> Vec<&String> {
            let of_state = states.iter().filter(|(known, _)| *known == state);
            of_state.map(|(_, fingerprint)| fingerprint).collect()
        };
        // A probe sends the same password once more.
        let was_probed = row["message"]
            .as_str()
            .is_some_and(|message| message.contains("a probe found"));
        let is_right = match row["outcome"].as_str() {
            Some("applied") => match sealed("current")[..] {
                [current] => {
                    !made.is_empty()
                        && made.len() <= 1 + usize::from(was_probed)
                        && made.iter().all(|made| made == current)
                }
                _ => false,
            },
            Some("unknown") => made.len() <= 1 && made.iter().all(|made| sealed("unknown") == [made]),
            // Such as of a user who was locked by a worker that was killed. It is sent again by `resume`.
            Some("not_applied" | "pending") => made.is_empty(),
            _ => false,
        };
        if !is_right {
            println!("  {row}, made {} times, sealed {states:?}: WRONG", made.len());
            wrong += 1;
        }
    }
    Ok(wrong)
}

// How many of the passwords stand anywhere in the clear.
pub(super) fn leaks(machine: &Machine, all: &[u8]) -> Result<usize> {
    let passwords = machine.passwords()?;
    let passwords: HashSet<&[u8]> = passwords
        .iter()
        .filter_map(|password| Some(password["new_password"].as_str()?.as_bytes()))
        .collect();
    assert!(
        passwords.len() >= machine.rows as usize,
        "each row has a password"
    );
    let mut is_start = vec![false; 1 << 16];
    for password in &passwords {
        is_start[usize::from(u16::from_be_bytes([password[0], password[1]]))] = true;
    }
    let lengths: HashSet<usize> = passwords.iter().map(|password| password.len()).collect();
    let mut found = HashSet::new();
    for (at, start) in all.windows(2).enumerate() {
        if !is_start[usize::from(u16::from_be_bytes([start[0], start[1]]))] {
            continue;
        }
        let candidates = lengths.iter().filter_map(|length| all.get(at..at + length));
        found.extend(candidates.filter(|candidate| passwords.contains(candidate)));
    }
    Ok(found.len())
}

fn user(number: u32) -> String {
    format!("user{number:06}@example.com")
}

impl Machine {
    pub(super) fn new(cluster: &Cluster, sandbox: &Sandbox, run: &'static str, rows: u32) -> Result<Self> {
        let machine = Self {
            folder: tempfile::tempdir()?,
            binary: crate::crash_recovery::binary(None),
            run,
            rows,
            given: HashMap::new(),
            local: None,
        };
        super::zoom_configuration(machine.folder.path(), cluster, sandbox, "unlimited")?;
        Ok(machine)
    }

    pub(super) fn run_name(&self) -> &'static str {
        self.run
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// The exit code, standard output and standard error of a command.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<(i32, String, String)> {
        let output = self.command(arguments).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        Ok((code, text(&output.stdout), text(&output.stderr)))
    }

    fn start(&self, arguments: &[&str]) -> Result<Worker> {
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::null())
            .stderr(File::create(self.path("stderr.log"))?);
        Ok(Worker(command.spawn()?, self.path("stderr.log")))
    }

    /// Resolves what is unknown, and sends what was not applied.
    fn resolve(&self) -> Result<(i32, String, String)> {
        let mut resolve = vec!["bulk", "resume", "--resolve", "--identity", "key.txt", "--yes"];
        match self.local {
            Some([directory, _]) => resolve.push(directory),
            None => resolve.extend([self.run, "--shared"]),
        }
        self.run(&resolve)
    }

    pub(super) fn work(&self) -> Result<Worker> {
        let concurrency = CONCURRENCY.to_string();
        let mut work = vec![
            "bulk",
            "work",
            self.run,
            "--concurrency",
            &concurrency,
            "--timeout",
            TIMEOUT,
        ];
        if !self.given.is_empty() {
            work.extend(["--identity", "key.txt"]);
        }
        self.start(&work)
    }

    pub(super) fn status(&self) -> Result<Value> {
        let (_, status, error) = self.run(&["--json", "bulk", "status", self.run, "--shared"])?;
        serde_json::from_str(&status).map_err(|_| format!("no status: {error}").into())
    }

    fn wait_for_applied(&self, count: u64) -> Result<()> {
        let what = format!("{count} rows are applied");
        self.wait_for(&what, |status| status["applied"].as_u64() >= Some(count))
    }

    fn wait_for(&self, what: &str, is_true: impl Fn(&Value) -> bool) -> Result<()> {
        let start = Instant::now();
        loop {
            let status = self.status()?;
            if is_true(&status) {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(60) {
                return Err(format!("it never becomes true that {what}: {status}").into());
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// The rows of the report, by user.
    pub(super) fn rows(&self) -> Result<BTreeMap<String, Value>> {
        let mut arguments = vec!["--json", "bulk", "report"];
        match self.local {
            Some([directory, _]) => arguments.push(directory),
            None => arguments.extend([self.run, "--shared"]),
        }
        let (_, report, error) = self.run(&arguments)?;
        let report: Value = serde_json::from_str(&report).map_err(|_| format!("no report: {error}"))?;
        let rows = report["rows"].as_array().ok_or("a report without rows")?;
        let by_user = rows
            .iter()
            .map(|row| (row["user"].as_str().unwrap_or_default().to_owned(), row.clone()));
        Ok(by_user.collect())
    }

    /// The passwords that the database holds, opened with the key, or those of the input.
    fn passwords(&self) -> Result<Vec<Value>> {
        if !self.given.is_empty() {
            let password = |(user, row): (String, Value)| {
                let state = match row["outcome"].as_str() {
                    Some("applied") => "current",
                    Some("unknown") => "unknown",
                    _ => "refused",
                };
                json!({ "user": user, "state": state, "new_password": self.given.get(&user) })
            };
            return Ok(self.rows()?.into_iter().map(password).collect());
        }
        let mut secrets = vec!["--json", "bulk", "secrets", "--identity", "key.txt", "--run"];
        match self.local {
            Some([directory, file]) => secrets.extend([directory, file]),
            None => secrets.extend([self.run, "--shared"]),
        }
        let (code, passwords, error) = self.run(&secrets)?;
        assert_eq!(code, 0, "{error}");
        let parsed = passwords.lines().map(serde_json::from_str);
        Ok(parsed.collect::<std::result::Result<_, _>>()?)
    }
}

impl Worker {
    fn kill(&mut self) -> Result<()> {
        assert!(self.0.try_wait()?.is_none(), "the worker still runs");
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// Waits for its end, and returns its exit code.
    fn wait(mut self) -> Result<i32> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(120) {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status.code().unwrap_or(-1));
            }
            sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(&self.1)?;
        Err(format!("the worker does not end: {log}").into())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
