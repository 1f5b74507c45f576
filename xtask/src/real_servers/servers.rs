//! The servers: how each is installed, started on loopback, and asked for the truth.

use std::error::Error;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A server that can be installed and started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    BetterAuth,
    Ejabberd,
    Keystone,
    Scim2,
}

/// A server that runs. Ended when dropped.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    /// Path of the API below the address.
    pub(crate) base_path: &'static str,
    /// The provider's section, without `base_url` and `auth`.
    pub(crate) section: String,
    /// `auth` of the section; the token is in a file.
    pub(crate) auth: String,
    pub(crate) folder: PathBuf,
    http: reqwest::Client,
    children: Vec<Child>,
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Server {
    pub(crate) const ALL: [Self; 4] = [Self::BetterAuth, Self::Ejabberd, Self::Keystone, Self::Scim2];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BetterAuth => "better-auth",
            Self::Ejabberd => "ejabberd",
            Self::Keystone => "keystone",
            Self::Scim2 => "scim2-server",
        }
    }

    /// A user of it, as repass names them, with the number `n`.
    pub(crate) fn user(self, n: usize) -> String {
        match self {
            Self::BetterAuth => format!("user{n}@example.com"),
            _ => format!("user{n}"),
        }
    }

    /// Whether users can change their own passwords there.
    pub(crate) fn has_change(self) -> bool {
        self == Self::Keystone
    }

    /// Installs what is missing into the folder, each at a fixed version.
    pub(crate) fn install(self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        match self {
            Self::Scim2 => venv(folder, "bin/scim2-server", &["scim2-server==0.8.3"]),
            Self::Keystone => venv(
                folder,
                "bin/keystone-manage",
                &["keystone==30.0.0", "waitress==3.0.2"],
            ),
            Self::BetterAuth => {
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
                    "better-auth@1.7.25",
                ]))
            }
            Self::Ejabberd => {
                if Path::new("/usr/sbin/ejabberdctl").exists() {
                    return Ok(());
                }
                super::packages::install(&["ejabberd"])
            }
        }
    }

    /// Starts it, with this many users besides its administrator.
    pub(crate) async fn start(self, folder: &Path, users: usize) -> Result<Running> {
        #[expect(
            clippy::disallowed_methods,
            reason = "asks the server for the truth, on loopback"
        )]
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()?;
        let address = free_address()?;
        let mut running = Running {
            server: self,
            address,
            base_path: "",
            section: String::new(),
            auth: String::new(),
            folder: folder.to_owned(),
            http,
            children: vec![],
        };
        match self {
            Self::Scim2 => running.start_scim2_server().await?,
            Self::Keystone => running.start_keystone().await?,
            Self::BetterAuth => running.start_better_auth().await?,
            Self::Ejabberd => running.start_ejabberd().await?,
        }
        for number in 0..users {
            running.add(&self.user(number), "Start-Passw0rd-7").await?;
        }
        Ok(running)
    }
}

pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} failed: {said}").into())
}

