//! A web service whose users change their own passwords: `cargo run --example axum_service`.
//! Its handler is tested without a provider: `cargo test --example axum_service`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use repass::{
    CallContext, Effect, ErrorKind, InMemoryPasswordService, Password, PasswordService,
    PasswordServiceExt as _,
};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

type Passwords = Arc<dyn PasswordService>;

/// What the form sends. It has no `Debug` that tells, and is wiped when dropped.
#[derive(Deserialize)]
struct Wanted {
    current: SecretString,
    new: SecretString,
}

// In yours, the user is whoever is signed in.
async fn change(
    State(service): State<Passwords>,
    Path(user): Path<String>,
    Json(wanted): Json<Wanted>,
) -> (StatusCode, String) {
    let passwords = (Password::new(wanted.current), Password::new(wanted.new));
    let (Ok(user), (Ok(current), Ok(new))) = (user.parse(), passwords) else {
        return (StatusCode::BAD_REQUEST, "no user id, or no password".to_owned());
    };
    let Err(error) = service.change(&CallContext::default(), user, current, new).await else {
        return (StatusCode::NO_CONTENT, String::new());
    };
    let status = match (error.effect(), error.kind()) {
        // Neither a success nor a failure: what settles it comes later.
        (Effect::Unknown, _) => return (StatusCode::ACCEPTED, "it is being checked".to_owned()),
        (_, ErrorKind::PasswordRefused) => StatusCode::UNPROCESSABLE_ENTITY,
        (_, ErrorKind::WrongCurrentPassword) => StatusCode::FORBIDDEN,
        (_, ErrorKind::UserNotFound) => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_GATEWAY,
    };
    (status, error.to_string())
}

fn router(service: Passwords) -> Router {
    Router::new()
        .route("/users/{user}/password", post(change))
        .with_state(service)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In yours: `Services::from_file("repass.toml")?.default_service()?`.
    let service = InMemoryPasswordService::new("memory").with_user("alice", "Old-Passw0rd");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    tokio::spawn(async { axum::serve(listener, router(Arc::new(service))).await });

    let body = r#"{"current":"Old-Passw0rd","new":"New-Passw0rd"}"#;
    let head = "POST /users/alice/password HTTP/1.1\r\nhost: me\r\ncontent-type: application/json\r\nconnection: close";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    client.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    println!("{}", answer.lines().next().unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests;
