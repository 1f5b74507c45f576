//! Sets the commit that `repass --version` prints.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=REPASS_BUILT_FROM={}", commit());
}

// Reproducible: depends on neither time nor machine.
fn commit() -> String {
    println!("cargo::rerun-if-env-changed=REPASS_COMMIT");
    if let Some(given) = env::var("REPASS_COMMIT").ok().filter(|it| !it.is_empty()) {
        return given;
    }
    // Debug builds are not rebuilt after each commit.
    if env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        return "unknown (a debug build)".to_owned();
    }
    // In a source archive inside another repository, git would return that repository's commit.
    let found = git(&["ls-files", "--error-unmatch", "build.rs"]).and_then(|_| git(&["rev-parse", "HEAD"]));
    let Some(commit) = found else {
        return "unknown (built without git; set REPASS_COMMIT to specify it)".to_owned();
    };
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for place in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        // A missing file would rerun this script on every build.
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
