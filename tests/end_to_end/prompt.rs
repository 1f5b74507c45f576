//! Prompts, at a pseudo-terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use repass_sandbox::Provider;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::test_env::{ALICE, TestEnv};

/// The binary at a terminal.
struct AtTerminal {
    keyboard: File,
    screen: Receiver<u8>,
    shown: String,
    child: Child,
}

impl AtTerminal {
    fn start(test_env: &TestEnv, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let path = std::ffi::OsStr::from_bytes(name.as_bytes());
        let slave = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        // Part of util-linux: runs the command in a new session with this terminal.
        let child = Command::new("/usr/bin/setsid")
            .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_repass")])
            .args(arguments)
            .env_clear()
            .current_dir(test_env.folder())
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .unwrap();
        drop(slave);
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            // An error is the end: the last process has closed the terminal.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                for byte in &buffer[..count] {
                    let _ = sender.send(*byte);
                }
            }
        });
        Self {
            keyboard,
            screen,
            shown: String::new(),
            child,
        }
    }

    /// Waits for a text after the text awaited before, then types.
    fn answer(&mut self, prompt: &str, keys: &str) {
        let mut since = String::new();
        while !since.ends_with(prompt) {
            let byte = self.screen.recv_timeout(Duration::from_secs(60));
            let byte =
                byte.unwrap_or_else(|error| panic!("{error}, waiting for {prompt:?}: {:?}", self.shown));
            since.push(char::from(byte));
            self.shown.push(char::from(byte));
        }
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// The exit code and the terminal's output.
    fn end(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let rest: Vec<u8> = self.screen.iter().collect();
        self.shown.push_str(&String::from_utf8_lossy(&rest));
        (code, self.shown)
    }
}

const NEW: &str = "New-Passw0rd-1";
const AGAIN: &str = " again: ";

fn asked(test_env: &TestEnv) -> AtTerminal {
    AtTerminal::start(test_env, &["reset", ALICE])
}

#[test]
fn prompt_strips_bracketed_paste_marks() {
    let test_env = TestEnv::new();
    let mut terminal = asked(&test_env);
    terminal.answer(": ", &format!("\u{1b}[200~{NEW}\u{1b}[201~\n"));
    terminal.answer(AGAIN, &format!("{NEW}\n"));
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains(NEW), "{shown}");
    assert!(test_env.accepts(Provider::Zoom, ALICE, NEW));
}

#[test]
fn prompt_names_user_and_provider() {
    let test_env = TestEnv::new();
    let mut terminal = asked(&test_env);
    terminal.answer(
        "New password for alice@example.com at zoom: ",
        &format!("{NEW}\n"),
    );
    terminal.answer(
        "New password for alice@example.com at zoom again: ",
        &format!("{NEW}\n"),
    );
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn prompt_rejects_control_characters_at_once() {
    let test_env = TestEnv::new();
    let mut terminal = asked(&test_env);
    terminal.answer(": ", &format!("{NEW}\u{1b}[D\n"));
    let (code, shown) = terminal.end();
    assert_eq!((code, test_env.changes()), (3, 0), "{shown}");
    assert!(
        shown.contains("it holds an escape character (U+001B) after 14 characters") && !shown.contains(AGAIN),
        "{shown}"
    );
}

#[test]
fn prompt_distinguishes_end_of_input_from_an_empty_line() {
    let test_env = TestEnv::new();
    for (keys, why) in [
        ("\u{4}", "no input for the new password; nothing was sent"),
        ("\n", "the new password is empty; nothing was sent"),
    ] {
        let mut terminal = asked(&test_env);
        terminal.answer(": ", keys);
        let (code, shown) = terminal.end();
        assert_eq!((code, test_env.requests()), (2, 0), "{shown}");
        assert!(shown.contains(why) && !shown.contains(AGAIN), "{shown}");
    }
}

#[test]
fn prompt_repeats_for_different_entries_up_to_a_limit() {
    let test_env = TestEnv::new();
    let mut terminal = asked(&test_env);
    for _ in 0..2 {
        terminal.answer(": ", &format!("{NEW}\n"));
        terminal.answer(AGAIN, "New-Passw0rd-2\n");
        terminal.answer("do not match; try again.", "");
    }
    terminal.answer(": ", &format!("{NEW}\n"));
    terminal.answer(AGAIN, &format!("{NEW}\n"));
    let (code, shown) = terminal.end();
    assert_eq!((code, test_env.changes()), (0, 1), "{shown}");
    assert!(test_env.accepts(Provider::Zoom, ALICE, NEW));

    let mut terminal = asked(&test_env);
    for _ in 0..3 {
        terminal.answer(": ", &format!("{NEW}\n"));
        terminal.answer(AGAIN, "New-Passw0rd-2\n");
        terminal.answer("do not match; try again.", "");
    }
    let (code, shown) = terminal.end();
    assert_eq!((code, test_env.changes()), (2, 1), "{shown}");
    assert!(shown.contains("did not match 3 times"), "{shown}");
}

// What a shell does on Ctrl-Z and `fg`.
#[test]
fn prompt_disables_echo_again_after_a_stop() {
    let test_env = TestEnv::new();
    let mut terminal = asked(&test_env);
    terminal.answer(": ", "half-typed");
    let process = Pid::from_child(&terminal.child);
    kill_process(process, Signal::STOP).unwrap();
    while state(process) != "T" {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut modes = tcgetattr(&terminal.keyboard).unwrap();
    assert!(!modes.local_modes.contains(LocalModes::ECHO));
    modes.local_modes.insert(LocalModes::ECHO);
    tcsetattr(&terminal.keyboard, OptionalActions::Now, &modes).unwrap();
    kill_process(process, Signal::CONT).unwrap();
    // It asks again, and what was typed before is gone.
    terminal.answer(": ", &format!("{NEW}\n"));
    terminal.answer(AGAIN, &format!("{NEW}\n"));
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains(NEW), "{shown}");
    assert!(test_env.accepts(Provider::Zoom, ALICE, NEW));
}

#[test]
fn prompt_restores_echo_however_it_ends() {
    let test_env = TestEnv::new();
    for signal in [Signal::INT, Signal::TERM, Signal::QUIT, Signal::HUP] {
        let mut terminal = asked(&test_env);
        terminal.answer(": ", "");
        let keyboard = terminal.keyboard.try_clone().unwrap();
        kill_process(Pid::from_child(&terminal.child), signal).unwrap();
        let status = terminal.child.wait().unwrap();
        let modes = tcgetattr(&keyboard).unwrap();
        assert!(
            modes.local_modes.contains(LocalModes::ECHO),
            "{signal:?}: {status:?}"
        );
        assert_eq!((status.code(), test_env.requests()), (Some(130), 0), "{signal:?}");
    }
}

fn state(process: Pid) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap();
    let behind_name = stat.rsplit_once(") ").unwrap().1;
    behind_name.split(' ').next().unwrap().to_owned()
}
