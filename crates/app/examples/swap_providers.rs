//! Another provider by configuration, while the service runs: `cargo run --example swap_providers`.
//!
//! The code holds one `Arc<dyn PasswordService>` and names no provider. The providers are the sandbox's.

use std::fs;

use repass::sandbox::Sandbox;
use repass::{CallContext, Password, PasswordService, PasswordServiceExt as _, Services};

/// What your service does with whatever it was given.
async fn reset(
    service: &dyn PasswordService,
    user: &str,
    new: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let cx = CallContext::default();
    service.reset(&cx, user.parse()?, Password::new(new)?).await?;
    println!("{user} is changed at {}", service.provider());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("repass.toml");

    // As an operator writes it. `users` is the name that your code, its metrics and its audit know.
    fs::write(&file, configured(&sandbox, "zoom", sandbox.zoom_base_url()))?;
    let services = Services::from_file(&file)?;
    let service = services.get("users")?;
    reset(&*service, "alice@example.com", "New-Passw0rd-1").await?;

    // The operator changes the file, and something tells the service to read it: a signal, an endpoint.
    fs::write(
        &file,
        configured(&sandbox, "identity", sandbox.identity_base_url()),
    )?;
    let reloading = services.clone();
    tokio::task::spawn_blocking(move || reloading.reload()).await??;
    // The same `Arc`, another provider: here users are named by their ids.
    reset(
        &*service,
        "a11ce000-0000-4000-8000-000000000001",
        "New-Passw0rd-2",
    )
    .await?;

    for change in sandbox.ledger().changes {
        println!("the sandbox says: {:?} changed {}", change.provider, change.user);
    }
    sandbox.shutdown().await;
    Ok(())
}

fn configured(sandbox: &Sandbox, kind: &str, base_url: &str) -> String {
    format!(
        r#"
        [providers.users]
        kind = "{kind}"
        base_url = "{base_url}"
        auth = {{ kind = "bearer", token = {{ command = ["echo", "{}"] }} }}
        "#,
        sandbox.startup_info().token
    )
}
