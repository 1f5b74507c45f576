//! Better Auth, a library for Node.js, in a server of a few lines.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{Result, Running, run};

/// A user who has logged in by another service alone.
pub(super) const SOCIAL: &str = "social@example.com";

pub(super) fn install(folder: &Path, version: &str) -> Result<()> {
    if folder.join("node_modules/better-auth").exists() {
        return Ok(());
    }
    fs::write(folder.join("package.json"), "{\"private\":true}")?;
    run(Command::new("npm").current_dir(folder).args([
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--omit=optional",
        "--omit=peer",
        &format!("better-auth@{version}"),
    ]))
}

pub(super) async fn start(server: &mut Running) -> Result<()> {
    server.base_path = "/api/auth";
    let program = r#"import { betterAuth } from "better-auth";
import { admin } from "better-auth/plugins";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { createServer } from "node:http";
const port = Number(process.argv[2]), base = `http://127.0.0.1:${port}`;
const database = { user: [], session: [], account: [], verification: [], rateLimit: [] };
const auth = betterAuth({
  baseURL: base, secret: "a-secret-of-this-test-alone-and-of-nothing-else", database: memoryAdapter(database),
  telemetry: { enabled: false }, rateLimit: { enabled: false }, plugins: [admin()], trustedOrigins: [base],
  emailAndPassword: { enabled: true, minPasswordLength: 8, maxPasswordLength: 128 },
});
await auth.api.createUser({ body: { email: "admin@example.com", name: "admin", role: "admin", password: "Admin-Passw0rd-7" } });
const { internalAdapter } = await auth.$context;
const social = await internalAdapter.createUser({ email: "social@example.com", name: "social", emailVerified: true });
await internalAdapter.createAccount({ userId: social.id, providerId: "github", accountId: "1" });
createServer(toNodeHandler(auth)).listen(port, "127.0.0.1");
"#;
    fs::write(server.folder.join("server.mjs"), program)?;
    let mut command = Command::new("node");
    command
        .current_dir(&server.folder)
        .args(["server.mjs", &server.address.port().to_string()]);
    server.spawn(&mut command, "server.log")?;
    server.wait("/ok").await?;
    let login = json!({"email": "admin@example.com", "password": "Admin-Passw0rd-7"});
    let request = server
        .http
        .post(server.url("/sign-in/email"))
        .header("origin", origin(server))
        .json(&login);
    let response = request.send().await?;
    let cookie = response
        .headers()
        .get("set-cookie")
        .ok_or("better-auth gave no session")?;
    let cookie = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
    let token = server.secret("cookie", &cookie)?;
    server.auth = format!(
        "{{ kind = \"header\", name = \"Cookie\", token = {{ file = \"{}\" }} }}",
        token.display()
    );
    server.section = format!(
        "kind = \"better-auth\"\nset = {{ origin = \"{}\" }}\n",
        origin(server)
    );
    Ok(())
}

fn origin(server: &Running) -> String {
    format!("http://{}", server.address)
}

pub(super) async fn add(server: &Running, user: &str, password: &str) -> Result<()> {
    let cookie = fs::read_to_string(server.folder.join("cookie"))?;
    let body = json!({"email": user, "name": user, "role": "user", "password": password});
    let request = server.http.post(server.url("/admin/create-user"));
    let request = request.header("cookie", cookie).header("origin", origin(server));
    server.send(request.json(&body), &[200]).await?;
    Ok(())
}

pub(super) async fn accepts(server: &Running, user: &str, password: &str) -> Result<bool> {
    let body = json!({"email": user, "password": password});
    let request = server.http.post(server.url("/sign-in/email"));
    let request = request.header("origin", origin(server)).json(&body);
    Ok(server.send(request, &[200, 400, 401]).await?.0 == 200)
}
