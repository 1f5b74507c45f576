//! ejabberd, an XMPP server.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{Result, Running};

pub(super) fn install() -> Result<()> {
    if Path::new("/usr/sbin/ejabberdctl").exists() {
        return Ok(());
    }
    super::super::packages::install(&["ejabberd"])
}

pub(super) async fn start(server: &mut Running) -> Result<()> {
    server.base_path = "/api";
    let folder = server.folder.clone();
    for name in ["log", "spool", "home"] {
        fs::create_dir_all(folder.join(name))?;
    }
    // Users of an earlier run.
    fs::remove_dir_all(folder.join("spool"))?;
    fs::create_dir_all(folder.join("spool"))?;
    let port = server.address.port();
    let conf = format!(
        "hosts: [localhost]\nloglevel: warning\nauth_method: internal\nauth_password_format: scram\nlisten:\n  \
         - {{port: {port}, ip: \"127.0.0.1\", module: ejabberd_http, request_handlers: {{/api: mod_http_api}}}}\n\
         acl: {{admin: {{user: [admin@localhost]}}}}\naccess_rules: {{register: {{allow: all}}}}\napi_permissions:\n  \
         \"admin\": {{who: {{access: {{allow: {{acl: admin}}}}}}, what: [\"*\", \"!stop\"]}}\n  \
         \"setup\": {{who: {{ip: \"127.0.0.1/8\"}}, what: [status, register]}}\n\
         modules: {{mod_roster: {{}}, mod_admin_extra: {{}}}}\n"
    );
    fs::write(folder.join("ejabberd.yml"), conf)?;
    let libraries = fs::read_dir("/usr/lib")?
        .filter_map(|entry| fs::read_dir(entry.ok()?.path()).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("ejabberd-"))
        });
    let libraries = libraries.ok_or("ejabberd's libraries are not in /usr/lib/*/ejabberd-*")?;
    let libraries = libraries.parent().unwrap_or(&libraries).to_owned();
    let mapper_port = server.start_port_mapper()?;
    let mut command = Command::new("erl");
    command
        .current_dir(&folder)
        .env("HOME", folder.join("home"))
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", &mapper_port)
        .env("EJABBERD_CONFIG_PATH", folder.join("ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", folder.join("log/ejabberd.log"))
        .env("ERL_LIBS", libraries)
        .args([
            "-noinput",
            "-sname",
            &format!("repass{port}@localhost"),
            "-setcookie",
            "test",
        ])
        .args([
            "-kernel",
            "inet_dist_use_interface",
            "{127,0,0,1}",
            "-mnesia",
            "dir",
        ])
        .arg(format!("\"{}\"", folder.join("spool").display()))
        .args(["-s", "ejabberd"]);
    server.spawn(&mut command, "server.log")?;
    server.wait("/status").await?;
    add(server, "admin", "Admin-Passw0rd-7").await?;
    let password = server.secret("password", "Admin-Passw0rd-7")?;
    server.auth = format!(
        "{{ kind = \"basic\", username = \"admin@localhost\", password = {{ file = \"{}\" }} }}",
        password.display()
    );
    "kind = \"ejabberd\"\nset = { host = \"localhost\" }\n".clone_into(&mut server.section);
    Ok(())
}

pub(super) async fn add(server: &Running, user: &str, password: &str) -> Result<()> {
    let body = json!({"user": user, "host": "localhost", "password": password});
    let request = server.http.post(server.url("/register"));
    server.send(request.json(&body), &[200]).await?;
    Ok(())
}

pub(super) async fn accepts(server: &Running, user: &str, password: &str) -> Result<bool> {
    let admin = fs::read_to_string(server.folder.join("password"))?;
    let body = json!({"user": user, "host": "localhost", "password": password});
    let request = server.http.post(server.url("/check_password"));
    let request = request.basic_auth("admin@localhost", Some(admin));
    let (status, found) = server.send(request.json(&body), &[200, 400, 404]).await?;
    Ok(status == 200 && found == 0)
}
