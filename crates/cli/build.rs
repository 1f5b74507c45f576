//! Tells the command line which commit it is built from: `repass --version`.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=REPASS_BUILT_FROM={}", commit());
}

// Nothing of the time or the machine goes in: the same sources give the same answer.
fn commit() -> String {
    println!("cargo::rerun-if-env-changed=REPASS_COMMIT");
    if let Some(given) = env::var("REPASS_COMMIT").ok().filter(|it| !it.is_empty()) {
        return given;
    }
    // They would be built anew after each commit.
    if env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        return "unknown (a debug build)".to_owned();
    }
    // In an archive inside somebody else's repository, theirs would be the wrong one.
    let found = git(&["ls-files", "--error-unmatch", "build.rs"]).and_then(|_| git(&["rev-parse", "HEAD"]));
    let Some(commit) = found else {
        return "unknown (built without git; set REPASS_COMMIT to tell it)".to_owned();
    };
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for place in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        // A file that is not there would have all of this done each time.
        let path = git(&["rev-parse", "--path-format=absolute", "--git-path", place]);
        if let Some(path) = path.filter(|path| std::fs::exists(path).is_ok_and(|exists| exists)) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    commit
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
