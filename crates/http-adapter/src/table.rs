//! What a provider's API looks like, as data: requests, and what their responses mean.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use repass_domain::{Grade, PasswordPolicy, Rule};
use repass_transport::{HeaderName, Method, RateLimit};
use serde::Deserialize;
use serde_json::Value;

use crate::condition::{Condition, Pointer, RawCondition};
use crate::discovery::{Discovery, LANGUAGES};
use crate::lint;
use crate::login::{Expiry, Login, TokenPlace};
use crate::row::{RawRow, Row};
use crate::template::{Scope, Template};
use crate::timestamp::TimestampProbe;

/// A problem of a table: where, and what. Never quotes a secret, since a table holds none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableProblem {
    /// The path of the key with the problem, such as `reset.rows[3]`; empty for the table as a whole.
    pub key: String,
    /// What is wrong with the key and what to do.
    pub message: String,
}

impl TableProblem {
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

/// What a table says of itself, for people and for the command line.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct About {
    /// The provider, and what is changed there.
    pub(crate) title: String,
    /// How its rows were verified: `real server`, `source` or `documentation`.
    pub(crate) verified: String,
    /// Where its API is, if that is one place for everybody.
    pub(crate) base_url: Option<String>,
    /// How credentials can be given, besides `bearer`.
    pub(crate) auth: Vec<String>,
    /// A section of a configuration, with placeholders.
    #[serde(rename = "section")]
    pub(crate) _section: String,
    /// The values of `set` that a configuration must give, each with what it is.
    pub(crate) needs: BTreeMap<String, String>,
    pub(crate) nonexistent_user: UserForm,
}

/// How the users of a provider are named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UserForm {
    #[default]
    Email,
    Guid,
    Name,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawTable {
    about: About,
    set: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    correlation: Option<String>,
    policy: Option<PasswordPolicy>,
    discovery: Option<RawDiscovery>,
    rate_limit: Option<RawRateLimit>,
    require: Option<RawRequire>,
    login: Option<RawLogin>,
    lookup: Option<RawLookup>,
    reset: Option<RawCall>,
    change: Option<RawCall>,
    rows: Vec<RawRow>,
    confirm: Option<RawConfirm>,
    probe: Option<RawProbe>,
    sole_writer: bool,
}

/// Of all requests together.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRateLimit {
    requests: NonZeroU32,
    per_seconds: NonZeroU32,
}

