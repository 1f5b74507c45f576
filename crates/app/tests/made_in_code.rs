//! Services of the caller's own among those that are configured.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::sync::{Arc, Mutex};

use repass::{
    AuditRecord, AuditSink, CallContext, InMemoryPasswordService, Password, PasswordService as _,
    PasswordServiceExt as _, Services,
};

const ZOOM: &str = r#"
    [providers.zoom]
    kind = "zoom"
    auth = { kind = "bearer", token = { command = ["echo", "t"] } }
"#;

#[derive(Debug, Default)]
struct Kept(Mutex<Vec<AuditRecord>>);

impl AuditSink for Kept {
    fn write(&self, record: &AuditRecord) -> std::io::Result<()> {
        self.0.lock().unwrap().push(record.clone());
        Ok(())
    }
}

fn crm() -> Arc<InMemoryPasswordService> {
    Arc::new(InMemoryPasswordService::new("crm").with_user("alice", "old"))
}

#[tokio::test]
async fn one_of_its_own_stands_beside_the_configured_ones_and_survives_a_reload() {
    let crm = crm();
    let services = Services::builder()
        .toml(format!("default_provider = \"crm\"\n{ZOOM}"))
        .with("crm", Arc::clone(&crm))
        .build()
        .unwrap();
    assert_eq!(services.names(), ["crm", "zoom"]);
    assert!(services.profile("crm").unwrap().is_none());
    let service = services.default_service().unwrap();
    assert_eq!(service.provider(), "crm");
    services.reload().unwrap();
    let new = Password::new("new").unwrap();
    service
        .reset(&CallContext::default(), "alice".parse().unwrap(), new)
        .await
        .unwrap();
    assert!(crm.accepts("alice", "new"));
}

#[tokio::test]
async fn it_is_on_record_in_the_sink_and_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let kept = Arc::new(Kept::default());
    let services = Services::builder()
        .toml(format!("[audit]\nfile = \"{}\"", file.display()))
        .with("crm", crm())
        .audit(Arc::clone(&kept) as _)
        .build()
        .unwrap();
    let service = services.default_service().unwrap();
    let new = Password::new("new").unwrap();
    service
        .reset(&CallContext::default(), "alice".parse().unwrap(), new)
        .await
        .unwrap();
    let kept: Vec<_> = kept
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|it| (it.id, it.event))
        .collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    let written = fs::read_to_string(file).unwrap();
    assert_eq!(written.lines().count(), 2, "{written}");
    assert!(written.lines().all(|line| line.contains(&kept[0].0.to_string())));
}

#[test]
fn with_several_none_is_the_default_unless_it_is_chosen() {
    let services = Services::builder().toml(ZOOM).with("crm", crm()).build().unwrap();
    assert_eq!(
        services.default_service().unwrap_err().to_string(),
        "no provider was chosen (`-p` on the command line) and there is no `default_provider`; configured: crm, zoom"
    );
}

#[test]
fn a_name_that_cannot_be_is_told_with_all_the_rest() {
    let built = Services::builder()
        .toml(format!("default_provider = \"cmr\"\n{ZOOM}plan = \"canary\""))
        .with("crm", crm())
        .with("zoom", InMemoryPasswordService::new("zoom"))
        .with("twice", InMemoryPasswordService::new("twice"))
        .with("twice", InMemoryPasswordService::new("twice"))
        .with("self", InMemoryPasswordService::new("other"))
        .with("a b", InMemoryPasswordService::new("a b"))
        .build();
    let text = built.unwrap_err().to_string();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "config: a b: a provider's name is 1 to 64 letters, digits, `-` and `_`",
            "config: self: the service made in code calls itself otherwise; give it this name",
            "config: twice: two services made in code have this name; give one of them another",
            "config:1: default_provider: names no configured provider; did you mean `crm`?",
            "config:3: providers.zoom: is made in code too; give one of the two another name",
            "config:6: providers.zoom.plan: must be \"free\", \"pro\", \"business\" or \"unlimited\"",
        ]
    );
}
