//! The same question over real sockets: calls through the full stack against the sandbox, each
//! under a random fault, each compared with the sandbox's ledger.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass::{
    CallContext, Config, Effect, ErrorKind, Password, PasswordService, PasswordServiceExt as _, Services,
    UserId,
};
use repass_sandbox::{
    Action, Cut, CutAt, CutHow, Fault, Matching, Options, Provider, Respond, Sandbox, When, ZoomOptions,
    ZoomRules,
};

use tokio::task::{JoinError, JoinSet};

use crate::simulation::Summary;

const CALLERS: usize = 64;
// Short enough to wait for answers that never come.
const BUDGET: Duration = Duration::from_millis(800);
// What a call may take beyond its budget on a busy machine before it counts as beyond it.
const GRACE: Duration = Duration::from_secs(2);

/// Makes so many calls, half of them over HTTPS.
///
/// # Panics
/// If the sandbox does not start.
pub async fn run(seed: u64, calls: u32) -> Summary {
    let mut summary = Summary::default();
    for tls in [false, true] {
        summary.add(against_one(seed, calls / 2, tls).await);
    }
    summary
}

async fn against_one(seed: u64, calls: u32, tls: bool) -> Summary {
    let options = Options {
        tls,
        users: calls,
        zoom: ZoomOptions {
            rules: ZoomRules::LengthOnly,
            ..ZoomOptions::default()
        },
        ..Options::default()
    };
    let sandbox = Sandbox::start_with(options)
        .await
        .unwrap_or_else(|error| panic!("no sandbox: {error}"));
    let (services, _ca) = services(&sandbox);
    let sandbox = Arc::new(sandbox);
    let mut summary = Summary::default();
    let mut running = JoinSet::new();
    for number in 1..=calls {
        if running.len() == CALLERS {
            summary.add(ended(running.join_next().await));
        }
        running.spawn(one(Arc::clone(&sandbox), services.clone(), seed, number));
    }
    while !running.is_empty() {
        summary.add(ended(running.join_next().await));
    }
    summary
}

fn ended(call: Option<Result<Summary, JoinError>>) -> Summary {
    match call {
        Some(Ok(call)) => call,
        Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        None => Summary::default(),
    }
}

/// Services for the sandbox, and the file of its CA for as long as they may read it.
fn services(sandbox: &Sandbox) -> (Services, Option<tempfile::NamedTempFile>) {
    let file = sandbox.ca_pem().map(|pem| {
        let file =
            tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("no temporary file: {error}"));
        std::fs::write(file.path(), pem).unwrap_or_else(|error| panic!("cannot write the CA: {error}"));
        file
    });
    let tls = file
        .as_ref()
        .map(|file| format!("tls = {{ ca_file = '{}' }}", file.path().display()));
    let text = format!(
        "[providers.zoom]\nkind = \"zoom\"\nplan = \"unlimited\"\nbase_url = \"{}\"\n{auth}\n{tls}\n\
         [providers.portal]\nkind = \"identity\"\nbase_url = \"{}\"\n{auth}\n{tls}\n",
        sandbox.zoom_base_url(),
        sandbox.identity_base_url(),
        auth = format_args!(
            "auth = {{ kind = \"bearer\", token = {{ command = [\"echo\", {:?}] }} }}",
            sandbox.announcement().token
        ),
        tls = tls.unwrap_or_default(),
    );
    let config = Config::from_toml(&text).unwrap_or_else(|error| panic!("{error}"));
    let services = Services::from_config(config).unwrap_or_else(|error| panic!("{error}"));
    (services, file)
}

async fn one(sandbox: Arc<Sandbox>, services: Services, seed: u64, number: u32) -> Summary {
    let mut random = StdRng::seed_from_u64(seed ^ (u64::from(number) << 20));
    let (provider, name, user) = if random.random_bool(0.5) {
        (Provider::Zoom, "zoom", format!("user{number:06}@example.com"))
    } else {
        (
            Provider::Identity,
            "portal",
            format!("00000000-0000-4000-8000-{number:012}"),
        )
    };
    let action = action(&mut random);
    if let Some((action, _)) = &action {
        let matching = Matching {
            provider: Some(provider),
            user: Some(user.clone()),
            ..Matching::default()
        };
        let fault = Fault {
            matching,
            action: action.clone(),
        };
        sandbox
            .inject(fault)
            .unwrap_or_else(|error| panic!("{error}: {action:?}"));
    }
    let service = services.get(name).unwrap_or_else(|error| panic!("{error}"));
    call(
        &sandbox,
        &*service,
        provider,
        &user,
        action.map(|(_, ambiguous)| ambiguous),
    )
    .await
}

