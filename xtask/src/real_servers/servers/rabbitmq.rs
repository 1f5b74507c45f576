//! RabbitMQ with its management API.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{Result, Running, free_address};

const PASSWORD: &str = "Admin-Passw0rd-7";
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

pub(super) fn install() -> Result<()> {
    if Path::new(PROGRAM).exists() {
        return Ok(());
    }
    super::super::packages::install(&["rabbitmq-server"])
}

pub(super) async fn start(server: &mut Running) -> Result<()> {
    server.base_path = "/api";
    let folder = server.folder.clone();
    // Users of an earlier run.
    let _ = fs::remove_dir_all(folder.join("mnesia"));
    for name in ["log", "mnesia", "home"] {
        fs::create_dir_all(folder.join(name))?;
    }
    let (port, broker) = (server.address.port(), free_address()?.port());
    let conf = format!(
        "listeners.tcp.1 = 127.0.0.1:{broker}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n\
         default_user = admin\ndefault_pass = {PASSWORD}\n"
    );
    fs::write(folder.join("rabbitmq.conf"), conf)?;
    fs::write(folder.join("plugins"), "[rabbitmq_management].\n")?;
    let mapper_port = server.start_port_mapper()?;
    let mut command = Command::new(PROGRAM);
    command
        .current_dir(&folder)
        .env("HOME", folder.join("home"))
        .env("RABBITMQ_NODENAME", format!("repass{port}@localhost"))
        .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
        .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", folder.join("log"))
        .env("RABBITMQ_DIST_PORT", free_address()?.port().to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", mapper_port)
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}",
        );
    server.spawn(&mut command, "server.log")?;
    server.wait("/overview").await?;
    let password = server.secret("password", PASSWORD)?;
    server.auth = format!(
        "{{ kind = \"basic\", username = \"admin\", password = {{ file = \"{}\" }} }}",
        password.display()
    );
    "kind = \"rabbitmq\"\n".clone_into(&mut server.section);
    Ok(())
}

pub(super) async fn add(server: &Running, user: &str, password: &str) -> Result<()> {
    put(server, user, password, "management").await
}

/// Without a tag a user may not use the management API, as applications do not.
pub(super) async fn restrict(server: &Running, user: &str) -> Result<()> {
    put(server, user, "Start-Passw0rd-7", "").await
}

async fn put(server: &Running, user: &str, password: &str, tags: &str) -> Result<()> {
    let body = json!({"password": password, "tags": tags});
    let request = server.http.put(server.url(&format!("/users/{user}")));
    let request = request.basic_auth("admin", Some(PASSWORD)).json(&body);
    server.send(request, &[201, 204]).await?;
    Ok(())
}

pub(super) async fn accepts(server: &Running, user: &str, password: &str) -> Result<bool> {
    let request = server.http.get(server.url("/whoami"));
    let request = request.basic_auth(user, Some(password));
    Ok(server.send(request, &[200, 401]).await?.0 == 200)
}
