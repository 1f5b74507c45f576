mod local_policy;
mod references;
#[cfg(feature = "http")]
mod table_files;
mod variables;

use std::fs;

use super::*;
use crate::secrets::SecretRef;

const ZOOM: &str =
    "[providers.zoom]\nkind = \"zoom\"\nauth = { kind = \"bearer\", token = { env = \"T\" } }\n";
const PORTAL: &str = "[providers.portal]\nkind = \"identity\"\nbase_url = \"https://id.example.com/identity\"\n\
                      auth = { kind = \"bearer\", token = { env = \"T\" } }\n";

fn problems(toml: &str) -> Vec<String> {
    match Config::from_toml(toml) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    }
}

fn every_kind() -> String {
    section::spell(all_kinds().iter().map(|kind| kind.name()))
}

fn variables<const N: usize>(pairs: [(&str, &str); N]) -> [(OsString, OsString); N] {
    pairs.map(|(name, value)| (name.into(), value.into()))
}

fn load<const N: usize>(toml: &str, overrides: [(&str, &str); N]) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("repass.toml");
    fs::write(&path, toml).unwrap();
    Config::load(Some(&path), variables(overrides))
}

#[test]
fn what_is_told_controls_no_terminal_and_ends() {
    let long = "x".repeat(5_000);
    let reported = problems(&format!("\"a\\u001b[31m\\u202e\" = 1\n{long} = 2\n{ZOOM}"));
    assert_eq!(reported.len(), 2);
    assert_eq!(reported[0], "config:1: a\\u{1b}[31m\\u{202e}: unknown key");
    assert!(reported[1].len() < 400, "{}", reported[1]);
}

#[test]
fn two_providers_are_read_with_their_defaults() {
    let config = Config::from_toml(&format!("default_provider = \"zoom\"\n{ZOOM}{PORTAL}")).unwrap();
    assert_eq!(config.default_provider(), Some("zoom"));
    let provider_kinds: Vec<_> = config
        .providers()
        .map(|(name, provider)| (name, provider.kind().name()))
        .collect();
    assert_eq!(provider_kinds, [("portal", "identity"), ("zoom", "zoom")]);
    let (_, zoom) = config.providers().nth(1).unwrap();
    assert_eq!(zoom.connection.base_url, "https://api.zoom.us/v2");
    assert_eq!(zoom.settings::<ZoomSettings>().unwrap().plan, Plan::Pro);
    assert!(zoom.settings::<IdentitySettings>().is_none());
    assert_eq!(zoom.connection.connect_timeout.as_secs(), 10);
}

#[test]
fn every_key_is_read() {
    let config = Config::from_toml(
        r#"
        [providers.z]
        kind = "zoom"
        plan = "business"
        body = "form-data"
        base_url = "https://zoom.example.com/v2"
        allow = "reset"
        connect_timeout = "2s"
        attempt_timeout = "1500ms"
        tls = { ca_file = "/ca.pem" }
        [providers.z.auth]
        kind = "server-to-server"
        account_id = "a"
        client_id = "c"
        client_secret = { command = ["op", "read"] }
        [providers.i]
        kind = "identity"
        base_url = "https://id.example.com/identity_"
        organization = "0c6a0000-0000-4000-8000-00000000000a"
        deployment = "cloud"
        [providers.i.auth]
        kind = "client-credentials"
        token_url = "https://id.example.com/identity_/connect/token"
        client_id = "c"
        client_secret = { file = "/run/secrets/portal" }
        scope = "PM.User.Write"
        "#,
    )
    .unwrap();
    let shown = toml::to_string(&config).unwrap();
    for line in [
        "plan = \"business\"",
        "body = \"form-data\"",
        "allow = \"reset\"",
        "base_url = \"https://zoom.example.com/v2\"",
        "connect_timeout = \"2s\"",
        "attempt_timeout = \"1500ms\"",
        "ca_file = \"/ca.pem\"",
        "kind = \"server-to-server\"",
        "token_url = \"https://zoom.us/oauth/token\"",
        "command = [\"op\", \"…\"]",
        "kind = \"client-credentials\"",
        "file = \"/run/secrets/portal\"",
        "scope = \"PM.User.Write\"",
        "organization = \"0c6a0000-0000-4000-8000-00000000000a\"",
        "deployment = \"cloud\"",
    ] {
        assert!(shown.contains(line), "{line} in:\n{shown}");
    }
    assert!(
        Config::from_toml(&shown).is_ok(),
        "what is shown reads back:\n{shown}"
    );
}

