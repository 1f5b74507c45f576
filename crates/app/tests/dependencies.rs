//! The packages that an embedder compiles.

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn dependency_tree_of_one_provider_has_at_most_125_packages() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "-p",
            "repass",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--no-default-features", "--features", "zoom"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let packages: BTreeSet<&str> = text.lines().filter(|line| !line.ends_with("(*)")).collect();
    assert!(packages.len() <= 125, "{}:\n{packages:#?}", packages.len());
}
