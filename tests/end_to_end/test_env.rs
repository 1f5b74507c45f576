//! A sandbox inside the test, and a directory with a configuration for it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::binary::Run;
use repass_sandbox::{Options, Provider, Sandbox};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The sandbox's token in every test: a canary that must not appear in any output.
pub(crate) const TOKEN: &str = "canary-token-8151";
/// Alice's user id at Zoom.
pub(crate) const ALICE: &str = "alice@example.com";
/// Alice's user id at the portal.
pub(crate) const ALICE_ID: &str = "a11ce000-0000-4000-8000-000000000001";
/// Alice's initial password at both.
pub(crate) const ALICE_PASSWORD: &str = "Alice-Start-7";

pub(crate) struct TestEnv {
    pub(crate) sandbox: Sandbox,
    folder: TempDir,
    // Carries the sandbox; dropped last.
    _runtime: Runtime,
}

impl TestEnv {
    /// A sandbox with these options, and a configuration for it.
    pub(crate) fn with(options: Options) -> Self {
        let runtime = Runtime::new().unwrap();
        let options = Options {
            token: Some(TOKEN.into()),
            ..options
        };
        let sandbox = runtime.block_on(Sandbox::start_with(options)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let test_env = Self {
            sandbox,
            folder,
            _runtime: runtime,
        };
        test_env.secret("token", TOKEN);
        if let Some(pem) = test_env.sandbox.ca_pem() {
            fs::write(test_env.path("ca.pem"), pem).unwrap();
        }
        test_env.configure(
            test_env.sandbox.zoom_base_url(),
            test_env.sandbox.ca_pem().is_some(),
        );
        test_env
    }

    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    /// Rewrites the configuration with this address for Zoom.
    pub(crate) fn configure(&self, zoom_base_url: &str, ca: bool) {
        let tls = if ca { "tls = { ca_file = \"ca.pem\" }" } else { "" };
        let auth = "auth = { kind = \"bearer\", token = { file = \"token\" } }";
        let identity_base_url = self.sandbox.identity_base_url();
        let text = format!(
            "default_provider = \"zoom\"\n\
             [providers.zoom]\nkind = \"zoom\"\nbase_url = \"{zoom_base_url}\"\n{auth}\n{tls}\n\
             [providers.portal]\nkind = \"identity\"\nbase_url = \"{identity_base_url}\"\n{auth}\n{tls}\n"
        );
        fs::write(self.path("repass.toml"), text).unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn secret(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Runs the binary in the folder, where it finds `repass.toml` by itself.
    pub(crate) fn run(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Run {
        crate::binary::run(self.folder(), arguments, stdin.as_ref())
    }

    /// An administrator's reset of Alice at Zoom.
    pub(crate) fn reset_alice(&self, new: impl AsRef<[u8]>) -> Run {
        self.run(&["reset", ALICE, "--new-password-stdin"], new)
    }

    pub(crate) fn changes(&self) -> usize {
        self.sandbox.changes()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.sandbox.requests().total
    }

    pub(crate) fn accepts(&self, provider: Provider, user: &str, password: &str) -> bool {
        self.sandbox.accepts(provider, user, password)
    }
}

/// The one JSON object that a `--json` run prints.
pub(crate) fn json(run: &Run) -> Value {
    assert_eq!(
        run.stdout.trim_end().lines().count(),
        1,
        "one line of JSON: {run:?}"
    );
    serde_json::from_str(&run.stdout).unwrap()
}