async fn call(
    sandbox: &Sandbox,
    service: &dyn PasswordService,
    provider: Provider,
    user: &str,
    ambiguous: Option<bool>,
) -> Summary {
    let new = "New-Passw0rd-of-one-call";
    let id = UserId::new(user).unwrap_or_else(|error| panic!("{error}"));
    let password = Password::new(new).unwrap_or_else(|error| panic!("{error}"));
    let start = Instant::now();
    let result = service
        .reset(&CallContext::with_budget(BUDGET), id, password)
        .await;
    let elapsed = start.elapsed();
    let late = elapsed > BUDGET + GRACE;
    // A provider that acts late has acted by now; its own delays are shorter than a caller's.
    let count = sandbox.ledger().count(provider, user);
    let (outcome, law) = match &result {
        Ok(_) => (
            "applied",
            (count == 1).then_some(()).ok_or("applied means exactly once"),
        ),
        Err(error) if error.effect() == Effect::NotApplied => (
            "not_applied",
            (count == 0).then_some(()).ok_or("not applied means never"),
        ),
        // A busy machine may use up the budget without a fault; that is as ambiguous.
        Err(error) if error.kind() == ErrorKind::TimedOut && elapsed >= BUDGET => {
            ("unknown", (count <= 1).then_some(()).ok_or("never twice"))
        }
        Err(_) if ambiguous != Some(true) => ("unknown", Err("unknown only where it is ambiguous")),
        Err(_) => ("unknown", (count <= 1).then_some(()).ok_or("never twice")),
    };
    let mut broken = Vec::new();
    if let Err(law) = law {
        broken.push(format!(
            "{law}: {provider} {user}, applied {count} times: {result:?}"
        ));
    }
    if late {
        broken.push(format!(
            "a call returns within its budget: {user} took {:?}",
            start.elapsed()
        ));
    }
    if format!("{result:?}").contains(new) {
        broken.push(format!("no password in an error: {user}"));
    }
    Summary {
        calls: 1,
        attempts: 1,
        outcomes: BTreeMap::from([(outcome, 1)]),
        broken,
    }
}

/// A fault and whether it leaves in doubt what happened; or none.
fn action(random: &mut StdRng) -> Option<(Action, bool)> {
    let when = if random.random_bool(0.5) {
        When::BeforeApply
    } else {
        When::AfterApply
    };
    let answer = |status, body: &str| {
        Some(Respond {
            status,
            headers: BTreeMap::new(),
            body: body.to_owned(),
            pad_to: 0,
        })
    };
    let action = |respond, cut| Action {
        when,
        respond,
        cut,
        ..Action::default()
    };
    let cut = |at, how| action(None, Some(Cut { at, how }));
    let how = [CutHow::Fin, CutHow::Rst, CutHow::Stall][random.random_range(0..3)];
    Some(match random.random_range(0..14) {
        0..4 => return None,
        4 => (cut(CutAt::Answer, how), true),
        5 => (cut(CutAt::StatusLine, how), true),
        6 => (action(answer(500, ""), None), true),
        7 => (action(answer(502, "<html>"), None), true),
        8 => (action(answer(503, ""), None), true),
        9 => (action(answer(504, ""), None), true),
        10 => (action(answer(500, "%PASSWORD%"), None), true),
        11 => (
            Action {
                respond: answer(429, ""),
                ..Action::default()
            },
            false,
        ),
        12 => (
            Action {
                respond: answer(307, ""),
                ..Action::default()
            },
            false,
        ),
        _ => (
            Action {
                respond: answer(
                    400,
                    "{\"succeeded\":false,\"code\":1123,\"message\":\"%PASSWORD%\"}",
                ),
                ..Action::default()
            },
            false,
        ),
    })
}
