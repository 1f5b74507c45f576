//! The JSON schema of the configuration. It is recorded while the decoder asks an empty document for its keys, so a key that
//! the decoder reads cannot be missing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::document::{Node, Table, Value as NodeValue};
use super::problem::Problems;
use super::provider_kinds::{Settings, all_kinds};
use super::section::{REFERENCE_KINDS, Section};
use super::{Config, decode};

impl Config {
    /// Returns the JSON schema (draft 7) of a configuration file, for editors and checkers. It covers the provider
    /// types of this build. [`from_file`](Self::from_file) checks more: values, and what the file refers to.
    ///
    /// ```
    /// let schema = repass::Config::json_schema();
    /// assert_eq!(schema["properties"]["on_unknown"]["enum"], serde_json::json!(["report", "resolve"]));
    /// ```
    pub fn json_schema() -> Value {
        let (root, problems) = (Rc::<ObjectSchema>::default(), Problems::default());
        let empty = table([]);
        let section = Section::of(String::new(), &empty, &problems).recording(&root);
        decode::root(section, Path::new(""), &problems);
        let mut schema = root.to_json();
        let kinds: Vec<Value> = all_kinds().iter().map(|kind| provider(&**kind)).collect();
        schema["properties"]["providers"] = json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9_-]{1,64}$" },
            "additionalProperties": { "oneOf": kinds },
        });
        schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
        schema["title"] = "repass.toml".into();
        schema["definitions"] = json!({ "secret": secret() });
        describe("", &mut schema);
        schema
    }
}

// One provider of this kind, with each of the credentials that it accepts.
fn provider(kind: &dyn Settings) -> Value {
    let (mut schema, mut auths) = (Value::Null, Vec::new());
    for auth in decode::auth_kinds(kind) {
        let (recorded, problems) = (Rc::<ObjectSchema>::default(), Problems::default());
        let auth_table = table([("kind", text(auth))]);
        let provider = table([("kind", text(kind.name())), ("auth", auth_table)]);
        let section = Section::of(String::new(), &provider, &problems).recording(&recorded);
        decode::provider(section, Path::new(""), &problems);
        schema = recorded.to_json();
        let mut of_auth = schema["properties"]["auth"].take();
        of_auth["properties"]["kind"] = json!({ "const": auth });
        require(&mut of_auth, "kind");
        auths.push(of_auth);
    }
    schema["properties"]["kind"] = json!({ "const": kind.name() });
    schema["properties"]["auth"] = json!({ "oneOf": auths });
    require(&mut schema, "auth");
    require(&mut schema, "kind");
    schema
}

fn table<const N: usize>(entries: [(&str, Node); N]) -> Node {
    let entries = entries.map(|(key, node)| (key.to_owned(), node));
    Node {
        origin: None,
        value: NodeValue::Table(Table::from(entries)),
    }
}

fn text(text: &str) -> Node {
    Node {
        origin: None,
        value: NodeValue::Text(text.to_owned()),
    }
}

fn require(schema: &mut Value, key: &str) {
    match &mut schema["required"] {
        Value::Array(keys) => keys.push(key.into()),
        keys => *keys = json!([key]),
    }
}

fn secret() -> Value {
    let mut properties = Map::new();
    for kind in REFERENCE_KINDS {
        let schema = if kind == "command" {
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })
        } else {
            json!({ "type": "string" })
        };
        properties.insert(kind.to_owned(), schema);
    }
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
        "description": "Where the secret comes from: an environment variable, a private file, or the output of a program.",
    })
}

/// The schema of one table, recorded key by key.
#[derive(Default)]
pub(super) struct ObjectSchema(RefCell<Recorded>);

#[derive(Default)]
struct Recorded {
    properties: BTreeMap<String, Value>,
    tables: BTreeMap<String, Rc<ObjectSchema>>,
    required: BTreeSet<String>,
}

impl ObjectSchema {
    /// Records a key with the schema of its value.
    pub(super) fn property(&self, key: &str, schema: Value) {
        self.0.borrow_mut().properties.insert(key.to_owned(), schema);
    }

    /// Records a key that must be there.
    pub(super) fn require(&self, key: &str) {
        self.0.borrow_mut().required.insert(key.to_owned());
    }

    /// Records a key with a table for its value.
    pub(super) fn table(&self, key: &str) -> Rc<Self> {
        Rc::clone(self.0.borrow_mut().tables.entry(key.to_owned()).or_default())
    }

    fn to_json(&self) -> Value {
        let recorded = self.0.borrow();
        let mut properties: Map<String, Value> = recorded.properties.clone().into_iter().collect();
        let tables = recorded.tables.iter();
        properties.extend(tables.map(|(key, table)| (key.clone(), table.to_json())));
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !recorded.required.is_empty() {
            schema["required"] = json!(recorded.required);
        }
        schema
    }
}

