//! Real servers: installs, starts and asks each, compares every outcome with the server's own word, and ends it.

mod directories;
mod packages;
mod proxy;
mod servers;
mod shared_state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args as ClapArgs;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass::{CallContext, Error, Password, PasswordChange, PasswordService, Resolution, Services, UserId};
use repass_testkit::root;
use std::sync::Arc;

use directories::DirectoryServer;
use proxy::{Fault, Proxy};
use servers::{Result, Running, Server};

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Which servers; all of them if none is named.
    names: Vec<String>,
    /// How many changes each gets through the proxy that loses and replaces responses.
    #[arg(long, default_value_t = 500)]
    changes: usize,
    /// Where the random faults begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measure only how much of an account's rate 1, 4 and 16 processes use, for this many seconds each.
    #[arg(long)]
    rate_seconds: Option<u64>,
    /// Measure only the cost of bulk runs with this many rows each, with journals in files and in the database.
    #[arg(long, value_delimiter = ',')]
    bulk_rows: Vec<usize>,
    /// Kill a bulk run of a directory this often instead, and compare report, secrets and binds row by row.
    #[arg(long)]
    bulk_kills: Option<u32>,
    /// How many users that run changes.
    #[arg(long, default_value_t = 2000, requires = "bulk_kills")]
    users: u32,
    /// The binary [default: the one next to this program].
    #[arg(long, requires = "bulk_kills")]
    repass: Option<PathBuf>,
}

/// Users of the campaign; one more is for the cases.
const USERS: usize = 20;
/// Nobody's name.
const NOBODY: &str = "nobody-here@example.com";

pub(crate) async fn run(args: &Args) -> ExitCode {
    // The plain client that asks the servers for the truth wants one, though it speaks no TLS here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let targets = Target::all();
    let unknown = args
        .names
        .iter()
        .find(|name| !targets.iter().any(|target| target.name() == *name));
    if let Some(name) = unknown {
        let known: Vec<&str> = targets.iter().map(|target| target.name()).collect();
        eprintln!("no server is called `{name}`; there are {}", known.join(", "));
        return ExitCode::from(2);
    }
    let mut is_good = true;
    for target in targets {
        let name = target.name();
        if !args.names.is_empty() && !args.names.iter().any(|asked| asked == name) {
            continue;
        }
        if args.bulk_kills.is_some() && !matches!(target, Target::Directory(_))
            || args.rate_seconds.is_some() && !matches!(target, Target::SharedState)
        {
            continue;
        }
        let folder = root().join("target/real-servers").join(name);
        let tested = match target {
            Target::Http(server) => test(server, &folder, args).await,
            Target::Directory(server) => directories::test(server, &folder, args).await,
            Target::SharedState => shared_state::test(args).await,
        };
        match tested {
            Ok(0) => {}
            Ok(wrong) => {
                println!("{name}: {wrong} WRONG");
                is_good = false;
            }
            Err(error) => {
                println!("{name}: FAILED: {error}");
                is_good = false;
            }
        }
    }
    ExitCode::from(u8::from(!is_good))
}

/// What is tested: a provider of either wire, or the database that processes share.
#[derive(Clone, Copy)]
enum Target {
    Http(Server),
    Directory(DirectoryServer),
    SharedState,
}

impl Target {
    fn all() -> Vec<Self> {
        let http = Server::ALL.map(Self::Http);
        let directories = DirectoryServer::ALL.map(Self::Directory);
        [&http[..], &directories, &[Self::SharedState]].concat()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http(server) => server.name(),
            Self::Directory(server) => server.name(),
            Self::SharedState => shared_state::NAME,
        }
    }
}

async fn test(server: Server, folder: &Path, args: &Args) -> Result<usize> {
    let start = Instant::now();
    server.install(folder)?;
    let installed = start.elapsed();
    let running = server.start(folder, USERS + 1).await?;
    println!(
        "{}: installed in {:.1} s, ready after {:.1} s",
        server.name(),
        installed.as_secs_f64(),
        start.elapsed().as_secs_f64() - installed.as_secs_f64()
    );
    let proxy = Proxy::start(running.address).await?;
    let service = service(&running, &proxy, &running.auth)?;
    let mut wrong = cases(&running, &proxy, service.as_ref()).await?;
    wrong += campaign(&running, &proxy, service.as_ref(), args).await?;
    Ok(wrong)
}