fn venv(folder: &Path, program: &str, packages: &[&str]) -> Result<()> {
    let venv = folder.join("venv");
    if venv.join(program).exists() {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    run(Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet"])
        .args(packages))
}

impl Running {
    fn url(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.address, self.base_path)
    }

    fn spawn(&mut self, command: &mut Command, log: &str) -> Result<()> {
        let log = File::create(self.folder.join(log))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        self.children.push(child);
        Ok(())
    }

    // Until the server answers at all.
    async fn wait(&mut self, path: &str) -> Result<()> {
        let start = Instant::now();
        let url = self.url(path);
        while start.elapsed() < Duration::from_secs(90) {
            if self.http.get(&url).send().await.is_ok() {
                return Ok(());
            }
            for child in &mut self.children {
                if let Some(status) = child.try_wait()? {
                    return Err(format!(
                        "{} ended with {status}; see its log in {}",
                        self.server.name(),
                        self.folder.display()
                    )
                    .into());
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("{} does not answer after 90 s", self.server.name()).into())
    }

    // Writes a secret where only its owner can read it.
    fn secret(&self, name: &str, text: &str) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }

    async fn send(&self, request: reqwest::RequestBuilder, accepted: &[u16]) -> Result<(u16, Value)> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        if !accepted.contains(&status) {
            return Err(format!("{}: unexpected {status}: {body}", self.server.name()).into());
        }
        Ok((status, serde_json::from_str(&body).unwrap_or_default()))
    }

    async fn start_scim2_server(&mut self) -> Result<()> {
        self.base_path = "/v2";
        let port = self.address.port().to_string();
        let mut command = Command::new(self.folder.join("venv/bin/scim2-server"));
        command.args([
            "--hostname",
            "127.0.0.1",
            "--port",
            &port,
            "--bearer-token",
            "scim-test-token",
        ]);
        self.spawn(&mut command, "server.log")?;
        self.wait("/ServiceProviderConfig").await?;
        let token = self.secret("token", "scim-test-token")?;
        self.auth = format!(
            "{{ kind = \"bearer\", token = {{ file = \"{}\" }} }}",
            token.display()
        );
        "kind = \"scim\"\n".clone_into(&mut self.section);
        Ok(())
    }

    async fn start_keystone(&mut self) -> Result<()> {
        self.base_path = "/v3";
        let folder = self.folder.clone();
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
        let public = format!("http://{}/v3", self.address);
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
            .args(["serve.py", &self.address.port().to_string()]);
        self.spawn(&mut command, "server.log")?;
        self.wait("").await?;
        let login = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": "admin", "domain": {"id": "default"}, "password": "Admin-Passw0rd-7"}}},
            "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}});
        let response = self
            .http
            .post(self.url("/auth/tokens"))
            .json(&login)
            .send()
            .await?;
        let token = response
            .headers()
            .get("x-subject-token")
            .ok_or("keystone gave no token")?;
        let token = self.secret("token", token.to_str()?)?;
        self.auth = format!(
            "{{ kind = \"header\", name = \"X-Auth-Token\", token = {{ file = \"{}\" }} }}",
            token.display()
        );
        "kind = \"keystone\"\nset = { domain = \"default\" }\n".clone_into(&mut self.section);
        Ok(())
    }

    async fn start_better_auth(&mut self) -> Result<()> {
        self.base_path = "/api/auth";
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
createServer(toNodeHandler(auth)).listen(port, "127.0.0.1");
"#;
        fs::write(self.folder.join("server.mjs"), program)?;
        let mut command = Command::new("node");
        command
            .current_dir(&self.folder)
            .args(["server.mjs", &self.address.port().to_string()]);
        self.spawn(&mut command, "server.log")?;
        self.wait("/ok").await?;
        let login = json!({"email": "admin@example.com", "password": "Admin-Passw0rd-7"});
        let request = self
            .http
            .post(self.url("/sign-in/email"))
            .header("origin", self.origin())
            .json(&login);
        let response = request.send().await?;
        let cookie = response
            .headers()
            .get("set-cookie")
            .ok_or("better-auth gave no session")?;
        let cookie = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
        let token = self.secret("cookie", &cookie)?;
        self.auth = format!(
            "{{ kind = \"header\", name = \"Cookie\", token = {{ file = \"{}\" }} }}",
            token.display()
        );
        self.section = format!(
            "kind = \"better-auth\"\nset = {{ origin = \"{}\" }}\n",
            self.origin()
        );
        Ok(())
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn start_ejabberd(&mut self) -> Result<()> {
        self.base_path = "/api";
        let folder = self.folder.clone();
        for name in ["log", "spool", "home"] {
            fs::create_dir_all(folder.join(name))?;
        }
        // Users of an earlier run.
        fs::remove_dir_all(folder.join("spool"))?;
        fs::create_dir_all(folder.join("spool"))?;
        let port = self.address.port();
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
        let mapper_port = free_address()?.port().to_string();
        let mut mapper = Command::new("epmd");
        mapper.args(["-port", &mapper_port, "-address", "127.0.0.1"]);
        self.spawn(&mut mapper, "epmd.log")?;
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
        self.spawn(&mut command, "server.log")?;
        self.wait("/status").await?;
        self.add("admin", "Admin-Passw0rd-7").await?;
        let password = self.secret("password", "Admin-Passw0rd-7")?;
        self.auth = format!(
            "{{ kind = \"basic\", username = \"admin@localhost\", password = {{ file = \"{}\" }} }}",
            password.display()
        );
        "kind = \"ejabberd\"\nset = { host = \"localhost\" }\n".clone_into(&mut self.section);
        Ok(())
    }

    fn token(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.join("token"))?)
    }

    async fn add(&self, user: &str, password: &str) -> Result<()> {
        match self.server {
            Server::Scim2 => {
                let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": user, "password": password});
                let request = self.http.post(self.url("/Users")).bearer_auth("scim-test-token");
                self.send(request.json(&body), &[201]).await?;
            }
            Server::Keystone => {
                let body = json!({"user": {"name": user, "domain_id": "default", "password": password}});
                let request = self
                    .http
                    .post(self.url("/users"))
                    .header("x-auth-token", self.token()?);
                self.send(request.json(&body), &[201]).await?;
            }
            Server::BetterAuth => {
                let cookie = fs::read_to_string(self.folder.join("cookie"))?;
                let body = json!({"email": user, "name": user, "role": "user", "password": password});
                let request = self.http.post(self.url("/admin/create-user"));
                let request = request.header("cookie", cookie).header("origin", self.origin());
                self.send(request.json(&body), &[200]).await?;
            }
            Server::Ejabberd => {
                let body = json!({"user": user, "host": "localhost", "password": password});
                self.send(self.http.post(self.url("/register")).json(&body), &[200])
                    .await?;
            }
        }
        Ok(())
    }

    /// Whether this is the user's password, by the server's own word.
    pub(crate) async fn accepts(&self, user: &str, password: &str) -> Result<bool> {
        match self.server {
            Server::Scim2 => {
                let filter = format!("userName eq {} and password eq {}", json!(user), json!(password));
                let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
                let request = self
                    .http
                    .post(self.url("/Users/.search"))
                    .bearer_auth("scim-test-token");
                let (_, found) = self.send(request.json(&body), &[200]).await?;
                Ok(found["totalResults"] == 1)
            }
            Server::Keystone => {
                let body = json!({"auth": {"identity": {"methods": ["password"], "password": {"user": {
                    "name": user, "domain": {"id": "default"}, "password": password}}}}});
                let request = self.http.post(self.url("/auth/tokens")).json(&body);
                Ok(self.send(request, &[201, 401]).await?.0 == 201)
            }
            Server::BetterAuth => {
                let body = json!({"email": user, "password": password});
                let request = self
                    .http
                    .post(self.url("/sign-in/email"))
                    .header("origin", self.origin());
                Ok(self.send(request.json(&body), &[200, 400, 401]).await?.0 == 200)
            }
            Server::Ejabberd => {
                let admin = fs::read_to_string(self.folder.join("password"))?;
                let body = json!({"user": user, "host": "localhost", "password": password});
                let request = self
                    .http
                    .post(self.url("/check_password"))
                    .basic_auth("admin@localhost", Some(admin));
                let (status, found) = self.send(request.json(&body), &[200, 400, 404]).await?;
                Ok(status == 200 && found == 0)
            }
        }
    }
}

pub(crate) fn identity(option: &str) -> Result<String> {
    let output = Command::new("id").arg(option).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