impl From<RawRateLimit> for RateLimit {
    fn from(raw: RawRateLimit) -> Self {
        Self {
            requests: raw.requests.get(),
            window: Duration::from_secs(raw.per_seconds.get().into()),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDiscovery {
    path: String,
    list: Option<String>,
    #[serde(default)]
    rules: BTreeMap<String, String>,
    text: Option<RawText>,
    /// For readers of the table.
    #[serde(default, rename = "from")]
    _from: Grade,
}

/// Rules in a text of the provider's own language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawText {
    at: String,
    language: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequire {
    method: Option<String>,
    path: String,
    body: Option<Value>,
    status: Option<u16>,
    at: String,
    is: Value,
    hint: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLogin {
    method: String,
    path: String,
    body: Value,
    #[serde(default)]
    form: bool,
    status: u16,
    token_at: Option<String>,
    token_header: Option<String>,
    expires_at: Option<String>,
    expires_in: Option<String>,
    header: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLookup {
    path: String,
    list: Option<String>,
    id: String,
    same: String,
    #[serde(default)]
    same_or_id: bool,
    #[serde(default)]
    ignore_case: bool,
    #[serde(default)]
    keep: BTreeMap<String, String>,
    #[serde(default)]
    refuse: Vec<RawRefuse>,
    not_found: Option<Vec<RawRow>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRefuse {
    at: String,
    is: Option<Value>,
    has: Option<String>,
    not: Option<Vec<Value>>,
    absent: Option<bool>,
    hint: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    method: String,
    path: String,
    body: Option<Value>,
    #[serde(default)]
    form: bool,
    #[serde(default)]
    auth: Authentication,
    rows: Option<Vec<RawRow>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "one per table, while it is read")]
enum RawProbe {
    /// Sends the change once more: the provider takes the password that is valid already.
    Repeat {
        /// For readers of the table.
        #[serde(default, rename = "from")]
        _from: Grade,
    },
    /// The time at which the password was last set, in the response to the look-up.
    Timestamp {
        at: String,
        lag_seconds: Option<u64>,
        /// For readers of the table.
        #[serde(default, rename = "from")]
        _from: Grade,
    },
    /// A request whose response tells whether the new password is in place.
    Request {
        method: String,
        path: String,
        body: Option<Value>,
        #[serde(default)]
        form: bool,
        #[serde(default)]
        auth: Authentication,
        in_place: RawRowCondition,
        not_in_place: Option<RawRowCondition>,
        /// A question with the same meaning about a password that no one has, whose answer must be no.
        control: Option<RawControl>,
        /// For readers of the table.
        #[serde(default, rename = "from")]
        _from: Grade,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfirm {
    method: String,
    path: String,
    body: Option<Value>,
    #[serde(default)]
    form: bool,
    #[serde(default)]
    auth: Authentication,
    in_place: RawRowCondition,
    /// For readers of the table.
    #[serde(default, rename = "from")]
    _from: Grade,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawControl {
    path: String,
    status: u16,
    at: String,
    is: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRowCondition {
    status: u16,
    header: Option<String>,
    at: Option<String>,
    is: Option<Value>,
    has: Option<String>,
    #[serde(default)]
    and: Vec<RawCondition>,
}

/// With whose credentials a request is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Authentication {
    /// The configured ones.
    #[default]
    Configured,
    /// None.
    None,
    /// The user's name and new password, as HTTP Basic.
    NewPassword,
    /// The user's name and current password, as HTTP Basic.
    CurrentPassword,
}

/// A description of how to change passwords by a provider's HTTP API: requests, and what each response means.
/// [`HttpSettings`](crate::HttpSettings) holds it. A table that exists has passed every lint.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) hash: Arc<str>,
    pub(crate) about: About,
    pub(crate) headers: Vec<(String, Template)>,
    pub(crate) correlation: Option<&'static str>,
    pub(crate) policy: PasswordPolicy,
    pub(crate) discovery: Option<Discovery>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) require: Option<Require>,
    pub(crate) login: Option<Login>,
    pub(crate) lookup: Option<Lookup>,
    pub(crate) reset: Option<Call>,
    pub(crate) change: Option<Call>,
    /// What must show that a change was made, if the provider's word is not enough.
    pub(crate) confirm: Option<Box<ProbeRequest>>,
    pub(crate) probe: Option<Probe>,
}

/// What the provider must say before a change is sent, of itself or by its response to a request without effect.
#[derive(Debug, Clone)]
pub(crate) struct Require {
    pub(crate) exchange: Exchange,
    pub(crate) status: u16,
    pub(crate) condition: Condition,
    pub(crate) hint: Option<&'static str>,
}

/// How a user is found. What is found is compared with what was asked for: filters may be ignored or match parts.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    pub(crate) path: Template,
    pub(crate) list: Option<Pointer>,
    pub(crate) id: Pointer,
    pub(crate) same: Pointer,
    /// Whether the user may be named by the id, too.
    pub(crate) accepts_id: bool,
    pub(crate) ignores_case: bool,
    pub(crate) keep: Vec<(String, Pointer)>,
    pub(crate) refuse: Vec<Refuse>,
    pub(crate) not_found: Vec<Row>,
}

/// A user whose password cannot be set here.
#[derive(Debug, Clone)]
pub(crate) struct Refuse {
    pub(crate) condition: Condition,
    pub(crate) hint: Option<&'static str>,
}

/// One request that changes a password, and what its responses mean.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) exchange: Exchange,
    pub(crate) rows: Vec<Row>,
    /// Where they stand: they may be those of every call.
    pub(crate) rows_key: String,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) path: Template,
    pub(crate) body: Option<Body>,
    pub(crate) is_form: bool,
    pub(crate) authentication: Authentication,
}

/// A body, as a document with `{names}` in its texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Constant(Value),
    Text(Template),
    List(Vec<Body>),
    Object(Vec<(String, Body)>),
}

/// How an unknown outcome is resolved.
#[derive(Debug, Clone)]
pub(crate) enum Probe {
    Repeat,
    Timestamp(TimestampProbe),
    Request(Box<ProbeRequest>),
}

#[derive(Debug, Clone)]
pub(crate) struct ProbeRequest {
    pub(crate) exchange: Exchange,
    pub(crate) in_place: StatusCondition,
    /// What a wrong password gets and nothing else; without it the probe can only confirm.
    pub(crate) not_in_place: Option<StatusCondition>,
    pub(crate) control: Option<Control>,
}

/// What shows that a probe can say no. It is read once, and names no real password.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    pub(crate) path: Template,
    pub(crate) refutes: StatusCondition,
}

/// A status, and what must hold of the body, or of a header.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StatusCondition {
    pub(crate) status: u16,
    pub(crate) header: Option<HeaderCondition>,
    pub(crate) conditions: Vec<Condition>,
}

