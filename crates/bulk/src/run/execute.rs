//! One session of a run: starts its threads, runs it and collects the result.

use std::sync::{Arc, mpsc as std_mpsc};
use std::thread;
use std::time::Duration;

use repass_domain::UserKey;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::accounts::Accounts;
use super::change::CallOptions;
use super::journal_writer::JournalWriter;
use super::manifest::{RunManifest, SecretsPlace};
use super::now;
use super::opened_run::Run;
use super::options::{Hooks, SessionOptions, StopReason};
use super::password_sealer::PasswordSealer;
use super::row_source::{ProviderIndex, ReadAhead, RowSource, feed};
use super::run_name::RunName;
use super::send_gate::Gatekeeper;
use super::session::{InFlight, Session, sealed_ahead};
use crate::journal::JournalReader;
use crate::secrets::SecretsWriter;
use crate::{BulkError, PasswordSource, Provider, Recipients};

impl Run {
    /// Executes the run until its row sources are exhausted or something stops it. A row's password and then its
    /// intent are durable before it is sent; its outcome is recorded right after.
    ///
    /// Returns the run and the reason why the session stopped. Every outcome that could be written is in the journal.
    ///
    /// # Errors
    /// The session could not start; nothing was sent.
    ///
    /// # Cancellation
    /// Dropping the future leaves rows as a crash would: changes in flight become unknown, and nothing is lost. Send
    /// [`Shutdown`](crate::Shutdown) instead.
    pub async fn execute(
        self,
        manifest: &RunManifest,
        providers: Vec<Provider>,
        sources: Vec<RowSource>,
        options: SessionOptions,
        hooks: Hooks,
    ) -> Result<(Self, StopReason), BulkError> {
        let (terms, known) = (manifest.clone(), providers.clone());
        let budget = options.budget;
        // The journal may be at the other end of a network.
        let started = tokio::task::spawn_blocking(move || self.start(&terms, &known, budget));
        let Started {
            run:
                Self {
                    name,
                    journal,
                    lock,
                    given_to,
                },
            secrets,
            session,
            numbers,
            max_attempt_ms,
            index,
            accounts,
            reader,
        } = started
            .await
            .map_err(|error| BulkError::internal(error.to_string()))??;
        let (may_send, is_shared) = (journal.may_send(), journal.is_shared());
        let ahead = if is_shared {
            let most = u32::try_from(sealed_ahead(options.concurrency)).unwrap_or(u32::MAX);
            ReadAhead::Few(most, Handle::current())
        } else {
            ReadAhead::Free
        };
        let (batches, source_batches) = mpsc::channel(4);
        let source = thread_named("bulk-source")
            .spawn(move || feed(sources, &*reader, &index, &batches, &ahead))
            .map_err(|error| {
                BulkError::internal(format!("cannot start the thread for the input: {error}"))
            })?;
        let (requests, received) = std_mpsc::channel();
        let writer = JournalWriter {
            journal,
            numbers,
            max_attempt_ms,
            session,
            unwritten: Vec::new(),
            lock,
        };
        let sealer = PasswordSealer {
            secrets,
            providers: providers.clone(),
        };
        let (seals, to_seal) = std_mpsc::channel();
        let sealer = thread_named("bulk-secrets")
            .spawn(move || sealer.run(&to_seal))
            .map_err(|error| {
                BulkError::internal(format!("cannot start the thread for the secrets: {error}"))
            })?;
        let writer = thread_named("bulk-journal")
            .spawn(move || {
                let writer = writer.run(&received);
                // The lock is held until neither writes.
                let _ = sealer.join();
                writer
            })
            .map_err(|error| {
                BulkError::internal(format!("cannot start the thread for the journal: {error}"))
            })?;
        let (request_sender, send_requests) = mpsc::unbounded_channel();
        let gatekeeper = Gatekeeper {
            requests: request_sender,
            may_send,
        };
        let call_options = CallOptions {
            on_unknown: options.on_unknown,
            budget: options.budget,
            gatekeeper,
            accounts,
        };
        let session_of_rows = Session {
            providers: providers.into_iter().map(Arc::new).collect(),
            passwords: manifest.passwords,
            options,
            hooks,
            source: source_batches,
            writes: requests,
            seals,
            send_requests,
            call_options,
            is_shared,
            state: InFlight::default(),
        };
        // As a task, on the same threads as the calls: from outside the runtime each call would cost two wake-ups. It is
        // aborted if this future is dropped.
        let mut running = JoinSet::new();
        running.spawn(session_of_rows.run());
        let stopped = match running.join_next().await {
            Some(Ok(stopped)) => stopped,
            _ => StopReason::Error(BulkError::internal(
                "the session failed; changes in flight are unknown",
            )),
        };
        // The session is gone, so all threads end, unless a source blocks on its input.
        drop(source);
        Self::end((name, given_to), writer, session, stopped).await
    }

