//! Changing a password from your own service: `cargo run --example embed`.
//!
//! The providers here are the sandbox's, so that it runs as it is. With yours, the configuration is a file and
//! the first half of this one falls away.

use repass::{CallContext, Effect, Password, PasswordServiceExt as _, Services};
use repass_sandbox::Sandbox;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::start().await?;
    let config = format!(
        r#"
        default_provider = "zoom"

        [providers.zoom]
        kind = "zoom"
        base_url = "{}"
        auth = {{ kind = "bearer", token = {{ command = ["echo", "{}"] }} }}
        "#,
        sandbox.zoom_base_url(),
        sandbox.announcement().token,
    );

    // Once, at start: `Services::from_file("repass.toml")` in real life.
    let services = Services::from_toml(&config)?;
    let service = services.default_service()?;

    // For each change. The password comes from wherever yours come from; it is wiped when dropped.
    let cx = CallContext::default();
    for new in ["New-Passw0rd-1", "weak"] {
        match service
            .reset(&cx, "alice@example.com".parse()?, Password::new(new)?)
            .await
        {
            Ok(_) => println!("changed"),
            Err(error) if error.effect() == Effect::NotApplied => {
                println!("not changed ({}): {error}", error.kind());
                for violation in error.violations() {
                    println!("  {}: {violation}", violation.rule().code());
                }
            }
            Err(error) => println!("may be changed; settle it with `resolve`: {error}"),
        }
    }

    println!("the sandbox says: {} change", sandbox.ledger().changes.len());
    sandbox.shutdown().await;
    Ok(())
}
