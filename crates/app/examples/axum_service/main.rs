//! A web service whose users change their own passwords: `cargo run --example axum_service`.
//! Its handler is tested without a provider: `cargo test --example axum_service`.

mod client;
mod failed;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use repass::{
    CallContext, InMemoryPasswordService, Password, PasswordChange, PasswordService, PasswordServiceExt as _,
    UserId,
};
use serde::Deserialize;

use failed::Failed;

type Passwords = Arc<dyn PasswordService>;

/// What the form sends. A password is wiped when dropped, and nothing here can print it.
#[derive(Deserialize)]
struct Form {
    current: Password,
    new: Password,
}

// In yours, the user is the user who is signed in.
async fn change(
    State(service): State<Passwords>,
    Path(user): Path<UserId>,
    Json(form): Json<Form>,
) -> Result<StatusCode, Failed> {
    let change = PasswordChange::change(user, form.current, form.new);
    // A handler is dropped when its client disconnects. A task is not: the change ends, and is in the audit.
    let task = tokio::spawn(async move {
        let cx = CallContext::default();
        service.change_and_resolve(&cx, &change).await
    });
    match task.await {
        Ok(ended) => ended.map(|_| StatusCode::NO_CONTENT).map_err(Failed),
        Err(_) => Ok(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn router(service: Passwords) -> Router {
    let route = Router::new().route("/users/{user}/password", post(change));
    route.with_state(service)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In yours: `Services::from_file("repass.toml")?.default_service()?`.
    let service = InMemoryPasswordService::new("memory").with_user("alice", "Old-Passw0rd");
    let form = r#"{"current":"Old-Passw0rd","new":"New-Passw0rd"}"#;
    let client = client::ask(router(Arc::new(service)), "alice", form).await?;
    let (status, _) = client::answer(client).await?;
    println!("{status}");
    Ok(())
}

#[cfg(test)]
mod tests;
