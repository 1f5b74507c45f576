//! Secret commands that hang.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::binary::{Run, command, finish};
use crate::serve::Serving;
use crate::test_env::{ALICE, TestEnv, json};

/// Both providers' token comes from a program that records its process and its child, and then hangs.
fn hang(test_env: &TestEnv) {
    let program = "echo $$ >> pids; sleep 600 & echo $! >> pids; wait";
    let config = fs::read_to_string(test_env.path("repass.toml")).unwrap();
    let config = config.replace(
        "{ file = \"token\" }",
        &format!("{{ command = [\"sh\", \"-c\", \"{program}\"] }}"),
    );
    fs::write(test_env.path("repass.toml"), config).unwrap();
}

fn pids(folder: &Path) -> Vec<Pid> {
    let noted = fs::read_to_string(folder.join("pids")).unwrap_or_default();
    let noted: Vec<Pid> = noted
        .lines()
        .filter_map(|pid| Pid::from_raw(pid.parse().unwrap()))
        .collect();
    noted
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} never came");
        thread::sleep(Duration::from_millis(10));
    }
}

// What has lost its parent is waited for by init, and until then is a zombie.
fn assert_ended(folder: &Path) {
    for pid in pids(folder) {
        let stat = || fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        wait_for("its end", || {
            test_kill_process(pid).is_err() || stat().map_or(true, |stat| stat.contains(") Z "))
        });
    }
}

#[test]
fn secret_command_that_exceeds_the_budget_exits_7() {
    let test_env = TestEnv::new();
    hang(&test_env);
    let late = "the command `sh` gave no secret within 0.5 s, so nothing was sent";
    for (arguments, stdin) in [
        (
            &["--timeout", "500ms", "reset", ALICE, "--new-password-stdin"][..],
            "New-Passw0rd-1\n",
        ),
        (&["--timeout", "500ms", "doctor"], ""),
        (&["--timeout", "500ms", "config", "check"], ""),
        (&["--timeout", "500ms", "serve", "--listen", "127.0.0.1:0"], ""),
    ] {
        let run = test_env.run(arguments, stdin);
        let reported = format!("{}{}", run.stdout, run.stderr);
        assert!(run.code == 7 && reported.contains(late), "{run:?}");
        // On a busy machine it may be ended before it has noted anything.
        assert_ended(test_env.folder());
        let _ = fs::remove_file(test_env.path("pids"));
    }
    let run = test_env.run(
        &[
            "--json",
            "--timeout",
            "500ms",
            "reset",
            ALICE,
            "--new-password-stdin",
        ],
        "New-Passw0rd-1\n",
    );
    let reported = json(&run);
    assert_eq!(
        (&reported["outcome"], &reported["kind"]),
        (&"not_applied".into(), &"unreachable".into())
    );
    // What else is wrong has to be mended in any case.
    let run = test_env.run(
        &["--timeout", "500ms", "reset", "", "--new-password-stdin"],
        "New-Passw0rd-1\n",
    );
    assert!(run.code == 2 && run.stderr.contains(late), "{run:?}");
    assert_eq!(test_env.requests(), 0);
}

#[test]
fn secret_command_is_ended_by_an_interrupt() {
    let test_env = TestEnv::new();
    hang(&test_env);
    let mut command = command(test_env.folder());
    command.args(["--timeout", "10m", "doctor"]);
    let folder = test_env.folder().to_owned();
    let child = thread::spawn(move || -> Run { finish(command, b"") });
    wait_for("the program", || pids(&folder).len() == 2);
    // The test runs several of them, but only one is the parent of that program.
    let program = pids(&folder)[0].as_raw_nonzero();
    let stat = fs::read_to_string(format!("/proc/{program}/stat")).unwrap();
    let parent = stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap();
    kill_process(Pid::from_raw(parent.parse().unwrap()).unwrap(), Signal::INT).unwrap();
    assert_eq!(child.join().unwrap().code, 130);
    assert_ended(&folder);
    assert_eq!(test_env.requests(), 0);
}

#[test]
fn secret_command_during_a_reload_delays_no_call() {
    let test_env = TestEnv::new();
    let serving = Serving::local(&test_env);
    hang(&test_env);
    serving.signal(Signal::HUP);
    wait_for("the program", || pids(test_env.folder()).len() == 2);
    serving.signal(Signal::TERM);
    assert_eq!(serving.end(), Some(0));
    assert_ended(test_env.folder());
}