#[test]
fn zoom_for_government_has_a_token_endpoint_of_its_own() {
    for (base_url, token_url) in [
        ("", "https://zoom.us/oauth/token"),
        (
            "base_url = \"https://api.zoomgov.com/v2\"",
            "https://zoomgov.com/oauth/token",
        ),
    ] {
        let config = Config::from_toml(&format!(
            "[providers.z]\nkind = \"zoom\"\n{base_url}\n[providers.z.auth]\nkind = \"server-to-server\"\n\
             account_id = \"a\"\nclient_id = \"c\"\nclient_secret = {{ env = \"S\" }}\n"
        ));
        let shown = toml::to_string(&config.unwrap()).unwrap();
        assert!(shown.contains(&format!("token_url = \"{token_url}\"")), "{shown}");
    }
}

#[test]
fn all_problems_are_told_at_once_each_with_its_line() {
    let found = problems(
        "default_provider = \"zom\"\n\
         defualt = 1\n\
         [providers.zoom]\n\
         kind = \"zoom\"\n\
         plan = \"busines\"\n\
         base_ulr = \"x\"\n\
         auth = { kind = \"bearer\" }\n\
         connect_timeout = \"fast\"\n\
         attempt_timeout = 30\n\
         [providers.portal]\n\
         kind = \"identity\"\n\
         auth = { kind = \"server-to-server\" }\n\
         [providers.third]\n\
         kind = \"acme\"\n",
    );
    let expected = [
        "config:1: default_provider: names no configured provider; did you mean `zoom`?",
        "config:2: defualt: unknown key",
        "config:5: providers.zoom.plan: must be \"free\", \"pro\", \"business\" or \"unlimited\"; did you mean `business`?",
        "config:6: providers.zoom.base_ulr: unknown key; did you mean `base_url`?",
        "config:7: providers.zoom.auth.token: is missing",
        "config:8: providers.zoom.connect_timeout: must be a duration such as `500ms`, `30s` or `2m`",
        "config:9: providers.zoom.attempt_timeout: must be a string, not a number",
        "config:10: providers.portal.base_url: is missing",
        "config:12: providers.portal.auth.kind: must be \"bearer\" or \"client-credentials\"",
        &format!("config:14: providers.third.kind: must be {}", every_kind()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn bad_values_are_told() {
    for (toml, expected) in [
        (
            "",
            "config: providers: no provider is configured; add a section [providers.NAME]",
        ),
        (
            "providers = 3",
            "config:1: providers: must be a table, not a number",
        ),
        (
            "[providers]\nzoom = []",
            "config:2: providers.zoom: must be a table, not an array",
        ),
        (
            "[providers.zoom]",
            &format!("config:1: providers.zoom.kind: is missing; give {}", every_kind()),
        ),
        (
            &ZOOM.replace("providers.zoom", "providers.\"a b\""),
            "config:1: providers.a b: a provider's name is 1 to 64 letters, digits, `-` and `_`",
        ),
        (
            &format!("{ZOOM}base_url = \"http://example.com\""),
            "config:4: providers.zoom.base_url: is plain http to another machine; passwords go over https only",
        ),
        (
            &format!("{ZOOM}connect_timeout = \"0s\""),
            "config:4: providers.zoom.connect_timeout: must be longer than nothing",
        ),
        (
            &format!("{PORTAL}organization = \"acme\""),
            "config:5: providers.portal.organization: must be the organization's GUID",
        ),
        (
            &format!("{ZOOM}tls = {{ ca = \"x\" }}"),
            "config:4: providers.zoom.tls.ca: unknown key",
        ),
    ] {
        assert_eq!(problems(toml), [expected], "{toml}");
    }
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let found = problems("default_provider = \"a\"\nx =\ny = ]\n");
    assert!(found[0].starts_with("config:2: not TOML: "), "{found:?}");
    assert!(found[1].starts_with("config:3: not TOML: "), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn a_file_that_others_can_change_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("repass.toml");
    let authority = directory.path().join("ca.pem");
    fs::write(&file, "").unwrap();
    fs::write(&authority, "").unwrap();
    let config = Config::from_toml(ZOOM).unwrap();
    let (_, zoom) = config.providers().next().unwrap();
    for mode in [0o664, 0o646, 0o666] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let text = Config::from_file(&file).unwrap_err().to_string();
        let expected = format!(
            "{}: can be changed by others than its owner (mode {mode:o}); run `chmod go-w` on it",
            file.display()
        );
        assert_eq!(text, expected);
        fs::set_permissions(&authority, fs::Permissions::from_mode(mode)).unwrap();
        let mut connection = zoom.connection.clone();
        connection.tls.ca_file = Some(authority.clone());
        let url = connection.base_url.parse().unwrap();
        let text = connection.http_client(url).unwrap_err();
        assert!(text.contains("ca.pem can be changed by others"), "{text}");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let other_problems = Config::from_file(&file).unwrap_err().to_string();
    assert!(!other_problems.contains("changed"), "{other_problems}");
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("none.toml");
    let text = Config::from_file(&missing).unwrap_err().to_string();
    assert!(
        text.starts_with(&format!("{}: cannot be read: ", missing.display())),
        "{text}"
    );
    let binary = directory.path().join("binary.toml");
    fs::write(&binary, b"a = \"\xff\"").unwrap();
    assert!(
        Config::from_file(&binary)
            .unwrap_err()
            .to_string()
            .ends_with("is not valid UTF-8")
    );
}

#[test]
fn paths_start_from_the_file_s_folder() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("repass.toml");
    let toml = ZOOM.replace("env = \"T\"", "file = \"token\"");
    fs::write(&path, format!("{toml}tls = {{ ca_file = \"/abs/ca.pem\" }}")).unwrap();
    let shown = toml::to_string(&Config::from_file(&path).unwrap()).unwrap();
    assert!(
        shown.contains(&format!(
            "file = \"{}\"",
            directory.path().join("token").display()
        )),
        "{shown}"
    );
    assert!(shown.contains("ca_file = \"/abs/ca.pem\""), "{shown}");
}

#[test]
fn without_a_choice_the_only_provider_is_meant() {
    assert_eq!(Config::from_toml(ZOOM).unwrap().default_provider(), Some("zoom"));
    assert_eq!(
        Config::from_toml(&format!("{ZOOM}{PORTAL}"))
            .unwrap()
            .default_provider(),
        None
    );
}

#[test]
fn a_configuration_made_in_code_is_checked_as_well() {
    let auth = Auth::ServerToServer(ServerToServer {
        account_id: String::new(),
        client_id: "c".into(),
        client_secret: SecretRef::Env("T".into()),
        token_url: "ftp://x".into(),
    });
    let config = Config::new()
        .with_provider("a b", ProviderConfig::new(ZoomSettings::default(), auth))
        .with_default_provider("c");
    let text = crate::Services::builder()
        .config(config)
        .build()
        .unwrap_err()
        .to_string();
    for part in [
        "default_provider: names",
        "providers.a b: a",
        "account_id: must be 1",
        "token_url: is neither",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn shared_state_needs_a_database_and_a_secret() {
    let found = |shared: &str| problems(&format!("{shared}\n{ZOOM}"));
    assert_eq!(
        found("[shared]"),
        [
            "config:1: shared.postgres: is missing; it says where the state is",
            "config:1: shared.secret: is missing"
        ]
    );
    assert_eq!(
        found("[shared]\npostgres = { ulr = \"x\" }\nsecret = \"in clear\""),
        [
            "config:2: shared.postgres.ulr: unknown key; did you mean `url`?",
            "config:2: shared.postgres.url: is missing",
            "config:3: shared.secret: must say where the secret is, never hold it: write { env = \"NAME\" }, \
             { file = \"PATH\" } or { command = [\"PROGRAM\", …] }"
        ]
    );
    let good = "[shared]\npostgres = { url = { env = \"U\" }, schema = \"s\" }\nsecret = { env = \"S\" }\n";
    let config = Config::from_toml(&format!("{good}{ZOOM}")).unwrap();
    assert_eq!(config.shared().unwrap().postgres.schema, "s");
}

#[cfg(feature = "postgres")]
#[test]
fn shared_state_refuses_a_short_secret_and_plain_text_over_a_network() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        path.display().to_string()
    };
    let url = file(
        "url",
        "postgresql://repass:canary-77@db.example.com/repass?sslmode=disable",
    );
    let secret = file("secret", "too-short");
    let toml = format!(
        "[shared]\npostgres = {{ url = {{ file = \"{url}\" }} }}\nsecret = {{ file = \"{secret}\" }}\n\
         [providers.zoom]\nkind = \"zoom\"\nauth = {{ kind = \"bearer\", token = {{ env = \"T\" }} }}\n"
    );
    let config = Config::from_toml(&toml).unwrap();
    let refused = crate::SharedState::open(&config, std::time::Duration::from_secs(1))
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("config:2: shared.postgres.url: `sslmode=disable` is for"),
        "{refused}"
    );
    assert!(
        refused.contains("config:3: shared.secret: has fewer than 32 bytes"),
        "{refused}"
    );
    assert!(!refused.contains("canary"), "{refused}");
}