fn service(running: &Running, proxy: &Proxy, auth: &str) -> Result<Arc<dyn PasswordService>> {
    let text = format!(
        "[providers.server]\n{}base_url = \"http://{}{}\"\nauth = {auth}\n",
        running.section, proxy.address, running.base_path
    );
    let services = Services::builder().toml(text).build()?;
    Ok(services.get("server")?)
}

/// What a change ended in, and what the server says afterwards.
struct Row {
    outcome: &'static str,
    kind: String,
    is_in_place: bool,
    is_somebody: bool,
}

impl Row {
    fn is_wrong(&self) -> bool {
        self.outcome == "applied" && !self.is_in_place
            || self.outcome == "not_applied" && self.is_in_place
            || self.kind == "user_not_found" && self.is_somebody
    }
}

async fn change(
    running: &Running,
    service: &dyn PasswordService,
    change: &PasswordChange,
    new: &str,
) -> Result<Row> {
    let result = service.change_password(&CallContext::default(), change).await;
    let is_in_place = running.accepts(change.user().expose(), new).await?;
    let (outcome, kind) = match &result {
        Ok(_) => ("applied", String::new()),
        Err(error) => (error.outcome().as_str(), error.kind().to_string()),
    };
    Ok(Row {
        outcome,
        kind,
        is_in_place,
        is_somebody: change.user().expose() != NOBODY,
    })
}

async fn cases(running: &Running, proxy: &Proxy, service: &dyn PasswordService) -> Result<usize> {
    let (user, part) = (running.server.user(USERS), running.server.user(1));
    let (longest, too_long) = ("Aa1".repeat(341), "Aa1".repeat(1366));
    let cases = [
        ("an ordinary password", user.as_str(), "New-Passw0rd-77"),
        ("the same again", &user, "New-Passw0rd-77"),
        ("blanks at both ends", &user, " Blank-Passw0rd-1 "),
        ("one character", &user, "x"),
        ("1,023 characters", &user, &longest),
        ("4,098 characters", &user, &too_long),
        ("characters of other scripts", &user, "Pässwörd-Κωδικός-1"),
        ("quotes and braces", &user, "Aa1\"'\\{new}<&>%41"),
        ("quotes", &user, "Aa1\"'{new}<&>%41"),
        ("blanks alone", &user, "   "),
        ("a zero between blanks", &user, " 0 "),
        ("a name that is part of others", &part, "New-Passw0rd-77"),
        ("no such user", NOBODY, "New-Passw0rd-78"),
    ];
    let mut wrong = 0;
    for (what, user, new) in cases {
        let user: UserId = user.parse()?;
        let Ok(password) = Password::new(new) else {
            println!(
                "  {:<13} {what:<32} rejected before it is sent",
                running.server.name()
            );
            continue;
        };
        let reset = PasswordChange::reset(user, password);
        let row = change(running, service, &reset, new).await?;
        wrong += report(running, what, &row);
    }
    if let Some(user) = running.server.user_without_password() {
        let reset = PasswordChange::reset(user.parse()?, Password::new("First-Passw0rd-1")?);
        let row = change(running, service, &reset, "First-Passw0rd-1").await?;
        wrong += report(running, "a user who never had a password", &row);
    }
    if running.set_read_only(true)? {
        let reset = PasswordChange::reset(user.parse()?, Password::new("Refused-Passw0rd-1")?);
        let row = change(running, service, &reset, "Refused-Passw0rd-1").await?;
        wrong += report(running, "a database that is read-only", &row);
        running.set_read_only(false)?;
    }
    // Credentials that are not the right ones.
    let bad = std::fs::canonicalize(&running.folder)?.join("bad");
    std::fs::write(&bad, "not-the-right-one-1234")?;
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&bad, std::fs::Permissions::from_mode(0o600))?;
    }
    let good = running.auth.split('"').nth_back(1).unwrap_or_default();
    let auth = running.auth.replace(good, &bad.display().to_string());
    let stranger = self::service(running, proxy, &auth)?;
    let reset = PasswordChange::reset(user.parse()?, Password::new("New-Passw0rd-79")?);
    let row = change(running, stranger.as_ref(), &reset, "New-Passw0rd-79").await?;
    wrong += report(running, "wrong credentials", &row);
    if running.server.has_change() {
        let reset = PasswordChange::reset(user.parse()?, Password::new("New-Passw0rd-80")?);
        change(running, service, &reset, "New-Passw0rd-80").await?;
        for (what, current, new) in [
            (
                "change: wrong current password",
                "Wrong-Passw0rd-1",
                "New-Passw0rd-81",
            ),
            ("change: weak", "New-Passw0rd-80", "weak"),
            ("change", "New-Passw0rd-80", "New-Passw0rd-82"),
        ] {
            let asked = PasswordChange::change(user.parse()?, Password::new(current)?, Password::new(new)?);
            let row = change(running, service, &asked, new).await?;
            wrong += report(running, what, &row);
        }
    }
    Ok(wrong + restricted(running, proxy, service, &user).await?)
}

