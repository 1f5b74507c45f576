//! `repass sandbox` as another process, and `--sandbox` inside one.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::binary::command;
use serde_json::Value;
use tempfile::TempDir;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &TempDir, extra: &[&str]) -> (Running, Value) {
    let config = folder.path().join("made/repass.toml");
    let mut command = command(folder.path());
    command
        .args(["sandbox", "--listen", "127.0.0.1:0", "--write-config"])
        .arg(&config)
        .args(extra);
    let mut child = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

#[test]
fn sandbox_startup_line_and_configuration_suffice_to_use_it() {
    for tls in [&[][..], &["--tls"]] {
        let folder = tempfile::tempdir().unwrap();
        let (_running, announced) = start(&folder, tls);
        let user = announced["users"]
            .as_array()
            .unwrap()
            .iter()
            .find(|user| user["provider"] == "identity");
        let (id, password) = (
            user.unwrap()["id"].as_str().unwrap(),
            user.unwrap()["password"].as_str().unwrap(),
        );
        let arguments = ["-c", "made/repass.toml", "-p", "portal", "change", id];
        let passwords = ["--current-password-stdin", "--new-password-stdin"];
        let stdin = format!("{password}\nNew-Passw0rd-1\n");
        let run = crate::binary::run(
            folder.path(),
            &[&arguments[..], &passwords].concat(),
            stdin.as_bytes(),
        );
        assert_eq!(run.code, 0, "{run:?}");
        let reset = [
            "-c",
            "made/repass.toml",
            "-p",
            "zoom",
            "reset",
            "alice@example.com",
            "--new-password-stdin",
        ];
        let run = crate::binary::run(folder.path(), &reset, b"New-Passw0rd-1\n");
        assert_eq!(run.code, 0, "{run:?}");
    }
}

#[test]
fn sandbox_has_numbered_and_seeded_users() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, announced) = start(
        &folder,
        &["--users", "3", "--user", "zoom:dora@example.com=Dora-Start-7"],
    );
    assert_eq!(announced["numbered_users"]["count"], 3);
    for (user, code) in [
        ("user000003@example.com", 0),
        ("user000004@example.com", 5),
        ("dora@example.com", 0),
    ] {
        let arguments = ["-c", "made/repass.toml", "reset", user, "--new-password-stdin"];
        let run = crate::binary::run(folder.path(), &arguments, b"New-Passw0rd-1\n");
        assert_eq!(run.code, code, "{user}: {run:?}");
    }
}

#[test]
fn sandbox_option_runs_a_command_against_its_own_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    for provider in [&[][..], &["-p", "zoom"]] {
        let arguments = ["--sandbox", "reset", "alice@example.com", "--new-password-stdin"];
        let run = crate::binary::run(
            folder.path(),
            &[provider, &arguments].concat(),
            b"New-Passw0rd-1\n",
        );
        assert_eq!(run.code, 0, "{run:?}");
    }
}
