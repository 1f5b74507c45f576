//! Changes with `exactly_once` whose response is lost: each must end certainly, and take effect once.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use repass::CallContext;

use super::cut_proxy::{Cut, CutProxy, Direction, Ending};
use super::{Directory, DirectoryServer, SERVICE, suite, user};
use crate::real_servers::servers::Result;
use crate::real_servers::{Args, USERS};

/// Users whose passwords no other test needs.
const FIRST: usize = 5;

/// Makes resets until this many responses were lost; counts those that end in doubt, wrongly, or twice.
pub(super) async fn run(directory: &Directory, args: &Args) -> Result<usize> {
    let server = directory.server;
    let losses = args.changes * 2 / 5;
    let marker = match server {
        DirectoryServer::Slapd | DirectoryServer::Dirsrv => "description",
        DirectoryServer::Samba => "info",
    };
    let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, directory.ldaps_port));
    let proxy = CutProxy::start(upstream).await?;
    let url = format!("ldaps://localhost:{}", proxy.address.port());
    let settings = format!("marker_attribute = \"{marker}\"\nexactly_once = true\n");
    let service = suite::service(directory, &url, server.service_dn(), SERVICE, &settings)?;
    let mut random = StdRng::seed_from_u64(args.seed);
    // Undisturbed: how many bytes the server sends until the response is complete. The first change of an entry adds
    // attributes to it, which are in the responses to later searches.
    for new in ["Exactly-Passw0rd-1", "Exactly-Passw0rd-2"] {
        proxy.arm(None);
        let undisturbed = suite::request(&user(FIRST), None, new)?;
        service
            .change_password(&CallContext::default(), &undisturbed)
            .await?;
    }
    let (_, to_client) = proxy.bytes();
    let (mut lost, mut wrong, mut unknown, mut failed_binds) = (0, 0, 0, 0);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..losses * 10 {
        if lost == losses {
            break;
        }
        let name = user(random.random_range(FIRST..USERS));
        let new = format!("Exactly-Passw0rd-{number}-{}", random.random_range(1000..9999));
        let reset = suite::request(&name, None, &new)?;
        let before = directory.password_record(&name).await?;
        let cut = Cut {
            direction: Direction::ToClient,
            after: to_client - random.random_range(1..=80),
            ending: [Ending::Close, Ending::Reset][random.random_range(0..2)],
        };
        proxy.arm(Some(cut));
        let result = service.change_password(&CallContext::default(), &reset).await;
        // A response that came whole needs no second connection.
        let is_lost = proxy.connections() > 1;
        proxy.arm(None);
        let after = directory.password_record(&name).await?;
        let writes = match server {
            DirectoryServer::Samba => version(&after)? - version(&before)?,
            // Each write has a salt of its own, so a record tells only whether there was any.
            DirectoryServer::Slapd | DirectoryServer::Dirsrv => u64::from(after != before),
        };
        failed_binds += directory.failures(&name).await?;
        let outcome = result
            .as_ref()
            .map_or_else(|error| error.outcome().as_str(), |_| "applied");
        let is_right = match outcome {
            "applied" => writes == 1 && directory.accepts(&name, &new).await?,
            "not_applied" => writes == 0,
            _ => writes <= 1,
        };
        if !is_right {
            println!("  reset {number} of {name}, {cut:?}: {result:?}, {writes} writes: WRONG");
            wrong += 1;
        }
        if is_lost {
            lost += 1;
            unknown += usize::from(outcome == "unknown");
            *counts.entry(outcome).or_default() += 1;
        }
    }
    wrong += states(directory, &settings).await?;
    println!(
        "  {:<13} exactly once: {lost} lost responses, {unknown} unknown, {wrong} wrong, {failed_binds} failed binds, {counts:?}",
        server.name()
    );
    Ok(wrong + unknown + (losses - lost))
}

// Accounts whose records are of a special kind, without a fault; counts those that cannot be reset.
async fn states(directory: &Directory, settings: &str) -> Result<usize> {
    let server = directory.server;
    let url = directory.ldaps_url();
    let service = |more: &str| {
        let settings = format!("{settings}{more}");
        suite::service(directory, &url, server.service_dn(), SERVICE, &settings)
    };
    let expiring = if server == DirectoryServer::Samba {
        "must_change = true\n"
    } else {
        ""
    };
    // The second reset finds the user with a password that must be changed, and leaves that so.
    let rows = [
        ("mustchange", "Special-1-Fresh", ""),
        ("expired", "Special-2-Fresh", ""),
        ("nopassword", "Special-3-Fresh", ""),
        ("user2", "Special-4-Fresh", expiring),
        ("user2", "Special-5-Fresh", expiring),
    ];
    let mut wrong = 0;
    for (user, new, more) in rows {
        if user == "nopassword" && server == DirectoryServer::Samba {
            continue;
        }
        let reset = suite::request(user, None, new)?;
        let result = service(more)?
            .change_password(&CallContext::default(), &reset)
            .await;
        let bound = directory.bind(user, new).await?;
        let expires = bound.text.contains("data 773");
        if result.is_err() || expires == more.is_empty() && server == DirectoryServer::Samba {
            println!("  reset of {user} with a marker: {result:?}, then {bound:?}: WRONG");
            wrong += 1;
        }
    }
    Ok(wrong)
}

fn version(record: &[u8]) -> Result<u64> {
    Ok(str::from_utf8(record)?.parse()?)
}
