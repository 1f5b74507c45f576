//! Canaille, an identity server whose SCIM 2 users log in with what SCIM sets.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{Result, Running, run, venv};

const TOKEN: &str = "scim-test-token";
const CLIENT: &str = "test-client";
const SECRET: &str = "test-secret";

pub(super) fn install(folder: &Path) -> Result<()> {
    // A newer scim2-models fails on Canaille's own responses.
    venv(
        folder,
        "bin/canaille",
        &[
            "canaille[front,oidc,scim,sqlite,server]==0.3.6",
            "scim2-models==0.8.2",
        ],
    )
}

pub(super) async fn start(server: &mut Running) -> Result<()> {
    server.base_path = "/scim/v2";
    let folder = server.folder.clone();
    // Users of an earlier run.
    let _ = fs::remove_file(folder.join("canaille.db"));
    // Without the server's name, which would send requests through the proxy elsewhere.
    let settings = format!(
        "SECRET_KEY = \"test\"\n[CANAILLE]\nDATABASE = \"sql\"\n[CANAILLE_SQL]\nDATABASE_URI = \"sqlite:///{shown}/canaille.db\"\n\
         [CANAILLE_SCIM]\nENABLE_SERVER = true\n[CANAILLE_OIDC]\n",
        shown = folder.display()
    );
    fs::write(folder.join("canaille.toml"), settings)?;
    // A client whose token is good for SCIM, and that may ask whether a password is a user's.
    let setup = format!(
        "import datetime\nfrom canaille import create_app\nfrom canaille.app import models\nfrom canaille.backends import Backend\n\
         with create_app().app_context():\n    \
             now = datetime.datetime.now(datetime.timezone.utc)\n    \
             client = models.Client(client_id='{CLIENT}', client_secret='{SECRET}', client_name='test', client_id_issued_at=now,\n        \
                 redirect_uris=['http://127.0.0.1/'], grant_types=['password'], token_endpoint_auth_method='client_secret_basic')\n    \
             Backend.instance.save(client)\n    \
             client.audience = [client]\n    \
             Backend.instance.save(client)\n    \
             Backend.instance.save(models.Token(token_id='scim', access_token='{TOKEN}', audience=[client], client=client,\n        \
                 subject=None, type='access_token', scope=['openid'], issue_date=now, lifetime=86400))\n"
    );
    fs::write(folder.join("setup.py"), setup)?;
    let program = |name: &str| {
        let mut command = Command::new(folder.join("venv/bin").join(name));
        command
            .current_dir(&folder)
            .env("CANAILLE_CONFIG", folder.join("canaille.toml"))
            .env("AUTHLIB_INSECURE_TRANSPORT", "1");
        command
    };
    run(program("canaille").arg("install"))?;
    run(program("python").arg("setup.py"))?;
    server.spawn(
        program("canaille").args(["run", "--bind", &server.address.to_string()]),
        "server.log",
    )?;
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
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": user, "password": password, "active": true,
        "name": {"formatted": user, "familyName": user}, "emails": [{"value": format!("{user}@example.com")}],
    });
    let request = server.http.post(server.url("/Users")).bearer_auth(TOKEN);
    server.send(request.json(&body), &[201]).await?;
    Ok(())
}

/// A locked user.
pub(super) async fn restrict(server: &Running, user: &str) -> Result<()> {
    let request = server.http.get(server.url("/Users")).bearer_auth(TOKEN);
    let (_, found) = server.send(request, &[200]).await?;
    let found = found["Resources"]
        .as_array()
        .ok_or("canaille does not list its users")?;
    let found = found.iter().find(|found| found["userName"] == user);
    let id = found.and_then(|found| found["id"].as_str());
    let id = id.ok_or("canaille does not find its user")?;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": false}],
    });
    let request = server.http.patch(server.url(&format!("/Users/{id}")));
    server
        .send(request.bearer_auth(TOKEN).json(&body), &[200])
        .await?;
    Ok(())
}

/// By the grant for which the client shows the user's password.
pub(super) async fn accepts(server: &Running, user: &str, password: &str) -> Result<bool> {
    // Two tokens of a user in one second differ by their issuer alone, the host that was asked; equal ones are an error.
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let host = format!("host{}.localhost", ASKED.fetch_add(1, Ordering::Relaxed));
    let url = format!("http://{}/oauth/token", server.address);
    let fields = [
        ("grant_type", "password"),
        ("username", user),
        ("password", password),
    ];
    let request = server.form(&url, &fields)?.header("host", host);
    let request = request.basic_auth(CLIENT, Some(SECRET));
    Ok(server.send(request, &[200, 400]).await?.0 == 200)
}