    /// Waits until everything is written, and ends the session.
    async fn end(
        (name, given_to): (RunName, Option<Recipients>),
        writer: thread::JoinHandle<JournalWriter>,
        session: u64,
        stopped: StopReason,
    ) -> Result<(Self, StopReason), BulkError> {
        let ended = tokio::task::spawn_blocking(move || {
            let mut writer = writer.join().ok()?;
            let recorded = writer.journal.end_session(session, now());
            Some((writer, recorded))
        });
        let Ok(Some((
            JournalWriter {
                journal,
                unwritten,
                lock,
                ..
            },
            recorded,
        ))) = ended.await
        else {
            return Err(BulkError::internal(
                "the journal's thread failed; changes in flight are unknown",
            ));
        };
        let unwritten = unwritten.len();
        let run = Self {
            name,
            journal,
            lock,
            given_to,
        };
        let stopped = match (stopped, recorded) {
            (stopped, _) if unwritten > 0 => StopReason::Error(BulkError::internal(format!(
                "{}; the outcomes of {unwritten} rows could not be written, so they count as unknown",
                reason(&stopped)
            ))),
            (stopped @ StopReason::Error(_), _) | (stopped, Ok(())) => stopped,
            (_, Err(problem)) => StopReason::Error(problem),
        };
        Ok((run, stopped))
    }
}

/// A run whose session has begun.
struct Started {
    run: Run,
    secrets: Option<SecretsWriter>,
    session: u64,
    numbers: Vec<u64>,
    max_attempt_ms: Vec<i64>,
    index: ProviderIndex,
    accounts: Arc<Accounts>,
    reader: Box<dyn JournalReader>,
}

impl Run {
    /// Begins a session.
    fn start(
        mut self,
        manifest: &RunManifest,
        providers: &[Provider],
        budget: Duration,
    ) -> Result<Started, BulkError> {
        let secrets = self.secrets_writer(manifest)?;
        let systems = providers.iter().filter_map(Provider::identity);
        self.bind(&systems.collect::<Vec<_>>(), &[])?;
        // Attempts whose ends an earlier session could not write.
        self.journal.mark_interrupted(now())?;
        let session = self.journal.begin_session(now())?;
        let (numbers, max_attempt_ms) = self.register(providers, budget)?;
        let names = providers.iter().map(|provider| provider.name().to_owned());
        let index = ProviderIndex {
            providers: names.zip(numbers.iter().copied()).collect(),
        };
        Ok(Started {
            accounts: self.accounts(&index)?,
            reader: self.journal.reader()?,
            run: self,
            secrets,
            session,
            numbers,
            max_attempt_ms,
            index,
        })
    }

    fn secrets_writer(&self, manifest: &RunManifest) -> Result<Option<SecretsWriter>, BulkError> {
        let kept = manifest.secrets.as_ref();
        Ok(
            match kept.filter(|_| manifest.passwords == PasswordSource::Generated) {
                Some((SecretsPlace::File(path), recipients)) => {
                    Some(SecretsWriter::open(path, recipients.clone())?)
                }
                Some((SecretsPlace::Journal, recipients)) => {
                    let store = self.journal.sealed_store();
                    let store = store.ok_or_else(|| BulkError::internal("the journal keeps no passwords"))?;
                    Some(SecretsWriter::new(store, recipients.clone()))
                }
                None => None,
            },
        )
    }

    /// Stores the providers with their limits. Returns their ids and attempt timeouts in milliseconds.
    fn register(
        &mut self,
        providers: &[Provider],
        budget: Duration,
    ) -> Result<(Vec<u64>, Vec<i64>), BulkError> {
        let (mut numbers, mut max_attempt_ms) = (Vec::new(), Vec::new());
        for provider in providers {
            let number = self.journal.provider_id(provider.name())?;
            let attempt = provider.attempt_timeout.unwrap_or(budget);
            let attempt = i64::try_from(attempt.min(budget).as_millis()).unwrap_or(i64::MAX / 4);
            self.journal.set_limits(number, provider.allowed, attempt)?;
            numbers.push(number);
            max_attempt_ms.push(attempt);
        }
        Ok((numbers, max_attempt_ms))
    }

    /// The accounts that earlier sessions have changed.
    fn accounts(&self, index: &ProviderIndex) -> Result<Arc<Accounts>, BulkError> {
        let accounts = Accounts::default();
        for (number, account, line) in self.journal.accounts()? {
            let known = index.providers.iter().find(|(_, known)| *known == number);
            if let Some((name, _)) = known {
                accounts.load(name, &UserKey::exact(&account), line);
            }
        }
        Ok(Arc::new(accounts))
    }
}

fn thread_named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

fn reason(stopped: &StopReason) -> String {
    match stopped {
        StopReason::Error(problem) => problem.to_string(),
        _ => "the journal cannot be written".to_owned(),
    }
}
