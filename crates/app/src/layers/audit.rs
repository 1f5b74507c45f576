//! A record of every change: that it is about to be sent, and what became of it.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use jiff::Timestamp;
use repass_domain::{
    CallContext, Capabilities, ChangeMode, ChangeReceipt, Error, ErrorKind, Outcome, PasswordChange,
    PasswordPolicy, PasswordService, Resolution, UnknownOutcome, UserId, UserKey,
};
use serde::Serialize;
use uuid::Uuid;

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// The call begins; nothing is sent yet.
    Intent,
    /// The call has ended, with this outcome.
    Result,
    /// The caller dropped the call: what was under way may take effect, and nobody waits for its
    /// answer.
    Abandoned,
}

/// One record. It holds the user's id, which is what an audit is for, and nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// The call: its records have the same id.
    pub id: Uuid,
    /// When, by the local clock.
    #[serde(serialize_with = "instant")]
    pub at: SystemTime,
    /// What it tells.
    pub event: AuditEvent,
    /// `change`, `reset` or `resolve`.
    pub operation: &'static str,
    /// The configured name of the provider.
    pub provider: String,
    /// Whose password.
    pub user: String,
    /// `applied`, `not_applied` or `unknown`; for a resolution `in_place`, `not_in_place` or
    /// `still_unknown`. Absent in an intent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// Why it was not applied, or is not known to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ErrorKind>,
    /// The provider's id of the exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
}

fn instant<S: serde::Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = Timestamp::try_from(*at).map(|at| at.to_string());
    serializer.serialize_str(&text.unwrap_or_default())
}

/// Where records go.
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Keeps a record, durably as far as the sink promises, before it returns. It is called within
    /// an async call, so it should not block for long.
    ///
    /// # Errors
    /// The record could not be kept. A change whose intent cannot be kept is not sent.
    fn write(&self, record: &AuditRecord) -> std::io::Result<()>;
}

/// Records as JSON, one a line, each written whole and flushed.
pub struct JsonLines<W>(Mutex<W>);

impl<W: Write + Send + 'static> JsonLines<W> {
    /// Records into this writer: a file opened for appending, or a stream.
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }
}

impl<W: Write + Send + 'static> AuditSink for JsonLines<W> {
    fn write(&self, record: &AuditRecord) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(&line)?;
        writer.flush()
    }
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonLines")
    }
}

#[derive(Debug)]
pub(super) struct AuditLayer {
    inner: Arc<dyn PasswordService>,
    sink: Arc<dyn AuditSink>,
}

impl AuditLayer {
    pub(super) fn new(inner: Arc<dyn PasswordService>, sink: Arc<dyn AuditSink>) -> Self {
        Self { inner, sink }
    }

    fn open(&self, operation: &'static str, change: &PasswordChange) -> Result<Open<'_>, Error> {
        let record = AuditRecord {
            id: Uuid::new_v4(),
            at: SystemTime::now(),
            event: AuditEvent::Intent,
            operation,
            provider: self.inner.provider().to_owned(),
            user: change.user().expose().to_owned(),
            outcome: None,
            kind: None,
            tracking_id: None,
        };
        self.sink.write(&record).map_err(|error| {
            let kind = error.kind();
            Error::not_applied(
                ErrorKind::Internal,
                format!("the audit cannot be written ({kind}), so nothing was sent"),
            )
        })?;
        Ok(Open {
            sink: &*self.sink,
            record: Some(record),
        })
    }
}

/// A call that is under way. Dropped before its end, it is abandoned.
struct Open<'a> {
    sink: &'a dyn AuditSink,
    record: Option<AuditRecord>,
}

impl Open<'_> {
    fn end(mut self, outcome: &'static str, error: Option<&Error>, tracking_id: Option<&str>) {
        let detail = error.and_then(|error| error.provider_detail()?.tracking_id.as_deref());
        let tracking_id = tracking_id.or(detail).map(str::to_owned);
        self.close(AuditEvent::Result, outcome, error.map(Error::kind), tracking_id);
    }

    fn close(
        &mut self,
        event: AuditEvent,
        outcome: &'static str,
        kind: Option<ErrorKind>,
        tracking_id: Option<String>,
    ) {
        let Some(record) = self.record.take() else { return };
        let record = AuditRecord {
            at: SystemTime::now(),
            event,
            outcome: Some(outcome),
            kind,
            tracking_id,
            ..record
        };
        if let Err(error) = self.sink.write(&record) {
            // The outcome still reaches the caller; the intent on record says that it is missing here.
            let (id, kind) = (record.id, error.kind());
            tracing::error!(%id, ?kind, outcome, "the audit's result cannot be written");
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.close(AuditEvent::Abandoned, Outcome::Unknown.as_str(), None, None);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl PasswordService for AuditLayer {
    fn provider(&self) -> &str {
        self.inner.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        let operation = match change.mode() {
            ChangeMode::AdminReset => "reset",
            ChangeMode::SelfService(_) => "change",
        };
        let open = self.open(operation, change)?;
        let result = self.inner.change_password(cx, change).await;
        match &result {
            Ok(changed) => open.end("applied", None, changed.tracking_id()),
            Err(error) => open.end(error.outcome().as_str(), Some(error), None),
        }
        result
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let open = self.open("resolve", change)?;
        let result = self.inner.resolve(cx, attempt, change).await;
        match &result {
            Ok(Resolution::InPlace) => open.end("in_place", None, None),
            Ok(Resolution::NotInPlace) => open.end("not_in_place", None, None),
            Ok(_) => open.end("still_unknown", None, None),
            Err(error) => open.end("still_unknown", Some(error), None),
        }
        result
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.inner.policy(cx).await
    }

    fn user_key(&self, user: &UserId) -> UserKey {
        self.inner.user_key(user)
    }

    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        self.inner.canonical_id(cx, user).await
    }
}
