//! A client that retries after a lost response, as HTTP libraries do when configured to retry, and trusts the
//! second response.

use std::io;

use repass_sandbox::{Provider, Sandbox};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::lose_next_response;
use crate::error::CliError;

/// A reset that was sent twice.
#[derive(Debug, Serialize)]
pub(super) struct RetriedChange {
    pub(super) provider: &'static str,
    /// The outcome that the client reports: `changed` or `failed`.
    pub(super) report: &'static str,
    /// The status of the second response.
    pub(super) status: u16,
    pub(super) words: Option<String>,
    /// The number of changes in the ledger.
    pub(super) applied: usize,
    #[serde(skip)]
    pub(super) path: String,
}

/// Resets Bob's password at both providers. The portal identifies him by his GUID.
pub(super) async fn all(sandbox: &Sandbox) -> Result<Vec<RetriedChange>, CliError> {
    let guid = sandbox
        .startup_info()
        .users
        .iter()
        .find(|user| user.provider == Provider::Identity && user.email == "bob@example.com")
        .map(|user| user.id.clone())
        .ok_or_else(|| CliError::internal("the sandbox has no bob"))?;
    let password = "Demo-Passw0rd-7";
    let form = format!(
        "--part\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{password}\r\n--part--\r\n"
    );
    let (zoom, portal) = (
        "/v2/users/bob@example.com/password",
        format!("/identity/api/User/{guid}"),
    );
    let json = json!({ "password": password }).to_string();
    Ok(vec![
        retried("zoom", sandbox, zoom, "multipart/form-data; boundary=part", &form).await?,
        retried("portal", sandbox, &portal, "application/json", &json).await?,
    ])
}

async fn retried(
    provider: &'static str,
    sandbox: &Sandbox,
    path: &str,
    content_type: &str,
    body: &str,
) -> Result<RetriedChange, CliError> {
    let before = sandbox.changes();
    lose_next_response(sandbox)?;
    let request = format!(
        "PUT {path} HTTP/1.1\r\nHost: {addr}\r\nAuthorization: Bearer {token}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}",
        addr = sandbox.addr(),
        token = sandbox.startup_info().token,
        length = body.len()
    );
    let answer = match send(sandbox, &request).await {
        // This is the mistake: the provider may already have applied the change.
        Err(_) => send(sandbox, &request).await,
        answer => answer,
    };
    let (status, words) = answer.map_err(|error| CliError::internal(error.to_string()))?;
    Ok(RetriedChange {
        provider,
        report: if (200..300).contains(&status) {
            "changed"
        } else {
            "failed"
        },
        status,
        words,
        applied: sandbox.changes() - before,
        path: path.to_owned(),
    })
}

/// The status and error text of a response.
async fn send(sandbox: &Sandbox, request: &str) -> io::Result<(u16, Option<String>)> {
    let mut stream = TcpStream::connect(sandbox.addr()).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let words = serde_json::from_str::<Value>(body).ok();
    let words = words.and_then(|body| {
        let text = body["errors"][0]["message"].as_str().or(body["message"].as_str());
        text.map(str::to_owned)
    });
    Ok((status, words))
}
