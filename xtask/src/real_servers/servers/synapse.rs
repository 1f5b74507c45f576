//! Synapse, a Matrix homeserver.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{Result, Running, run, venv};

const PASSWORD: &str = "Admin-Passw0rd-7";

pub(super) fn install(folder: &Path) -> Result<()> {
    venv(folder, "bin/synapse_homeserver", &["matrix-synapse==1.163.2"])
}

pub(super) async fn start(server: &mut Running) -> Result<()> {
    let folder = server.folder.clone();
    let shown = folder.display().to_string();
    // Users of an earlier run.
    let _ = fs::remove_file(folder.join("homeserver.db"));
    let settings = format!(
        "server_name: localhost\nreport_stats: false\npid_file: {shown}/homeserver.pid\n\
         listeners: [{{port: {}, bind_addresses: ['127.0.0.1'], type: http, tls: false, resources: [{{names: [client]}}]}}]\n\
         database: {{name: sqlite3, args: {{database: {shown}/homeserver.db}}}}\nmedia_store_path: {shown}/media\n\
         signing_key_path: {shown}/signing.key\nlog_config: {shown}/log.yaml\nregistration_shared_secret: test\n\
         macaroon_secret_key: test\ntrusted_key_servers: []\nurl_preview_enabled: false\nbcrypt_rounds: 4\n\
         rc_login: {{address: {limit}, account: {limit}, failed_attempts: {limit}}}\n\
         password_config: {{policy: {{enabled: true, minimum_length: 8, require_digit: true}}}}\n",
        server.address.port(),
        limit = "{per_second: 1000, burst_count: 1000}",
    );
    fs::write(folder.join("homeserver.yaml"), settings)?;
    let log = format!(
        "version: 1\nhandlers: {{file: {{class: logging.FileHandler, filename: {shown}/synapse.log}}}}\n\
         root: {{level: WARNING, handlers: [file]}}\ndisable_existing_loggers: false\n"
    );
    fs::write(folder.join("log.yaml"), log)?;
    let program = |name: &str| {
        let mut command = Command::new(folder.join("venv/bin").join(name));
        command.current_dir(&folder);
        command
    };
    run(program("generate_signing_key").args(["-o", "signing.key"]))?;
    server.spawn(
        program("synapse_homeserver").args(["-c", "homeserver.yaml"]),
        "server.log",
    )?;
    server.wait("/_matrix/client/versions").await?;
    register(server, "admin", PASSWORD, "--admin")?;
    let login = json!({"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "admin"}, "password": PASSWORD});
    let request = server.http.post(server.url("/_matrix/client/v3/login"));
    let (_, granted) = server.send(request.json(&login), &[200]).await?;
    let token = granted["access_token"].as_str().ok_or("synapse gave no token")?;
    let token = server.secret("token", token)?;
    server.auth = format!(
        "{{ kind = \"bearer\", token = {{ file = \"{}\" }} }}",
        token.display()
    );
    "kind = \"matrix\"\nset = { server = \"localhost\" }\n".clone_into(&mut server.section);
    Ok(())
}

fn register(server: &Running, user: &str, password: &str, rights: &str) -> Result<()> {
    let program = server.folder.join("venv/bin/register_new_matrix_user");
    run(Command::new(program)
        .args(["-k", "test", "-u", user, "-p", password, rights])
        .arg(server.url("")))
}

pub(super) async fn add(server: &Running, user: &str, password: &str) -> Result<()> {
    let token = fs::read_to_string(server.folder.join("token"))?;
    let url = server.url(&format!("/_synapse/admin/v2/users/@{user}:localhost"));
    let request = server.http.put(url).bearer_auth(token);
    server
        .send(request.json(&json!({"password": password})), &[200, 201])
        .await?;
    Ok(())
}

pub(super) async fn accepts(server: &Running, user: &str, password: &str) -> Result<bool> {
    let body = json!({"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password});
    let request = server
        .http
        .post(server.url("/_matrix/client/v3/login"))
        .json(&body);
    Ok(server.send(request, &[200, 400, 403]).await?.0 == 200)
}
