//! An adapter of your own, judged by the laws that every adapter keeps: `cargo run --example own_adapter`.
//! In your crate the same is a test. The adapter is in `acme.rs`.

use std::sync::Arc;

use repass::{PasswordService, Services};
use repass_conformance::{HttpSubject, ProviderRequest, ProviderResponse, SubjectMode, check};
use repass_transport::{HttpTransport, PooledClient, Timeouts, TrustedRoots};

mod acme;

const TOKEN: &str = "canary-token-4711";

fn acme_at(base_url: &str) -> acme::Acme {
    let timeouts = Timeouts::default();
    let base_url = base_url.parse().expect("a base URL");
    let wire = PooledClient::new(base_url, TrustedRoots::default(), timeouts.connect);
    let transport = HttpTransport::with_bearer(wire, &TOKEN.into(), timeouts);
    acme::Acme(Arc::new(transport.expect("a token")))
}

/// Acme itself, as its documentation tells. `_current` is for providers that ask for the current password.
fn provider(asked: &ProviderRequest, _current: &str) -> ProviderResponse {
    if asked.header("authorization") != Some("Bearer canary-token-4711") {
        return ProviderResponse::new(401, "{}");
    }
    match (asked.method(), asked.path(), asked.json_text("password")) {
        ("PATCH", "/accounts/alice@example.com", Some(new)) => {
            ProviderResponse::set_password(new, 200, r#"{"ok":true}"#)
        }
        _ => ProviderResponse::new(422, r#"{"ok":false,"code":"no_account"}"#),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let build = |base_url: &str| Arc::new(acme_at(base_url)) as Arc<dyn PasswordService>;
    let subject = HttpSubject::new("acme", SubjectMode::AdminReset, build, provider)
        .refusal(
            422,
            r#"{"ok":false,"code":"weak","message":"%PASSWORD% is weak"}"#,
        )
        .secret(TOKEN);
    let report = check(&subject).await;
    println!("{report}");
    report.assert();

    // Then it stands beside those that are configured, under their layers.
    let acme = acme_at("https://acme.example.com");
    let services = Services::builder().with("acme", acme).build()?;
    println!("ready: {}", services.default_service()?.provider());
    Ok(())
}
