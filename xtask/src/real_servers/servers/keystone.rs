//! Keystone, the identity service of OpenStack.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{Result, Running, identity, run, venv};

pub(super) fn install(folder: &Path) -> Result<()> {
    venv(
        folder,
        "bin/keystone-manage",
        &["keystone==30.0.0", "waitress==3.0.2"],
    )
}

pub(super) async fn start(server: &mut Running) -> Result<()> {
    server.base_path = "/v3";
    let folder = server.folder.clone();
    let shown = folder.display().to_string();
    for name in ["fernet", "credential-keys"] {
        use std::os::unix::fs::PermissionsExt as _;
        fs::create_dir_all(folder.join(name))?;
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o700))?;
    }
    let conf = format!(
        "[DEFAULT]\nlog_file = {shown}/keystone.log\n[database]\nconnection = sqlite:///{shown}/keystone.db\n\
         [token]\nprovider = fernet\n[fernet_tokens]\nkey_repository = {shown}/fernet\n\
         [credential]\nkey_repository = {shown}/credential-keys\n[cache]\nenabled = false\n\
         [identity]\npassword_hash_rounds = 4\n[security_compliance]\n\
         password_regex = ^(?=.*\\d)(?=.*[a-z])(?=.*[A-Z]).{{8,}}$\n\
         password_regex_description = at least 8 characters, a digit, lower and upper case\n\
         unique_last_password_count = 3\n"
    );
    fs::write(folder.join("keystone.conf"), conf)?;
    let _ = fs::remove_file(folder.join("keystone.db"));
    let (user, group) = (identity("-un")?, identity("-gn")?);
    let manage = |arguments: &[&str]| {
        run(Command::new(folder.join("venv/bin/keystone-manage"))
            .current_dir(&folder)
            .env("PYTHONWARNINGS", "ignore")
            .args(["--config-file", "keystone.conf"])
            .args(arguments))
    };
    let owner = ["--keystone-user", &user, "--keystone-group", &group];
    manage(&["db_sync"])?;
    manage(&[&["fernet_setup"][..], &owner].concat())?;
    manage(&[&["credential_setup"][..], &owner].concat())?;
    let public = format!("http://{}/v3", server.address);
    manage(&[
        "bootstrap",
        "--bootstrap-password",
        "Admin-Passw0rd-7",
        "--bootstrap-public-url",
        &public,
        "--bootstrap-region-id",
        "test",
    ])?;
    let program = "import sys\nport = int(sys.argv[1]); sys.argv = ['keystone']\nfrom waitress import serve\n\
                   from keystone.wsgi.api import application\nserve(application, host='127.0.0.1', port=port, threads=4)\n";
    fs::write(folder.join("serve.py"), program)?;
    let mut command = Command::new(folder.join("venv/bin/python"));
    command
        .current_dir(&folder)
        .env("OS_KEYSTONE_CONFIG_FILES", folder.join("keystone.conf"))
        .env("OS_KEYSTONE_CONFIG_DIR", &folder)
        .env("PYTHONWARNINGS", "ignore")
        .args(["serve.py", &server.address.port().to_string()]);
    server.spawn(&mut command, "server.log")?;
    server.wait("").await?;
    let login = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": "admin", "domain": {"id": "default"}, "password": "Admin-Passw0rd-7"}}},
        "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}});
    let response = server
        .http
        .post(server.url("/auth/tokens"))
        .json(&login)
        .send()
        .await?;
    let token = response
        .headers()
        .get("x-subject-token")
        .ok_or("keystone gave no token")?;
    let token = server.secret("token", token.to_str()?)?;
    server.auth = format!(
        "{{ kind = \"header\", name = \"X-Auth-Token\", token = {{ file = \"{}\" }} }}",
        token.display()
    );
    "kind = \"keystone\"\nset = { domain = \"default\" }\n".clone_into(&mut server.section);
    Ok(())
}

fn token(server: &Running) -> Result<String> {
    Ok(fs::read_to_string(server.folder.join("token"))?)
}

pub(super) async fn add(server: &Running, user: &str, password: &str) -> Result<()> {
    let body = json!({"user": {"name": user, "domain_id": "default", "password": password}});
    let request = server.http.post(server.url("/users"));
    let request = request.header("x-auth-token", token(server)?);
    server.send(request.json(&body), &[201]).await?;
    Ok(())
}

pub(super) async fn accepts(server: &Running, user: &str, password: &str) -> Result<bool> {
    let body = json!({"auth": {"identity": {"methods": ["password"], "password": {"user": {
        "name": user, "domain": {"id": "default"}, "password": password}}}}});
    let request = server.http.post(server.url("/auth/tokens")).json(&body);
    Ok(server.send(request, &[201, 401]).await?.0 == 201)
}

pub(super) async fn restrict(server: &Running, user: &str) -> Result<()> {
    let url = server.url(&format!("/users?name={user}&domain_id=default"));
    let request = server.http.get(url).header("x-auth-token", token(server)?);
    let (_, found) = server.send(request, &[200]).await?;
    let id = found["users"][0]["id"]
        .as_str()
        .ok_or("keystone does not find its user")?;
    let request = server.http.patch(server.url(&format!("/users/{id}")));
    let request = request.header("x-auth-token", token(server)?);
    let disabled = json!({"user": {"enabled": false}});
    server.send(request.json(&disabled), &[200]).await?;
    Ok(())
}
