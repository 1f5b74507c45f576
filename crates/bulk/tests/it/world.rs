//! A folder for runs, and everyday ways to make them.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use repass_bulk::{
    BulkError, Hooks, Input, Key, OnUnknown, PasswordSource, Progress, ProviderNames, Recipients, ReportRow,
    RowEvent, RowSource, RowStatus, Run, RunManifest, RunReader, SecretStatus, SecretsProtection,
    SessionOptions, Shutdown, StopReason,
};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::service::Service;

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) service: Arc<Service>,
    key: String,
    recipient: String,
}

/// A password of the file of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) line: u64,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) state: SecretStatus,
}

impl World {
    pub(crate) fn new(users: &[&str]) -> Self {
        let identity = age::x25519::Identity::generate();
        #[expect(clippy::disallowed_methods, reason = "made up for the test")]
        let key = identity.to_string().expose_secret().to_owned();
        Self {
            folder: tempfile::tempdir().unwrap(),
            service: Service::new(users),
            key,
            recipient: identity.to_public().to_string(),
        }
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    pub(crate) fn secrets_file(&self) -> PathBuf {
        self.folder.path().join("secrets.age")
    }

    pub(crate) fn to(&self) -> SecretsProtection {
        SecretsProtection::Recipients(Recipients::new([&self.recipient]).unwrap())
    }

    pub(crate) fn key(&self) -> Key {
        Key::in_file(&self.key).unwrap()
    }

    pub(crate) fn input(text: &str, passwords: PasswordSource) -> Result<Input, BulkError> {
        let source = Box::new(Cursor::new(text.as_bytes().to_vec()));
        Input::new(
            source,
            "input",
            ProviderNames::new(["zoom"], Some("zoom")),
            passwords,
        )
    }

    /// Begins a run that makes passwords for these users.
    pub(crate) fn begin(&self, users: &[&str]) -> (Run, RunManifest) {
        let manifest = RunManifest {
            passwords: PasswordSource::Generated,
            input: None,
            provider: None,
            secrets: None,
        };
        let (mut run, manifest) =
            Run::create(&self.run(), manifest, Some((self.secrets_file(), self.to()))).unwrap();
        let text = format!("user\n{}\n", users.join("\n"));
        run.ingest(Self::input(&text, PasswordSource::Generated).unwrap())
            .unwrap();
        (run, manifest)
    }

    /// Goes on until it ends by itself.
    pub(crate) async fn go(
        &self,
        run: Run,
        manifest: &RunManifest,
        options: SessionOptions,
    ) -> (Run, StopReason) {
        self.feed(run, manifest, vec![RowSource::Journal], options).await
    }

    pub(crate) async fn feed(
        &self,
        run: Run,
        manifest: &RunManifest,
        sources: Vec<RowSource>,
        options: SessionOptions,
    ) -> (Run, StopReason) {
        let (_haste, listen) = watch::channel(Shutdown::None);
        let events = |event: &RowEvent<'_>| {
            assert!(event.line > 0);
        };
        let progress = Arc::new(Progress::from(run.tally().unwrap()));
        let gone = run.execute(
            manifest,
            vec![self.service.provider()],
            sources,
            options,
            Hooks {
                progress: Arc::clone(&progress),
                shutdown: listen,
                on_row: Box::new(events),
            },
        );
        let (run, stopped) = gone.await.unwrap();
        if !matches!(stopped, StopReason::Error(_)) {
            assert_eq!(
                progress.tally(),
                run.tally().unwrap(),
                "what is watched is what is journalled"
            );
        }
        (run, stopped)
    }

    pub(crate) fn outcomes(&self) -> Vec<(u64, RowStatus)> {
        self.records().iter().map(|row| (row.line, row.outcome)).collect()
    }

    pub(crate) fn records(&self) -> Vec<ReportRow> {
        let mut records = Vec::new();
        let take = |record| {
            records.push(record);
            Ok(())
        };
        RunReader::open(&self.run())
            .unwrap()
            .for_each_row(None, take)
            .unwrap();
        records
    }

    #[expect(clippy::disallowed_methods, reason = "made up for the test")]
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let run = RunReader::open(&self.run()).unwrap();
        let mut secrets = Vec::new();
        repass_bulk::read_secrets(&self.secrets_file(), &self.key(), |opened| {
            secrets.push(Secret {
                line: opened.line,
                user: opened.user.clone(),
                password: opened.new_password.expose_secret().to_owned(),
                state: run.secret_status(&opened)?,
            });
            Ok(())
        })
        .unwrap();
        secrets
    }

    /// Every current password is accepted, and every user whose row is applied has exactly one, or several candidates
    /// of which one is accepted.
    pub(crate) fn assert_current(&self) {
        let secrets = self.secrets();
        let accepted = |secret: &&Secret| self.service.accepts(&secret.user, &secret.password);
        for row in self
            .records()
            .iter()
            .filter(|row| row.outcome == RowStatus::Applied)
        {
            let of_row = |state| {
                let secrets = secrets.iter();
                secrets.filter(move |secret| secret.line == row.line && secret.state == state)
            };
            let current = of_row(SecretStatus::Current).count();
            let candidates = of_row(SecretStatus::Candidate).count();
            assert!(
                (current, candidates) == (1, 0) || (current == 0 && candidates > 1),
                "line {}",
                row.line
            );
            let all = of_row(SecretStatus::Current).chain(of_row(SecretStatus::Candidate));
            assert_eq!(all.filter(accepted).count(), 1, "line {}", row.line);
        }
    }

    /// No password is in any file of the run, in clear.
    pub(crate) fn assert_nothing_in_clear(&self) {
        let passwords: Vec<String> = self.secrets().into_iter().map(|secret| secret.password).collect();
        assert!(!passwords.is_empty(), "there is something to look for");
        let in_run = fs::read_dir(self.run())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        for file in in_run.chain([self.secrets_file()]) {
            let bytes = fs::read(&file).unwrap();
            for password in &passwords {
                let found = bytes
                    .windows(password.len())
                    .any(|window| window == password.as_bytes());
                assert!(!found, "{}", file.display());
            }
        }
    }
}

pub(crate) fn options() -> SessionOptions {
    SessionOptions {
        concurrency: 8,
        budget: Duration::from_secs(30),
        max_failures: None,
        max_unknown: None,
        on_unknown: OnUnknown::Leave,
        in_flight_window: Duration::ZERO,
        canary: None,
    }
}
