//! A record of every change: that it is about to be sent, and how it ended.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use repass_domain::{ChangeReceipt, Error, ErrorKind, Evidence, Grade, Outcome, Resolution, UserId};
use serde::Serialize;
use uuid::Uuid;

use super::metrics::Operation;

/// The event that an audit record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// The call begins, and nothing is sent yet.
    Intent,
    /// The call has ended, with this outcome.
    Result,
    /// The caller dropped the call: what was in flight may take effect, and its response is lost.
    Abandoned,
}

/// An audit record of one event of a call. It holds the user's id, which is what an audit is for, and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// The id of the call, the same in all of its audit records.
    pub id: Uuid,
    /// The time of the record, by the local clock.
    #[serde(serialize_with = "instant")]
    pub at: SystemTime,
    /// The event that the record is about: the call's begin, its end, or its loss.
    pub event: AuditEvent,
    /// The operation of the call: `change`, `reset` or `resolve`.
    pub operation: &'static str,
    /// The configured name of the provider.
    pub provider: String,
    /// The user whose password is changed, as the caller names them.
    pub user: String,
    /// `applied`, `not_applied` or `unknown`; for a resolution `in_place`, `not_in_place` or
    /// `still_unknown`. Absent in an intent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// The error kind: why the change was not applied, or is not known to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ErrorKind>,
    /// The provider's id of the exchange, for its support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
    /// The hash of the table by which the response was read, where a table describes the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// How surely the table's row is known that matched the response; absent if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
}

fn instant<S: serde::Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = Timestamp::try_from(*at).map(|at| at.to_string());
    serializer.serialize_str(&text.unwrap_or_default())
}

/// A sink that stores audit records.
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Writes an audit record, as durably as the sink promises, before it returns. It is called within an async call,
    /// so it should not block for long.
    ///
    /// # Errors
    /// The record could not be written. A change whose intent cannot be written is not sent.
    fn write(&self, record: &AuditRecord) -> std::io::Result<()>;
}

/// An audit sink that writes JSON, one record per line; each line is written in one piece and flushed.
pub struct JsonLines<W>(Mutex<W>);

impl<W: Write + Send + 'static> JsonLines<W> {
    /// Creates a sink that writes to a file opened for appending, or to a stream.
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

/// Writes two records for every call, if there is a sink.
#[derive(Debug, Clone, Default)]
pub(super) struct AuditLog(pub(super) Option<Arc<dyn AuditSink>>);

impl AuditLog {
    /// Writes the intent. A call whose intent cannot be written is not made.
    pub(super) fn begin(
        &self,
        operation: Operation,
        provider: &str,
        user: &UserId,
    ) -> Result<AuditEntry<'_>, Error> {
        let Some(sink) = self.0.as_deref() else {
            return Ok(AuditEntry(None));
        };
        let record = AuditRecord {
            id: Uuid::new_v4(),
            at: SystemTime::now(),
            event: AuditEvent::Intent,
            operation: operation.as_str(),
            provider: provider.to_owned(),
            user: user.expose().to_owned(),
            outcome: None,
            kind: None,
            tracking_id: None,
            table: None,
            grade: None,
        };
        sink.write(&record).map_err(|error| {
            let kind = error.kind();
            Error::not_applied(
                ErrorKind::Internal,
                format!("the audit cannot be written ({kind}), so nothing was sent"),
            )
        })?;
        Ok(AuditEntry(Some((sink, record))))
    }
}

/// A call whose intent is written. Dropped before the call's end, it writes that the call was abandoned.
pub(super) struct AuditEntry<'a>(Option<(&'a dyn AuditSink, AuditRecord)>);

impl AuditEntry<'_> {
    /// Writes how a change or reset ended.
    pub(super) fn end_change(mut self, result: &Result<ChangeReceipt, Error>) {
        match result {
            Ok(receipt) => self.write(
                AuditEvent::Result,
                "applied",
                None,
                receipt.tracking_id(),
                receipt.evidence(),
            ),
            Err(error) => self.end(error.outcome().as_str(), Some(error)),
        }
    }

    /// Writes what a resolution found.
    pub(super) fn end_resolve(self, result: &Result<Resolution, Error>) {
        match result {
            Ok(Resolution::InPlace) => self.end("in_place", None),
            Ok(Resolution::NotInPlace) => self.end("not_in_place", None),
            Ok(_) => self.end("still_unknown", None),
            Err(error) => self.end("still_unknown", Some(error)),
        }
    }

    fn end(mut self, outcome: &'static str, error: Option<&Error>) {
        let detail = error.and_then(Error::provider_detail);
        self.write(
            AuditEvent::Result,
            outcome,
            error.map(Error::kind),
            detail.and_then(|detail| detail.tracking_id.as_deref()),
            detail.and_then(|detail| detail.evidence.as_ref()),
        );
    }

    fn write(
        &mut self,
        event: AuditEvent,
        outcome: &'static str,
        kind: Option<ErrorKind>,
        tracking_id: Option<&str>,
        evidence: Option<&Evidence>,
    ) {
        let Some((sink, intent)) = self.0.take() else {
            return;
        };
        let record = AuditRecord {
            at: SystemTime::now(),
            event,
            outcome: Some(outcome),
            kind,
            tracking_id: tracking_id.map(str::to_owned),
            table: evidence.map(|evidence| evidence.table().to_owned()),
            grade: evidence.and_then(Evidence::grade),
            ..intent
        };
        if let Err(error) = sink.write(&record) {
            // The outcome still reaches the caller; the intent without a result shows that it is missing here.
            let (id, kind) = (record.id, error.kind());
            tracing::error!(%id, ?kind, outcome, "the audit's result cannot be written");
        }
    }
}

impl Drop for AuditEntry<'_> {
    fn drop(&mut self) {
        self.write(AuditEvent::Abandoned, Outcome::Unknown.as_str(), None, None, None);
    }
}
