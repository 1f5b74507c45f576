//! One session of a run, from its threads' start to their end.

use std::sync::{Arc, mpsc as std_mpsc};
use std::thread;

use repass_domain::UserKey;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::accounts::Accounts;
use super::change::CallOptions;
use super::journal_writer::JournalWriter;
use super::manifest::RunManifest;
use super::now;
use super::options::{Hooks, SessionOptions, StopReason};
use super::row_source::{ProviderIndex, RowSource, feed};
use super::run_dir::Run;
use super::session::{InFlight, Session};
use crate::secrets::SecretsWriter;
use crate::{BulkError, Provider};

impl Run {
    /// Goes on with the run until its sources are exhausted or something stops it. Every row's intent is on the
    /// disk before it is sent, and its password before that; what became of it follows at once.
    ///
    /// The run is given back with the reason for the end; every outcome that could be written is.
    ///
    /// # Errors
    /// The session could not begin; nothing was sent.
    ///
    /// # Cancellation
    /// Dropping the future leaves rows as a crash would: what is under way is unknown, nothing is lost. Send
    /// [`Shutdown`](crate::Shutdown) instead.
    pub async fn execute(
        mut self,
        manifest: &RunManifest,
        providers: Vec<Provider>,
        sources: Vec<RowSource>,
        options: SessionOptions,
        hooks: Hooks,
    ) -> Result<(Self, StopReason), BulkError> {
        let secrets = match &manifest.secrets {
            Some((path, recipients)) => Some(SecretsWriter::open(path, recipients.clone())?),
            None => None,
        };
        let systems = providers.iter().filter_map(Provider::identity);
        self.bind(&systems.collect::<Vec<_>>(), &[])?;
        // Whatever a session before this one could not write.
        self.journal.mark_interrupted(now())?;
        let session = self.journal.begin_session(now())?;
        let (mut numbers, mut longest) = (Vec::new(), Vec::new());
        for provider in &providers {
            let number = self.journal.provider_id(provider.name())?;
            let attempt = provider.attempt_timeout.unwrap_or(options.budget);
            let attempt = i64::try_from(attempt.min(options.budget).as_millis()).unwrap_or(i64::MAX / 4);
            self.journal.set_limits(number, provider.allowed, attempt)?;
            numbers.push(number);
            longest.push(attempt);
        }
        let named_as = providers.iter().map(|provider| provider.name().to_owned());
        let places = ProviderIndex {
            providers: named_as.zip(numbers.iter().copied()).collect(),
        };
        let accounts = self.accounts(&places)?;
        let (feeds, fed) = mpsc::channel(4);
        let reader = self.reader()?;
        let source = named("bulk-source")
            .spawn(move || feed(sources, &reader, &places, &feeds))
            .map_err(|error| BulkError::internal(format!("no thread for the input: {error}")))?;
        let (orders, ordered) = std_mpsc::channel();
        let Self {
            folder,
            journal,
            lock,
        } = self;
        let writer = JournalWriter {
            journal,
            secrets,
            providers: providers.clone(),
            numbers,
            longest,
            session,
            owed: Vec::new(),
            lock,
        };
        let writer = named("bulk-journal")
            .spawn(move || writer.run(&ordered))
            .map_err(|error| BulkError::internal(format!("no thread for the journal: {error}")))?;
        let (asking, asks) = mpsc::unbounded_channel();
        let call_options = CallOptions {
            on_unknown: options.on_unknown,
            budget: options.budget,
            asks: asking,
            accounts,
        };
        let session_of_rows = Session {
            providers: providers.into_iter().map(Arc::new).collect(),
            passwords: manifest.passwords,
            options,
            hooks,
            feeds: fed,
            orders,
            asks,
            call_options,
            state: InFlight::default(),
        };
        // On the runtime's own threads, where the calls are: from outside each call would cost two wake-ups. Dropped
        // with this future, it ends.
        let mut running = JoinSet::new();
        running.spawn(session_of_rows.run());
        let stopped = match running.join_next().await {
            Some(Ok(stopped)) => stopped,
            _ => StopReason::Error(BulkError::internal(
                "the session broke; what was under way is unknown",
            )),
        };
        // The session is gone, so both threads end, unless a source waits for input that nobody stops.
        drop(source);
        let ended = tokio::task::spawn_blocking(move || writer.join()).await;
        let Ok(Ok(JournalWriter {
            journal, owed, lock, ..
        })) = ended
        else {
            return Err(BulkError::internal(
                "the journal's thread broke; what was under way is unknown",
            ));
        };
        let unwritten = owed.len();
        let run = Self {
            folder,
            journal,
            lock,
        };
        let noted = run.journal.end_session(session, now());
        let stopped = match (stopped, noted) {
            (stopped, _) if unwritten > 0 => StopReason::Error(BulkError::internal(format!(
                "{}; the outcomes of {unwritten} rows could not be written, so they count as unknown",
                told(&stopped)
            ))),
            (stopped @ StopReason::Error(_), _) | (stopped, Ok(())) => stopped,
            (_, Err(problem)) => StopReason::Error(problem),
        };
        Ok((run, stopped))
    }
}

impl Run {
    /// The accounts that earlier sessions have sent.
    fn accounts(&self, places: &ProviderIndex) -> Result<Arc<Accounts>, BulkError> {
        let accounts = Accounts::default();
        for (number, account, line) in self.journal.accounts()? {
            let known = places.providers.iter().find(|(_, known)| *known == number);
            if let Some((name, _)) = known {
                accounts.load(name, &UserKey::exact(&account), line);
            }
        }
        Ok(Arc::new(accounts))
    }
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

fn told(stopped: &StopReason) -> String {
    match stopped {
        StopReason::Error(problem) => problem.to_string(),
        _ => "the journal cannot be written".to_owned(),
    }
}