/// A header of which a value contains this text, in any letter case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeaderCondition {
    pub(crate) name: HeaderName,
    pub(crate) has: String,
}

impl Table {
    /// A table that describes nothing, so that every change is unsupported.
    pub(crate) fn empty() -> Self {
        Self {
            hash: "".into(),
            about: About::default(),
            headers: vec![],
            correlation: None,
            policy: PasswordPolicy::default(),
            discovery: None,
            rate_limit: None,
            require: None,
            login: None,
            lookup: None,
            reset: None,
            change: None,
            confirm: None,
            probe: None,
        }
    }

    /// Reads a table from TOML text.
    ///
    /// # Errors
    /// Everything that is wrong with it: what cannot be read, and every lint. Each says what could go wrong.
    pub fn from_toml(text: &str) -> Result<Self, Vec<TableProblem>> {
        let value: Value =
            toml::from_str(text).map_err(|error| vec![TableProblem::new("", error.to_string())])?;
        Self::from_value(value)
    }

    /// Reads a table from a JSON document.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml).
    pub fn from_value(value: Value) -> Result<Self, Vec<TableProblem>> {
        let hash = hash(&value);
        let raw: RawTable =
            serde_json::from_value(value).map_err(|error| vec![TableProblem::new("", error.to_string())])?;
        let mut compiler = Compiler {
            set: &raw.set,
            scope: Scope::Change,
            problems: Vec::new(),
        };
        let table = compiler.table(&raw, hash);
        let mut problems = compiler.problems;
        if problems.is_empty() {
            lint::check(&table, &mut problems);
        }
        // Rows of every call are checked for each.
        let mut known = BTreeSet::new();
        problems.retain(|problem| known.insert((problem.key.clone(), problem.message.clone())));
        if problems.is_empty() {
            Ok(table)
        } else {
            Err(problems)
        }
    }

    pub(crate) fn probe_exchange(&self) -> Option<&Exchange> {
        match &self.probe {
            Some(Probe::Request(probe)) => Some(&probe.exchange),
            _ => None,
        }
    }

    /// Whether the table describes how an account logs in.
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// The SHA-256 hash of the whole table with its values of `set`, as `sha256:` and hexadecimal digits. Audit
    /// records name it.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

// Of the whole document, whose keys are ordered.
fn hash(document: &Value) -> Arc<str> {
    let digest = ring::digest::digest(&ring::digest::SHA256, document.to_string().as_bytes());
    let hex = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", hex.collect::<String>()).into()
}

// Compiles the raw table, and collects what is wrong.
struct Compiler<'a> {
    set: &'a BTreeMap<String, String>,
    scope: Scope,
    problems: Vec<TableProblem>,
}

