//! Audit and metrics into your own sinks: `cargo run --example own_sinks`.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use repass::{
    AuditRecord, AuditSink, CallContext, InMemoryPasswordService, Password, PasswordServiceExt as _, Services,
};

/// Gives every record to another thread, which may write it to a database, a queue or a log.
#[derive(Debug)]
struct Handover(Sender<AuditRecord>);

impl AuditSink for Handover {
    // A change whose intent cannot be kept is not sent, so say so rather than lose a record.
    fn write(&self, record: &AuditRecord) -> io::Result<()> {
        self.0.send(record.clone()).map_err(io::Error::other)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In yours an exporter, installed before the services are built. This one keeps all in memory.
    let recorder = DebuggingRecorder::new();
    let measured = recorder.snapshotter();
    recorder.install()?;

    let (sender, records) = channel();
    let provider = InMemoryPasswordService::new("memory").with_user("alice", "Old-Passw0rd");
    let services = Services::builder()
        .with("memory", provider)
        .audit(Arc::new(Handover(sender)))
        .build()?;
    let service = services.default_service()?;
    for user in ["alice", "bob"] {
        let new = Password::new("New-Passw0rd")?;
        // How it ended is on record; here no one else asks.
        let _ = service.reset(&CallContext::default(), user.parse()?, new).await;
    }

    for record in records.try_iter() {
        let (event, outcome) = (record.event, record.outcome.unwrap_or("-"));
        println!("audit: {} {event:?} {outcome} {}", record.operation, record.user);
    }
    for (key, _, _, value) in measured.snapshot().into_vec() {
        if let DebugValue::Counter(count) = value {
            let labels: Vec<String> = key
                .key()
                .labels()
                .map(|it| format!("{}={}", it.key(), it.value()))
                .collect();
            println!("metric: {}{{{}}} {count}", key.key().name(), labels.join(","));
        }
    }
    Ok(())
}
