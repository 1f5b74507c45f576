//! WordPress over a MariaDB of its own, behind PHP's server.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Result, Running, identity, run};

/// Debian's copy.
const PROGRAM: &str = "/usr/share/wordpress";

pub(super) fn install() -> Result<()> {
    super::super::packages::install(&["wordpress", "mariadb-server", "php-cli", "php-mysql"])
}

pub(super) async fn start(server: &mut Running) -> Result<()> {
    start_database(server).await?;
    let folder = server.folder.clone();
    write_site(server)?;
    let token = folder.join("token");
    run(php(&folder)
        .env("REPASS_TOKEN_FILE", &token)
        .arg(folder.join("setup.php")))?;
    let password = server.secret("password", &fs::read_to_string(&token)?)?;
    let mut command = php(&folder);
    command
        .args(["-S", &server.address.to_string(), "-t"])
        .arg(folder.join("site"))
        .arg(folder.join("router.php"));
    server.spawn(&mut command, "server.log")?;
    server.wait("/wp-json").await?;
    server.auth = format!(
        "{{ kind = \"basic\", username = \"admin\", password = {{ file = \"{}\" }} }}",
        password.display()
    );
    "kind = \"wordpress\"\n".clone_into(&mut server.section);
    Ok(())
}

fn sql(folder: &Path, statements: &str) -> Result<()> {
    run(database(folder, "mariadb").args(["--user=root", "--execute", statements]))
}

fn database(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--no-defaults")
        .arg(format!("--socket={}", folder.join("db.sock").display()));
    command
}

