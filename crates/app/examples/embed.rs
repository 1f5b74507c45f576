//! Changing a password from your own service: `cargo run --example embed`.
//!
//! The providers here are the sandbox's, so that it runs as it is. With yours, the configuration is a file and
//! the first half of this one falls away.

use repass::sandbox::Sandbox;
use repass::{CallContext, Password, PasswordChange, PasswordServiceExt as _, Services};

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
        sandbox.startup_info().token,
    );

    // Once, at start: `Services::from_file("repass.toml")` in real life.
    let services = Services::builder().toml(&config).build()?;
    let service = services.default_service()?;

    // For each change. The password comes from wherever yours come from; it is wiped when dropped.
    let cx = CallContext::default();
    for new in ["New-Passw0rd-1", "weak"] {
        let change = PasswordChange::reset("alice@example.com".parse()?, Password::new(new)?);
        // A lost answer is looked into at once.
        match service.change_and_resolve(&cx, &change).await {
            Ok(_) => println!("changed"),
            Err(error) if error.unknown_outcome().is_none() => {
                println!("for the user: {}", error.user_message());
                println!("for operators: {} ({error})", error.kind());
            }
            Err(error) => println!("may be changed; `resolve` it later: {error}"),
        }
    }

    println!("the sandbox says: {} change", sandbox.ledger().changes.len());
    sandbox.shutdown().await;
    Ok(())
}