/// A reset is applied and its response lost, of a user whom the server then refuses with the right password too. To call
/// the new password "not in place" would be wrong.
async fn restricted(
    running: &Running,
    proxy: &Proxy,
    service: &dyn PasswordService,
    user: &str,
) -> Result<usize> {
    if !running.restrict(user).await? {
        return Ok(0);
    }
    let new = "Restricted-Passw0rd-1";
    let reset = PasswordChange::reset(user.parse()?, Password::new(new)?);
    proxy.arm(new, Fault::LostAfter);
    let result = service.change_password(&CallContext::default(), &reset).await;
    proxy.disarm();
    let error = result.err().ok_or("a lost response was taken for a success")?;
    let handle = error.unknown_outcome().ok_or("a lost response is not unknown")?;
    let resolution = service.resolve(&CallContext::default(), handle, &reset).await?;
    let is_wrong = resolution == Resolution::NotInPlace;
    let mark = if is_wrong { "WRONG" } else { "ok" };
    println!(
        "  {:<13} {:<32} unknown, then {resolution} {mark}",
        running.server.name(),
        "a user without the right to log in"
    );
    Ok(usize::from(is_wrong))
}

fn report(running: &Running, what: &str, row: &Row) -> usize {
    let mark = if row.is_wrong() { "WRONG" } else { "ok" };
    println!(
        "  {:<13} {what:<32} {:<12} {:<24} in place: {:<6} {mark}",
        running.server.name(),
        row.outcome,
        row.kind,
        row.is_in_place
    );
    usize::from(row.is_wrong())
}

/// Random changes under random faults; unknown outcomes are resolved. Every claim is compared with the server.
async fn campaign(
    running: &Running,
    proxy: &Proxy,
    service: &dyn PasswordService,
    args: &Args,
) -> Result<usize> {
    let mut random = StdRng::seed_from_u64(args.seed);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = 0;
    for number in 0..args.changes {
        let user: UserId = running.server.user(random.random_range(0..USERS)).parse()?;
        let new = format!("Campaign-Passw0rd-{number}-{}", random.random_range(1000..9999));
        let fault =
            (random.random_range(0..3) > 0).then(|| Fault::ALL[random.random_range(0..Fault::ALL.len())]);
        match fault {
            Some(fault) => proxy.arm(&new, fault),
            None => proxy.disarm(),
        }
        let reset = PasswordChange::reset(user.clone(), Password::new(new.as_str())?);
        let result = service.change_password(&CallContext::default(), &reset).await;
        proxy.disarm();
        let mut is_in_place = running.accepts(user.expose(), &new).await?;
        let resolution = match result.as_ref().err().and_then(Error::unknown_outcome) {
            None => None,
            Some(handle) => {
                let resolution = service.resolve(&CallContext::default(), handle, &reset).await;
                // A probe that repeats the change sets the password itself.
                is_in_place = running.accepts(user.expose(), &new).await?;
                Some(resolution.unwrap_or(Resolution::StillUnknown))
            }
        };
        let outcome = result
            .as_ref()
            .map_or_else(|error| error.outcome().as_str(), |_| "applied");
        let is_wrong = match (outcome, resolution) {
            ("applied", _) | (_, Some(Resolution::InPlace)) => !is_in_place,
            ("not_applied", _) | (_, Some(Resolution::NotInPlace)) => is_in_place,
            _ => false,
        };
        if is_wrong {
            println!(
                "  change {number}, {fault:?}: {outcome}, {resolution:?}, in place: {is_in_place}: WRONG"
            );
            wrong += 1;
        }
        let what = match resolution {
            Some(resolution) => format!("unknown, then {resolution}"),
            None => outcome.to_owned(),
        };
        *counts.entry(what).or_default() += 1;
    }
    for (what, count) in counts {
        println!("  {:<13} {count:>5} {what}", running.server.name());
    }
    Ok(wrong)
}
