//! One reset over HTTPS by a command, from its start to its end.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use repass_sandbox::Sandbox;

use super::run::{token, write};
use super::table::{Table, median};

const USER: &str = "00000000-0000-4000-8000-000000000001";
const PASSWORD: &str = "Passw0rd-of-user-1";

pub(crate) fn compare(table: &mut Table, target: &Path, sandbox: &Sandbox, rounds: usize) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let path = |name: &str| folder.path().join(name);
    let (base_url, token) = (sandbox.identity_base_url(), token(sandbox));
    for (name, text) in [
        ("ca.pem", sandbox.ca_pem().unwrap_or_default()),
        ("token", &token),
        ("password", PASSWORD),
        ("users.csv", &format!("{USER},{PASSWORD},{PASSWORD}")),
        (
            "repass.toml",
            &format!(
                "[providers.portal]\nkind = \"identity\"\nbase_url = \"{base_url}\"\n\
                 auth = {{ kind = \"bearer\", token = {{ file = \"token\" }} }}\ntls = {{ ca_file = \"ca.pem\" }}\n"
            ),
        ),
    ] {
        write(&path(name), text);
    }
    let repass = command(
        &target.join("release/repass"),
        &[
            "-c",
            "repass.toml",
            "reset",
            USER,
            "--new-password-file",
            "password",
        ],
    );
    let authorization = format!("Authorization: Bearer {token}");
    let body = format!("{{\"password\":\"{PASSWORD}\"}}");
    let url = format!("{base_url}/api/User/{USER}");
    let curl = command(
        Path::new("curl"),
        &[
            "-sf",
            "--cacert",
            "ca.pem",
            "-X",
            "PUT",
            "-H",
            &authorization,
            "-H",
            "Content-Type: application/json",
            "-d",
            &body,
            &url,
        ],
    );
    let hyper = command(
        &target.join("release/load"),
        &[
            "--stack",
            "hyper",
            "--provider",
            "identity",
            "--base-url",
            base_url,
            "--token",
            &token,
            "--ca",
            "ca.pem",
            "--users",
            "users.csv",
            "--concurrency",
            "1",
        ],
    );
    let mut commands = [repass, curl, hyper];
    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..rounds {
        for (command, times) in commands.iter_mut().zip(&mut times) {
            command.current_dir(folder.path());
            times.push(milliseconds(command));
        }
    }
    let [repass, curl, hyper] = times.map(median);
    table.pair(
        "one reset over HTTPS, start to exit, compared with curl: ms",
        repass,
        curl,
        0.5,
    );
    table.pair(
        "the same compared with a program of hyper alone: ms",
        repass,
        hyper,
        1.5,
    );
}

fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn milliseconds(command: &mut Command) -> f64 {
    let start = Instant::now();
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        status.success(),
        "{} ended with {status}",
        command.get_program().display()
    );
    start.elapsed().as_secs_f64() * 1e3
}
