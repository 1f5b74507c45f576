//! Changes whose connections are cut at random points: every claim compared with the server's own records and binds.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass::{CallContext, Error, PasswordService, Resolution};

use super::cut_proxy::{Cut, CutProxy, Direction, Ending};
use super::{Directory, SERVICE, START, suite, user};
use crate::real_servers::servers::Result;
use crate::real_servers::{Args, USERS};

/// Users that the rows before have not touched.
const FIRST: usize = 5;

/// Bytes to the server and to the client that one undisturbed call takes.
#[derive(Debug, Clone, Copy)]
struct Size(usize, usize);

/// Makes the changes; counts the wrong claims.
pub(super) async fn run(directory: &Directory, args: &Args) -> Result<usize> {
    let server = directory.server;
    let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, directory.ldaps_port));
    let proxy = CutProxy::start(upstream).await?;
    let url = format!("ldaps://localhost:{}", proxy.address.port());
    let service = suite::service(directory, &url, server.service_dn(), SERVICE, "")?;
    let mut passwords: Vec<String> = vec![START.to_owned(); USERS];
    let mut random = StdRng::seed_from_u64(args.seed);
    // The first change of an entry adds attributes to it, which are in the responses to later searches.
    measure(&proxy, &*service, &mut passwords, false).await?;
    let sizes = [
        measure(&proxy, &*service, &mut passwords, false).await?,
        measure(&proxy, &*service, &mut passwords, true).await?,
    ];
    let (mut counts, mut wrong, mut failed_binds) = (BTreeMap::<String, usize>::new(), 0, 0);
    for number in 0..args.changes {
        let at = random.random_range(FIRST..USERS);
        let (name, is_change) = (user(at), random.random_bool(0.5));
        let new = format!("Cut-Passw0rd-{number}-{}", random.random_range(1000..9999));
        let cut = random_cut(&mut random, sizes[usize::from(is_change)]);
        let change = suite::request(&name, is_change.then_some(passwords[at].as_str()), &new)?;
        let before = directory.password_record(&name).await?;
        proxy.arm(cut);
        let result = service.change_password(&CallContext::default(), &change).await;
        proxy.arm(None);
        if cut.is_some() {
            // What the server has received it still carries out.
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        let mut is_applied = directory.password_record(&name).await? != before;
        let outcome = result
            .as_ref()
            .map_or_else(|error| error.outcome().as_str(), |_| "applied");
        let mut is_wrong = match outcome {
            "applied" => !is_applied,
            "not_applied" => is_applied,
            _ => false,
        };
        let mut resolution = None;
        if let Some(handle) = result.as_ref().err().and_then(Error::unknown_outcome) {
            // As a crash would leave it.
            let stored = serde_json::to_string(handle)?;
            let handle = serde_json::from_str(&stored)?;
            let resolved = service.resolve(&CallContext::default(), &handle, &change).await;
            let now = resolved.unwrap_or(Resolution::StillUnknown);
            // A probe that repeats the reset sets the password itself.
            is_applied = directory.password_record(&name).await? != before;
            is_wrong |= match now {
                Resolution::InPlace => !is_applied,
                Resolution::NotInPlace => is_applied,
                Resolution::StillUnknown => false,
            };
            resolution = Some(now);
        }
        failed_binds += directory.failures(&name).await?;
        if is_applied {
            passwords[at] = new;
        }
        is_wrong |= !directory.accepts(&name, &passwords[at]).await?;
        if is_wrong {
            println!(
                "  change {number} of {name}, {cut:?}: {result:?}, {resolution:?}, applied: {is_applied}: WRONG"
            );
            wrong += 1;
        }
        let mode = if is_change { "change" } else { "reset" };
        let what = match resolution {
            Some(resolution) => format!("{mode}: unknown, then {resolution}"),
            None => format!("{mode}: {outcome}"),
        };
        *counts.entry(what).or_default() += 1;
    }
    for (what, count) in counts {
        println!("  {:<13} {count:>5} {what}", server.name());
    }
    println!(
        "  {:<13} {} cut changes, {wrong} wrong, {failed_binds} failed binds",
        server.name(),
        args.changes
    );
    Ok(wrong)
}

async fn measure(
    proxy: &CutProxy,
    service: &dyn PasswordService,
    passwords: &mut [String],
    is_change: bool,
) -> Result<Size> {
    let new = format!("Measure-{}", passwords[FIRST]);
    let current = is_change.then_some(passwords[FIRST].as_str());
    let change = suite::request(&user(FIRST), current, &new)?;
    proxy.arm(None);
    service.change_password(&CallContext::default(), &change).await?;
    passwords[FIRST] = new;
    let (to_server, to_client) = proxy.bytes();
    Ok(Size(to_server, to_client))
}

// Anywhere, and more often near the end, where the change and its response are.
fn random_cut(random: &mut StdRng, Size(to_server, to_client): Size) -> Option<Cut> {
    if random.random_bool(0.1) {
        return None;
    }
    let (direction, size) = if random.random_bool(0.5) {
        (Direction::ToServer, to_server)
    } else {
        (Direction::ToClient, to_client)
    };
    let from = [0, size * 3 / 4, size.saturating_sub(200), size.saturating_sub(80)];
    let from = from[random.random_range(0..from.len())];
    let ending = match random.random_range(0..20) {
        0 => Ending::Stall,
        1..=9 => Ending::Close,
        _ => Ending::Reset,
    };
    Some(Cut {
        direction,
        after: random.random_range(from..=size),
        ending,
    })
}