impl Compiler<'_> {
    fn table(&mut self, raw: &RawTable, hash: Arc<str>) -> Table {
        let headers = raw.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let headers = headers.iter();
        for (name, what) in &raw.about.needs {
            if raw.set.get(name).is_none_or(String::is_empty) {
                self.note(&format!("set.{name}"), format!("is missing: {what}"));
            }
        }
        if raw.sole_writer && !matches!(raw.probe, Some(RawProbe::Timestamp { .. })) {
            let why = "counts for a [probe] of kind \"timestamp\" only, and there is none";
            self.note("sole_writer", why);
        }
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.clone(), self.template("headers", value)))
            .collect();
        Table {
            hash,
            about: raw.about.clone(),
            headers,
            correlation: raw
                .correlation
                .as_deref()
                .map(|name| &*name.to_ascii_lowercase().leak()),
            policy: raw.policy.clone().unwrap_or_default(),
            discovery: raw.discovery.as_ref().map(|discovery| self.discovery(discovery)),
            rate_limit: raw.rate_limit.map(RateLimit::from),
            require: raw.require.as_ref().map(|require| self.require(require)),
            login: raw.login.as_ref().map(|login| self.login(login)),
            lookup: raw.lookup.as_ref().map(|lookup| self.lookup(lookup)),
            reset: raw.reset.as_ref().map(|call| self.call("reset", call, &raw.rows)),
            change: raw
                .change
                .as_ref()
                .map(|call| self.call("change", call, &raw.rows)),
            confirm: raw
                .confirm
                .as_ref()
                .map(|confirm| Box::new(self.confirm(confirm))),
            probe: raw.probe.as_ref().map(|probe| self.probe(probe, raw.sole_writer)),
        }
    }

    fn note(&mut self, key: &str, message: impl Into<String>) {
        self.problems.push(TableProblem::new(key, message));
    }

    fn keep<T>(&mut self, key: &str, result: Result<T, String>, default: impl FnOnce() -> T) -> T {
        result.unwrap_or_else(|problem| {
            self.note(key, problem);
            default()
        })
    }

    fn template(&mut self, key: &str, text: &str) -> Template {
        let parsed = Template::parse_in(self.scope, text, self.set);
        self.keep(key, parsed, || {
            Template::parse("", &BTreeMap::new()).unwrap_or_else(|_| unreachable!())
        })
    }

    fn pointer(&mut self, key: &str, text: &str) -> Pointer {
        let parsed = Pointer::parse(text);
        self.keep(key, parsed, || {
            Pointer::parse("").unwrap_or_else(|_| unreachable!())
        })
    }

    fn condition(&mut self, key: &str, raw: &RawCondition) -> Option<Condition> {
        let set = self.set;
        let compiled = Condition::compile(raw, |text| Template::parse(text, set));
        compiled.map_err(|problem| self.note(key, problem)).ok()
    }

    fn require(&mut self, raw: &RawRequire) -> Require {
        let condition = RawCondition {
            at: raw.at.clone(),
            is: Some(raw.is.clone()),
            has: None,
            not: None,
            absent: None,
        };
        let method = raw.method.as_deref().unwrap_or("GET");
        let body = raw.body.as_ref();
        let exchange = self.exchange(
            "require",
            method,
            &raw.path,
            body,
            false,
            Authentication::Configured,
        );
        Require {
            exchange,
            status: raw.status.unwrap_or(200),
            condition: self.condition("require", &condition).unwrap_or_else(never),
            hint: raw.hint.clone().map(|hint| &*hint.leak()),
        }
    }

    fn discovery(&mut self, raw: &RawDiscovery) -> Discovery {
        let rules = raw.rules.iter().map(|(code, at)| {
            let key = format!("discovery.rules.{code}");
            if !Rule::CODES.contains(&code.as_str()) {
                self.note(
                    &key,
                    format!("is not the code of a rule; use one of {}", Rule::CODES.join(", ")),
                );
            }
            (code.clone(), self.pointer(&key, at))
        });
        let rules = rules.collect();
        let text = raw.text.as_ref().and_then(|text| {
            let at = self.pointer("discovery.text.at", &text.at);
            let mut languages = LANGUAGES.iter();
            let found = languages.find(|(name, _)| *name == text.language);
            if found.is_none() {
                let known: Vec<&str> = LANGUAGES.iter().map(|(name, _)| *name).collect();
                self.note(
                    "discovery.text.language",
                    format!("is unknown; use one of {}", known.join(", ")),
                );
            }
            Some((at, found?.1))
        });
        Discovery {
            path: self.path("discovery.path", &raw.path),
            list: raw
                .list
                .as_deref()
                .map(|list| self.pointer("discovery.list", list)),
            rules,
            text,
        }
    }

    fn login(&mut self, raw: &RawLogin) -> Login {
        self.scope = Scope::Login;
        let body = Some(&raw.body);
        let exchange = self.exchange(
            "login",
            &raw.method,
            &raw.path,
            body,
            raw.form,
            Authentication::None,
        );
        self.scope = Scope::Change;
        let token = match (&raw.token_at, &raw.token_header) {
            (Some(at), None) => TokenPlace::Body(self.pointer("login.token_at", at)),
            (None, Some(name)) => TokenPlace::Header(self.header_name("login.token_header", name)),
            _ => {
                self.note(
                    "login",
                    "takes one of `token_at` and `token_header`: where the response has the token",
                );
                TokenPlace::Body(self.pointer("login", ""))
            }
        };
        let expiry = match (&raw.expires_at, &raw.expires_in) {
            (Some(at), None) => Some(Expiry::At(self.pointer("login.expires_at", at))),
            (None, Some(seconds)) => Some(Expiry::In(self.pointer("login.expires_in", seconds))),
            (None, None) => None,
            (Some(_), Some(_)) => {
                self.note(
                    "login",
                    "takes one of `expires_at` (an instant) and `expires_in` (seconds)",
                );
                None
            }
        };
        let value = raw.value.clone().unwrap_or_else(|| match raw.header {
            Some(_) => "{token}".to_owned(),
            None => "Bearer {token}".to_owned(),
        });
        if !value.contains("{token}") {
            self.note("login.value", "must contain {token}, such as \"Bearer {token}\"");
        }
        Login {
            exchange,
            status: raw.status,
            token,
            expiry,
            header: self.header_name("login.header", raw.header.as_deref().unwrap_or("Authorization")),
            value,
        }
    }

    fn header_name(&mut self, key: &str, name: &str) -> HeaderName {
        HeaderName::try_from(name).unwrap_or_else(|_| {
            self.note(key, "must be the name of an HTTP header");
            HeaderName::from_static("authorization")
        })
    }

    fn lookup(&mut self, raw: &RawLookup) -> Lookup {
        let keep = raw.keep.iter();
        let keep = keep.map(|(name, at)| (name.clone(), self.pointer(&format!("lookup.keep.{name}"), at)));
        let keep = keep.collect();
        let refuse = raw.refuse.iter().enumerate();
        let refuse = refuse.filter_map(|(index, refuse)| {
            let condition = RawCondition {
                at: refuse.at.clone(),
                is: refuse.is.clone(),
                has: refuse.has.clone(),
                not: refuse.not.clone(),
                absent: refuse.absent,
            };
            let condition = self.condition(&format!("lookup.refuse[{index}]"), &condition)?;
            let hint = refuse.hint.clone().map(|hint| &*hint.leak());
            Some(Refuse { condition, hint })
        });
        let refuse = refuse.collect();
        let not_found = raw.not_found.as_deref().unwrap_or_default();
        Lookup {
            path: self.path("lookup.path", &raw.path),
            list: raw.list.as_deref().map(|list| self.pointer("lookup.list", list)),
            id: self.pointer("lookup.id", &raw.id),
            same: self.pointer("lookup.same", &raw.same),
            accepts_id: raw.same_or_id,
            ignores_case: raw.ignore_case,
            keep,
            refuse,
            not_found: self.rows("lookup.not_found", not_found),
        }
    }

    // A path begins at the base URL and holds what a request line can.
    fn path(&mut self, key: &str, text: &str) -> Template {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#');
        if !text.starts_with('/') || !is_plain {
            self.note(
                key,
                "must begin with `/` and be percent-encoded: visible ASCII without blanks and `#`",
            );
        }
        self.template(key, text)
    }

    fn call(&mut self, key: &str, raw: &RawCall, shared: &[RawRow]) -> Call {
        let own = raw.rows.as_deref();
        let rows_key = if own.is_some() {
            format!("{key}.rows")
        } else {
            "rows".to_owned()
        };
        let exchange = self.exchange(key, &raw.method, &raw.path, raw.body.as_ref(), raw.form, raw.auth);
        Call {
            exchange,
            rows: self.rows(&rows_key, own.unwrap_or(shared)),
            rows_key,
        }
    }

    fn rows(&mut self, key: &str, rows: &[RawRow]) -> Vec<Row> {
        let set = self.set;
        let mut compiled = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            match Row::compile(row, |text| Template::parse(text, set)) {
                Ok(row) => compiled.push(row),
                Err(problems) => {
                    let key = format!("{key}[{index}]");
                    for problem in problems {
                        self.note(&key, problem);
                    }
                }
            }
        }
        compiled
    }

    fn exchange(
        &mut self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
        is_form: bool,
        authentication: Authentication,
    ) -> Exchange {
        let known = ["GET", "POST", "PUT", "PATCH"];
        if !known.contains(&method) {
            self.note(
                &format!("{key}.method"),
                format!("must be one of {}", known.join(", ")),
            );
        }
        let body_key = format!("{key}.body");
        if is_form
            && !body.is_some_and(|body| {
                body.as_object()
                    .is_some_and(|it| it.values().all(Value::is_string))
            })
        {
            self.note(
                &body_key,
                "must be a table of texts, because it is sent as a form",
            );
        }
        Exchange {
            method: method.parse().unwrap_or(Method::POST),
            path: self.path(&format!("{key}.path"), path),
            body: body.map(|body| self.body(&body_key, body)),
            is_form,
            authentication,
        }
    }

    fn body(&mut self, key: &str, value: &Value) -> Body {
        match value {
            Value::String(text) => Body::Text(self.template(key, text)),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Body::List(
                    items
                        .map(|(at, item)| self.body(&format!("{key}[{at}]"), item))
                        .collect(),
                )
            }
            Value::Object(members) => {
                let members = members.iter();
                let member = |(name, value): (&String, &Value)| {
                    (name.clone(), self.body(&format!("{key}.{name}"), value))
                };
                Body::Object(members.map(member).collect())
            }
            other => Body::Constant(other.clone()),
        }
    }

    fn probe(&mut self, raw: &RawProbe, is_sole_writer: bool) -> Probe {
        match raw {
            RawProbe::Repeat { .. } => Probe::Repeat,
            RawProbe::Timestamp { at, lag_seconds, .. } => Probe::Timestamp(TimestampProbe {
                at: self.pointer("probe.at", at),
                lag: lag_seconds.map(Duration::from_secs),
                is_sole_writer,
            }),
            RawProbe::Request {
                method,
                path,
                body,
                form,
                auth,
                in_place,
                not_in_place,
                control,
                ..
            } => Probe::Request(Box::new(ProbeRequest {
                exchange: self.exchange("probe", method, path, body.as_ref(), *form, *auth),
                in_place: self.status_condition("probe.in_place", in_place),
                not_in_place: not_in_place
                    .as_ref()
                    .map(|not_in_place| self.status_condition("probe.not_in_place", not_in_place)),
                control: control.as_ref().map(|control| self.control(control)),
            })),
        }
    }

    fn confirm(&mut self, raw: &RawConfirm) -> ProbeRequest {
        let body = raw.body.as_ref();
        ProbeRequest {
            exchange: self.exchange("confirm", &raw.method, &raw.path, body, raw.form, raw.auth),
            in_place: self.status_condition("confirm.in_place", &raw.in_place),
            not_in_place: None,
            control: None,
        }
    }

    fn control(&mut self, raw: &RawControl) -> Control {
        let refutes = RawRowCondition {
            status: raw.status,
            header: None,
            at: Some(raw.at.clone()),
            is: Some(raw.is.clone()),
            has: None,
            and: vec![],
        };
        Control {
            path: self.path("probe.control.path", &raw.path),
            refutes: self.status_condition("probe.control", &refutes),
        }
    }

    fn status_condition(&mut self, key: &str, raw: &RawRowCondition) -> StatusCondition {
        let first = raw.at.as_ref().map(|at| RawCondition {
            at: at.clone(),
            is: raw.is.clone(),
            has: raw.has.clone(),
            not: None,
            absent: None,
        });
        let header = raw.header.as_ref().map(|name| {
            let has = raw.has.as_deref().unwrap_or_default().to_lowercase();
            if has.is_empty() || raw.at.is_some() || raw.is.is_some() {
                self.note(
                    key,
                    "takes `has`, what a value of the `header` contains; conditions on the body are `and`",
                );
            }
            HeaderCondition {
                name: self.header_name(&format!("{key}.header"), name),
                has,
            }
        });
        if header.is_none() && raw.at.is_none() && (raw.is.is_some() || raw.has.is_some()) {
            self.note(
                key,
                "has a condition without `at`; write at = \"\" for the whole body",
            );
        }
        let conditions = first.iter().chain(&raw.and);
        StatusCondition {
            status: raw.status,
            header,
            conditions: conditions.filter_map(|raw| self.condition(key, raw)).collect(),
        }
    }
}

// Stands in for a condition that could not be read; the table that holds it is refused.
fn never() -> Condition {
    Condition {
        at: Pointer::parse("").unwrap_or_else(|_| unreachable!()),
        test: crate::condition::Test::Not(vec![]),
    }
}

impl Body {
    /// Every template in it, with whether it is the value of a member or item.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Constant(_) => vec![],
            Self::Text(text) => vec![text],
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Object(members) => members.iter().flat_map(|(_, value)| value.templates()).collect(),
        }
    }
}