/// Reachable over a socket alone.
async fn start_database(server: &mut Running) -> Result<()> {
    let folder = server.folder.clone();
    let data = folder.join("database");
    let user = identity("-un")?;
    // Users of an earlier run.
    let _ = fs::remove_dir_all(&data);
    let _ = fs::remove_file(folder.join("db.sock"));
    let options = [format!("--datadir={}", data.display()), format!("--user={user}")];
    run(database(&folder, "mariadb-install-db")
        .args(&options)
        .args(["--auth-root-authentication-method=normal", "--skip-test-db"]))?;
    let mut command = database(&folder, "mariadbd");
    command.args(&options).args([
        "--skip-networking",
        "--pid-file=mariadbd.pid",
        "--innodb-flush-log-at-trx-commit=0",
    ]);
    server.spawn(&mut command, "database.log")?;
    let start = Instant::now();
    loop {
        // The site's user is bound by `read_only`, unlike root.
        let created = sql(
            &folder,
            "CREATE OR REPLACE DATABASE wordpress; CREATE OR REPLACE USER site@localhost IDENTIFIED BY 'test'; \
             GRANT ALL ON wordpress.* TO site@localhost",
        );
        match created {
            Ok(()) => return Ok(()),
            Err(error) if start.elapsed() > Duration::from_secs(60) => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

// The site is Debian's, with a configuration of its own in place of the one that Debian's reads from /etc.
fn write_site(server: &Running) -> Result<()> {
    let folder = &server.folder;
    let site = folder.join("site");
    let _ = fs::remove_dir_all(&site);
    fs::create_dir_all(&site)?;
    for entry in fs::read_dir(PROGRAM)? {
        let entry = entry?;
        if entry.file_name() != "wp-config.php" && entry.file_name() != ".htaccess" {
            symlink(entry.path(), site.join(entry.file_name()))?;
        }
    }
    let shown = folder.display();
    let config = format!(
        r"<?php
define('DB_NAME', 'wordpress');
define('DB_USER', 'site');
define('DB_PASSWORD', 'test');
define('DB_HOST', 'localhost:{shown}/db.sock');
define('DB_CHARSET', 'utf8mb4');
define('WP_ENVIRONMENT_TYPE', 'local'); // application passwords without TLS
define('WP_HOME', 'http://{address}');
define('WP_SITEURL', 'http://{address}');
define('WPMU_PLUGIN_DIR', '{shown}/plugins');
define('DISABLE_WP_CRON', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'] as $name)
    define($name, 'test-' . $name);
$table_prefix = 'wp_';
require_once ABSPATH . 'wp-settings.php';
",
        address = server.address
    );
    fs::write(site.join("wp-config.php"), config)?;
    // What plugins do that suspend users.
    let plugin = r"<?php
add_filter('wp_authenticate_user', fn($user) => $user instanceof WP_User && in_array('suspended', $user->roles)
    ? new WP_Error('incorrect_password', 'no') : $user);
";
    fs::create_dir_all(folder.join("plugins"))?;
    fs::write(folder.join("plugins/suspended.php"), plugin)?;
    let setup = r"<?php
define('ABSPATH', __DIR__ . '/site/');
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = '127.0.0.1';
function wp_mail() { return true; }
require ABSPATH . 'wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('test', 'admin', 'admin@example.com', false, '', 'Admin-Passw0rd-7');
update_option('permalink_structure', '/%postname%/');
add_role('suspended', 'Suspended');
[$password] = WP_Application_Passwords::create_new_application_password(1, ['name' => 'repass']);
file_put_contents(getenv('REPASS_TOKEN_FILE'), $password);
";
    fs::write(folder.join("setup.php"), setup)?;
    let router = r"<?php
define('ABSPATH', __DIR__ . '/site/');
$script = $_SERVER['SCRIPT_NAME'] === '/wp-login.php' ? 'wp-login.php' : 'index.php';
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/' . $script;
require ABSPATH . $script;
";
    fs::write(folder.join("router.php"), router)?;
    Ok(())
}

// Mails to the users end here.
fn php(folder: &Path) -> Command {
    let mut command = Command::new("php");
    command
        .current_dir(folder)
        .args(["-d", "sendmail_path=/bin/true"]);
    command
}

fn authorized(server: &Running, request: reqwest::RequestBuilder) -> Result<reqwest::RequestBuilder> {
    let password = fs::read_to_string(server.folder.join("password"))?;
    Ok(request.basic_auth("admin", Some(password)))
}

pub(super) async fn add(server: &Running, user: &str, password: &str) -> Result<()> {
    // Listed by this name: users with longer names first.
    let name = "x".repeat(20_usize.saturating_sub(user.len()));
    let email = format!("{user}@example.com");
    let body = json!({"username": user, "name": name, "email": email, "password": password});
    let request = authorized(server, server.http.post(server.url("/wp-json/wp/v2/users")))?;
    server.send(request.json(&body), &[201]).await?;
    Ok(())
}

/// A plugin refuses users of this role as if their passwords were wrong.
pub(super) async fn restrict(server: &Running, user: &str) -> Result<()> {
    let url = server.url(&format!(
        "/wp-json/wp/v2/users?context=edit&search={user}&per_page=100"
    ));
    let request = authorized(server, server.http.get(url))?;
    let (_, found) = server.send(request, &[200]).await?;
    let found = found.as_array().ok_or("wordpress does not list its users")?;
    let found = found.iter().find(|found| found["username"] == user);
    let id = &found.ok_or("wordpress does not find its user")?["id"];
    let request = server
        .http
        .post(server.url(&format!("/wp-json/wp/v2/users/{id}")));
    let request = authorized(server, request)?;
    let suspended = json!({"roles": ["suspended"]});
    server.send(request.json(&suspended), &[200]).await?;
    Ok(())
}

/// Whether the database refuses what would change it, as a replica does.
pub(super) fn set_read_only(server: &Running, is_read_only: bool) -> Result<()> {
    sql(
        &server.folder,
        &format!("SET GLOBAL read_only = {}", u8::from(is_read_only)),
    )
}

/// By the form with which people log in, which leads on to their pages.
pub(super) async fn accepts(server: &Running, user: &str, password: &str) -> Result<bool> {
    let url = format!("http://{}/wp-login.php", server.address);
    let request = server.form(&url, &[("log", user), ("pwd", password)])?;
    Ok(server.send(request, &[200, 302]).await?.0 == 302)
}