// Adds the descriptions to every property below.
fn describe(path: &str, schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (key, property) in properties {
            let path = super::document::join(path, key);
            let known = DESCRIPTIONS.iter().find(|(known, _)| *known == path);
            if let Some((_, description)) = known
                && let Some(property) = property.as_object_mut()
            {
                property.insert("description".to_owned(), (*description).into());
            }
            // The keys of a provider are described without its name.
            let below = if path == "providers" { "" } else { &path };
            describe(below, property);
        }
    }
    for choice in schema
        .get_mut("oneOf")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        describe(path, choice);
    }
    if let Some(additional) = schema.get_mut("additionalProperties") {
        describe(path, additional);
    }
}

const DESCRIPTIONS: &[(&str, &str)] = &[
    (
        "allow",
        "The only mode of change that is allowed: `change` by the user, or `reset` by an administrator.",
    ),
    (
        "attempt_timeout",
        "How long one attempt may take, from its start to the last byte of its response, such as `30s`.",
    ),
    ("audit", "Writes a record of every change to a file."),
    (
        "audit.file",
        "The audit file, as lines of JSON. Relative paths start from the folder of this file.",
    ),
    ("auth", "The credentials at the provider."),
    ("auth.account", "The e-mail address of the service account."),
    ("auth.account_id", "The id of the Zoom account."),
    (
        "auth.bind_dn",
        "The DN of the service account, or another name that the server accepts.",
    ),
    ("auth.client_id", "The id of the client."),
    ("auth.client_secret", "Where the client's secret comes from."),
    ("auth.kind", "The type of the credentials."),
    (
        "auth.key_id",
        "The name that the provider gave to the private key.",
    ),
    (
        "auth.private_key",
        "Where the private key comes from: PKCS#8 in PEM, RSA or P-256.",
    ),
    ("auth.scope", "The scopes to request, separated by spaces."),
    ("auth.subject", "The user in whose name the service account acts."),
    ("auth.token", "Where the token comes from."),
    ("auth.token_url", "The token endpoint."),
    (
        "base_url",
        "The root of the provider's API: https, or http to this machine.",
    ),
    (
        "breach",
        "A service of breached passwords, asked for every new password by the first digits of its hash.",
    ),
    (
        "breach.on_failure",
        "What happens to a change if the service cannot be asked.",
    ),
    ("breach.timeout", "How long the request may take, such as `2s`."),
    ("breach.url", "The service, without `/range`."),
    (
        "connect_timeout",
        "How long connecting may take, TLS included, such as `5s`.",
    ),
    ("default_provider", "The provider to use when none is named."),
    (
        "exactly_once",
        "Whether a change whose response was lost is sent once more, which the directory refuses if it has made it.",
    ),
    ("kind", "The type of the provider."),
    (
        "max_in_flight",
        "How many changes may be in flight at once. Unlimited by default.",
    ),
    (
        "on_unknown",
        "What the command line does about a change whose outcome is unknown.",
    ),
    (
        "login_attribute",
        "The attribute of a directory's users that holds the name by which they are known here.",
    ),
    (
        "marker_attribute",
        "The attribute of a directory's users that holds the id of the last change by the service account.",
    ),
    (
        "must_change",
        "Whether a reset makes the user choose another password at the next login.",
    ),
    (
        "plain_loopback",
        "Whether the directory is reached without TLS, which only an address of this machine may be.",
    ),
    ("policy", "Rules for new passwords, on top of the provider's."),
    ("policy.blocklist", "Passwords to reject."),
    (
        "policy.blocklist.file",
        "The list, one password or hash per line.",
    ),
    (
        "policy.blocklist.format",
        "What a line of the list is: a password, or its SHA-1 hash.",
    ),
    ("policy.preset", "Published rules to start from."),
    (
        "policy_dn",
        "The entry of the directory's default password policy, where its users do not name it.",
    ),
    ("providers", "The providers, by name."),
    ("proxy", "An HTTP proxy through which the provider is reached."),
    (
        "shared",
        "State that several processes share, so that they act as one.",
    ),
    (
        "shared.secret",
        "The secret for hashing idempotency keys and users: 32 bytes or more, the same for every process.",
    ),
    ("shared.postgres", "The PostgreSQL database that holds the state."),
    (
        "shared.postgres.schema",
        "The schema that holds the tables: `repass` by default.",
    ),
    (
        "shared.postgres.tls",
        "Certificates. TLS is required except on Unix sockets and loopback addresses.",
    ),
    (
        "shared.postgres.tls.ca_file",
        "A PEM file of certificate authorities to trust besides the system's.",
    ),
    (
        "shared.postgres.url",
        "The URL of the database: `postgresql://USER@HOST/DATABASE`.",
    ),
    ("tls", "Certificates. Verification cannot be switched off."),
    (
        "tls.ca_file",
        "A PEM file of certificate authorities to trust besides the system's.",
    ),
    ("unlock", "Whether a reset unlocks the account."),
    (
        "url",
        "The directory server: `ldaps://host`, `ldap://host` with StartTLS, or `ldapi://%2Fpath`.",
    ),
    (
        "user_base",
        "The DN of the entry below which the directory's users are.",
    ),
];
