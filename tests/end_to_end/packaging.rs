//! What a package contains besides the binary: version, completions and manual pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::binary::run;

#[test]
fn version_prints_commit_and_features() {
    let folder = tempfile::tempdir().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let short = run(folder.path(), &["-V"], b"");
    assert_eq!((short.code, short.stdout), (0, format!("repass {version}\n")));
    let long = run(folder.path(), &["--version"], b"");
    let lines: Vec<&str> = long.stdout.lines().collect();
    assert_eq!((long.code, lines.len()), (0, 3), "{lines:?}");
    assert_eq!(lines[0], format!("repass {version}"));
    let commit = lines[1].strip_prefix("commit: ").unwrap();
    if cfg!(debug_assertions) && option_env!("REPASS_COMMIT").is_none() {
        assert_eq!(commit, "unknown (a debug build)");
    } else {
        assert!(!commit.is_empty());
    }
    let features = lines[2].strip_prefix("features: ").unwrap();
    let features: Vec<&str> = features.split(", ").collect();
    assert!(features.is_sorted(), "{features:?}");
    for feature in ["cli", "identity", "sandbox", "zoom"] {
        assert!(features.contains(&feature), "{features:?}");
    }
}

#[test]
fn help_describes_bulk_columns_and_the_probe() {
    let folder = tempfile::tempdir().unwrap();
    let help = |words: &[&str]| run(folder.path(), &[words, &["--help"]].concat(), b"").stdout;
    let bulk = help(&["bulk", "run"]);
    for column in ["  user ", "  new_password ", "  current_password ", "  provider "] {
        assert!(bulk.contains(column), "{column}: {bulk}");
    }
    let resolve = help(&["resolve"]);
    assert!(resolve.contains("SETS this password"), "{resolve}");
}

#[test]
fn completions_exist_for_every_shell() {
    let folder = tempfile::tempdir().unwrap();
    let mut scripts = BTreeSet::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = run(folder.path(), &["completions", shell], b"");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{shell}");
        for word in ["resolve", "new-password-stdin"] {
            assert!(run.stdout.contains(word), "{shell}: {word}");
        }
        assert!(scripts.insert(run.stdout), "{shell} has another one's script");
    }
    let script = folder.path().join("script");
    fs::write(&script, run(folder.path(), &["completions", "bash"], b"").stdout).unwrap();
    let read = Command::new("bash").arg("-n").arg(&script).status().unwrap();
    assert!(read.success());
    let other = run(folder.path(), &["completions", "tcsh"], b"");
    assert_eq!((other.code, other.stdout.as_str()), (2, ""));
    assert!(other.stderr.contains("powershell"), "{}", other.stderr);
}

fn pages(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| entry.file_name().into_string().unwrap());
    named
        .map(|name| {
            let page = fs::read_to_string(folder.join(&name)).unwrap();
            (name, page)
        })
        .collect()
}

#[test]
fn man_pages_exist_for_every_command_and_are_reproducible() {
    let folder = tempfile::tempdir().unwrap();
    for into in ["one", "more/than/one"] {
        let run = run(folder.path(), &["man", into], b"");
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run:?}");
    }
    let written = pages(&folder.path().join("one"));
    assert_eq!(written, pages(&folder.path().join("more/than/one")));
    for (name, page) in &written {
        for section in [
            "SYNOPSIS",
            "DESCRIPTION",
            "EXIT STATUS",
            "ENVIRONMENT",
            "FILES",
            "EXAMPLES",
        ] {
            let text = page.split(&format!(".SH \"{section}\"\n")).nth(1);
            let text = text.or_else(|| page.split(&format!(".SH {section}\n")).nth(1));
            let text = text.and_then(|text| text.split(".SH").next()).unwrap_or_default();
            assert!(text.trim().len() > 5, "{name}: {section}: {text}");
        }
        assert!(
            page.contains("REPASS_CONFIG") && page.contains("/etc/repass/config.toml"),
            "{name}"
        );
    }
    let run_page = &written["repass-bulk-run.1"];
    assert!(
        run_page.contains("\\-\\-canary") && run_page.contains("current_password"),
        "{run_page}"
    );
    let first = run(folder.path(), &["man"], b"");
    assert_eq!((first.code, &first.stdout), (0, &written["repass.1"]));
    let nowhere = run(folder.path(), &["man", "one/repass.1/no"], b"");
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    assert!(
        nowhere.stderr.contains("cannot write to one/repass.1/no: "),
        "{}",
        nowhere.stderr
    );
}
