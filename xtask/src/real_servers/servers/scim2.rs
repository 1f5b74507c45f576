//! scim2-server, a SCIM 2 provider in Python.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{Result, Running, venv};

const TOKEN: &str = "scim-test-token";

pub(super) fn install(folder: &Path) -> Result<()> {
    venv(folder, "bin/scim2-server", &["scim2-server==0.8.3"])
}

pub(super) async fn start(server: &mut Running) -> Result<()> {
    server.base_path = "/v2";
    let port = server.address.port().to_string();
    let mut command = Command::new(server.folder.join("venv/bin/scim2-server"));
    command.args([
        "--hostname",
        "127.0.0.1",
        "--port",
        &port,
        "--bearer-token",
        TOKEN,
    ]);
    server.spawn(&mut command, "server.log")?;
    server.wait("/ServiceProviderConfig").await?;
    let token = server.secret("token", TOKEN)?;
    server.auth = format!(
        "{{ kind = \"bearer\", token = {{ file = \"{}\" }} }}",
        token.display()
    );
    "kind = \"scim\"\n".clone_into(&mut server.section);
    Ok(())
}

pub(super) async fn add(server: &Running, user: &str, password: &str) -> Result<()> {
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": user, "password": password});
    let request = server.http.post(server.url("/Users")).bearer_auth(TOKEN);
    server.send(request.json(&body), &[201]).await?;
    Ok(())
}

pub(super) async fn accepts(server: &Running, user: &str, password: &str) -> Result<bool> {
    let filter = format!("userName eq {} and password eq {}", json!(user), json!(password));
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
    let request = server.http.post(server.url("/Users/.search")).bearer_auth(TOKEN);
    let (_, found) = server.send(request.json(&body), &[200]).await?;
    Ok(found["totalResults"] == 1)
}
