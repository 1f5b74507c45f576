//! slapd with the password policy overlay, as version 2.5 behaves.

use jiff::Timestamp;

use super::account::{Account, Accounts, BASE, Role, is_dn, normalized};
use super::ber::{Lengths, SEQUENCE};
use super::message::{
    ASSERTION, Control, LdapResult, Modification, ModificationKind, Operation, PASSWORD_MODIFY,
    PASSWORD_POLICY, PasswordModify, Request, Response, START_TLS, Search, WHO_AM_I,
};
use super::policy::{self, Policy};
use super::session::{Attributes, Call, Session, attribute, chosen, only};
use crate::ledger::Operation as LedgerOperation;

/// Errors of the password policy control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PolicyError {
    Expired = 0,
    Locked = 1,
    MustChange = 2,
    NotAllowed = 3,
    MustSupplyOld = 4,
    Quality = 5,
    TooShort = 6,
    TooYoung = 7,
    InHistory = 8,
    TooLong = 9,
}

// A refusal: code, text, error of the control.
type Refusal = (i32, &'static str, Option<PolicyError>);

// Attributes that are sent only when asked for.
const OPERATIONAL: &[&str] = &[
    "entryCSN",
    "modifyTimestamp",
    "pwdChangedTime",
    "pwdAccountLockedTime",
    "pwdFailureTime",
    "pwdPolicySubentry",
    "pwdReset",
    "supportedControl",
    "supportedExtension",
    "namingContexts",
    "supportedLDAPVersion",
    "supportedSASLMechanisms",
];

// An attribute that the service may write besides the password, for markers.
const MARKER: &str = "info";

pub(super) fn respond(call: &Call<'_>, session: &mut Session) -> Vec<Response> {
    match &call.request.operation {
        Operation::Bind { name, password } => {
            let (result, control) = bind(call, session, name, password.as_deref());
            answer(call.request, 0x60, result, control)
        }
        Operation::Search(search) if is_root(search) => root_dse(search),
        Operation::Extended { oid, value } => extended(call, session, oid, value.as_deref()),
        _ if session.is_restricted && !is_own_change(call.request, session) => {
            let text = "Operations are restricted to bind/unbind/abandon/StartTLS/modify password";
            let tag = if matches!(call.request.operation, Operation::Search(_)) {
                0x63
            } else {
                0x66
            };
            refuse(call.request, tag, (50, text, Some(PolicyError::MustChange)))
        }
        Operation::Search(search) => entries(call, session, search),
        Operation::Modify { dn, changes } => {
            if call.unknown_critical(&[PASSWORD_POLICY, ASSERTION]).is_some() {
                return only(0x66, LdapResult::new(12, "critical extension is unavailable"));
            }
            match modify(call, session, dn, changes) {
                Ok(()) => only(0x66, LdapResult::success()),
                Err(refusal) => refuse(call.request, 0x66, refusal),
            }
        }
        Operation::Other(tag) => only(*tag, LdapResult::new(53, "operation not supported")),
        Operation::Unbind | Operation::Abandon => Vec::new(),
    }
}

fn refuse(request: &Request, tag: u8, (code, text, error): Refusal) -> Vec<Response> {
    let control = error.map(|error| policy_control(None, Some(error)));
    answer(request, tag, LdapResult::new(code, text), control)
}

// The control is sent to those who ask for it.
fn answer(request: &Request, tag: u8, result: LdapResult, control: Option<Control>) -> Vec<Response> {
    let mut response = Response::result(tag, result);
    if request.control(PASSWORD_POLICY).is_some() {
        response.controls.extend(control);
    }
    vec![response]
}

fn policy_control(grace_left: Option<u32>, error: Option<PolicyError>) -> Control {
    let lengths = Lengths::Minimal;
    let mut contents = Vec::new();
    if let Some(left) = grace_left {
        let number = lengths.integer(0x81, i32::try_from(left).unwrap_or(i32::MAX));
        contents.extend(lengths.element(0xa0, &number));
    }
    if let Some(error) = error {
        contents.extend(lengths.integer(0x81, error as i32));
    }
    Control {
        oid: PASSWORD_POLICY.to_owned(),
        is_critical: false,
        value: Some(lengths.element(SEQUENCE, &contents)),
    }
}

fn bind(
    call: &Call<'_>,
    session: &mut Session,
    name: &str,
    password: Option<&str>,
) -> (LdapResult, Option<Control>) {
    session.bound = None;
    session.is_restricted = false;
    let invalid = || LdapResult::new(49, "");
    let Some(password) = password else {
        return (LdapResult::new(7, "SASL(-4): no mechanism available: "), None);
    };
    if password.is_empty() {
        let text = "unauthenticated bind (DN with no password) disallowed";
        let result = if name.is_empty() {
            LdapResult::success()
        } else {
            LdapResult::new(53, text)
        };
        return (result, None);
    }
    if !is_dn(name) {
        return (LdapResult::new(34, "invalid DN"), None);
    }
    let fingerprinter = &call.shared.fingerprinter;
    let mut accounts = call.shared.accounts();
    let Some(account) = accounts.by_dn(name, fingerprinter) else {
        accounts.failed_binds += 1;
        return (invalid(), None);
    };
    let dn = account.dn.clone();
    if account.is_locked(call.elapsed) {
        accounts.failed_binds += 1;
        return (invalid(), Some(policy_control(None, Some(PolicyError::Locked))));
    }
    let given = fingerprinter.of(password);
    if !account.password.as_ref().is_some_and(|known| known.is(given)) {
        if account.password.is_some() {
            account.fail(call.elapsed);
        }
        accounts.failed_binds += 1;
        // `pwdFailureTime` is a write like any other.
        accounts.touch(&dn, call.now);
        return (invalid(), Some(policy_control(None, None)));
    }
    let mut control = policy_control(None, None);
    let mut is_restricted = false;
    if account.must_change {
        control = policy_control(None, Some(PolicyError::MustChange));
        is_restricted = true;
    } else if account.is_password_expired(call.now) {
        if account.grace_used >= account.policy.grace {
            accounts.failed_binds += 1;
            return (invalid(), Some(policy_control(None, Some(PolicyError::Expired))));
        }
        account.grace_used += 1;
        control = policy_control(Some(account.policy.grace - account.grace_used), None);
    }
    account.failures = 0;
    session.bound = Some(dn);
    session.is_restricted = is_restricted;
    (LdapResult::success(), Some(control))
}

fn is_root(search: &Search) -> bool {
    search.base.is_empty() && search.scope == 0
}

fn root_dse(search: &Search) -> Vec<Response> {
    let attributes = vec![
        attribute("objectClass", ["top", "OpenLDAProotDSE"]),
        attribute("namingContexts", [BASE]),
        attribute(
            "supportedControl",
            [PASSWORD_POLICY, ASSERTION, "1.2.840.113556.1.4.319"],
        ),
        attribute("supportedExtension", [START_TLS, PASSWORD_MODIFY, WHO_AM_I]),
        attribute("supportedLDAPVersion", ["3"]),
        attribute("supportedSASLMechanisms", ["EXTERNAL"]),
    ];
    let attributes = chosen(attributes, &search.attributes, OPERATIONAL, true);
    vec![
        Response::entry("", attributes),
        Response::result(0x63, LdapResult::success()),
    ]
}

fn entries(call: &Call<'_>, session: &Session, search: &Search) -> Vec<Response> {
    if !is_dn(&search.base) {
        return only(0x63, LdapResult::new(34, "invalid DN"));
    }
    let base = normalized(&search.base);
    // What is not for anonymous eyes does not exist for them.
    if session.bound.is_none() || base != BASE && !base.ends_with(&format!(",{BASE}")) {
        return only(0x63, LdapResult::new(32, ""));
    }
    let fingerprinter = &call.shared.fingerprinter;
    let mut accounts = call.shared.accounts();
    let mut found: Vec<(String, Attributes)> = Vec::new();
    if search.scope == 0 {
        let policies = policy::SLAPD.iter().chain([&policy::DEFAULT]);
        let policy = policies.into_iter().find(|policy| policy_dn(policy) == base);
        if let Some(policy) = policy {
            found.push((policy_dn(policy), policy_attributes(policy)));
        } else if let Some(account) = accounts.by_dn(&base, fingerprinter) {
            found.push((account.dn.clone(), account_attributes(account)));
        } else if base == BASE || base == format!("ou=people,{BASE}") {
            let class = if base == BASE {
                "organization"
            } else {
                "organizationalUnit"
            };
            found.push((base.clone(), vec![attribute("objectClass", [class])]));
        } else {
            return only(0x63, LdapResult::new(32, ""));
        }
    } else {
        for value in search.filter.wanted() {
            let login = value.split('@').next().unwrap_or_default().to_owned();
            let Some(account) = accounts.by_login(&login, fingerprinter) else {
                continue;
            };
            let is_below = normalized(&account.dn).ends_with(&base);
            if is_below && !found.iter().any(|(dn, _)| *dn == account.dn) {
                found.push((account.dn.clone(), account_attributes(account)));
            }
        }
    }
    let selected = found
        .into_iter()
        .filter(|(_, attributes)| search.filter.selects(attributes));
    let mut responses: Vec<Response> = selected
        .map(|(dn, attributes)| {
            Response::entry(&dn, chosen(attributes, &search.attributes, OPERATIONAL, true))
        })
        .collect();
    responses.push(Response::result(0x63, LdapResult::success()));
    responses
}

fn account_attributes(account: &Account) -> Attributes {
    let mail = format!("{}@example.com", account.login);
    let mut attributes = vec![
        attribute("objectClass", ["inetOrgPerson"]),
        attribute("uid", [&account.login]),
        attribute("cn", [&account.login]),
        attribute("sn", [&account.login]),
        attribute("mail", [&mail]),
        attribute("entryCSN", [entry_csn(account.stamp)]),
        attribute("modifyTimestamp", [generalized(account.stamp / 1_000_000)]),
    ];
    if account.password.is_some() {
        attributes.push(attribute(
            "pwdChangedTime",
            [generalized(account.changed.as_second())],
        ));
    }
    attributes.extend(
        account
            .written
            .iter()
            .map(|(name, value)| attribute(name, [value])),
    );
    if account.policy.name != policy::DEFAULT.name {
        attributes.push(attribute("pwdPolicySubentry", [policy_dn(&account.policy)]));
    }
    if account.locked_until.is_some() {
        attributes.push(attribute("pwdAccountLockedTime", ["000001010000Z"]));
    }
    if account.must_change {
        attributes.push(attribute("pwdReset", ["TRUE"]));
    }
    attributes
}

fn policy_dn(policy: &Policy) -> String {
    format!("cn={},ou=policies,{BASE}", policy.name)
}

fn policy_attributes(policy: &Policy) -> Attributes {
    let truth = |value: bool| [if value { "TRUE" } else { "FALSE" }];
    vec![
        attribute("objectClass", ["namedPolicy", "pwdPolicy"]),
        attribute("cn", [policy.name]),
        attribute("pwdAttribute", ["userPassword"]),
        attribute("pwdCheckQuality", [if policy.is_checked { "2" } else { "0" }]),
        attribute("pwdMinLength", [policy.min_length.to_string()]),
        attribute("pwdMaxLength", [policy.max_length.to_string()]),
        attribute("pwdInHistory", [policy.history.to_string()]),
        attribute("pwdMinAge", [policy.min_age.to_string()]),
        attribute("pwdMaxAge", [policy.max_age.to_string()]),
        attribute("pwdMaxFailure", [policy.max_failures.to_string()]),
        attribute("pwdLockout", truth(policy.max_failures > 0)),
        attribute("pwdLockoutDuration", [policy.lockout.to_string()]),
        attribute("pwdGraceAuthnLimit", [policy.grace.to_string()]),
        attribute("pwdMustChange", truth(policy.must_change)),
        attribute("pwdSafeModify", truth(policy.safe_modify)),
        attribute("pwdAllowUserChange", truth(policy.user_change)),
    ]
}

fn generalized(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y%m%d%H%M%SZ").to_string()
}

fn entry_csn(stamp: i64) -> String {
    let seconds = generalized(stamp / 1_000_000);
    let micros = stamp % 1_000_000;
    format!("{}.{micros:06}Z#000000#000#000000", seconds.trim_end_matches('Z'))
}

fn extended(call: &Call<'_>, session: &mut Session, oid: &str, value: Option<&[u8]>) -> Vec<Response> {
    match oid {
        PASSWORD_MODIFY => {
            if call.unknown_critical(&[PASSWORD_POLICY]).is_some() {
                return only(0x77, LdapResult::new(12, "critical extension is unavailable"));
            }
            match password_modify(call, session, value) {
                Ok(generated) => {
                    let mut result = LdapResult::success();
                    result.value = generated;
                    only(0x77, result)
                }
                Err(refusal) => refuse(call.request, 0x77, refusal),
            }
        }
        WHO_AM_I => {
            let mut result = LdapResult::success();
            let name = session
                .bound
                .as_ref()
                .map(|dn| format!("dn:{dn}"))
                .unwrap_or_default();
            result.value = Some(name.into_bytes());
            only(0x77, result)
        }
        START_TLS if session.is_encrypted => only(0x77, LdapResult::new(1, "TLS already started")),
        START_TLS => only(0x77, LdapResult::success()),
        _ => only(0x77, LdapResult::new(2, "unsupported extended operation")),
    }
}

// The generated password, if the server made one.
fn password_modify(
    call: &Call<'_>,
    session: &mut Session,
    value: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, Refusal> {
    let Ok(PasswordModify { user, old, new }) = PasswordModify::read(value) else {
        return Err((2, "password extended operation: decoding error", None));
    };
    let Some(bound) = session.bound.clone() else {
        return Err((8, "only authenticated users may change passwords", None));
    };
    let target = user.unwrap_or_else(|| bound.clone());
    if !is_dn(&target) {
        return Err((21, "Invalid DN", None));
    }
    if new.as_deref() == Some("") {
        return Err((53, "new password value is empty", None));
    }
    let is_generated = new.is_none();
    let new = new.unwrap_or_else(|| format!("Made-up-{:08x}", rand::random::<u32>()));
    let fingerprinter = &call.shared.fingerprinter;
    let mut accounts = call.shared.accounts();
    let account = accounts.by_dn(&target, fingerprinter);
    if let Some(old) = &old {
        let is_right = account.as_ref().is_some_and(|account| {
            let known = account.password.as_ref();
            account.dn == bound && known.is_some_and(|known| known.is(fingerprinter.of(old)))
        });
        if !is_right {
            return Err((53, "unwilling to verify old password", None));
        }
    }
    let dn = account.ok_or((32, "", None))?.dn.clone();
    change(call, &mut accounts, session, &dn, &new, old.is_some())?;
    Ok(is_generated
        .then(|| Lengths::Minimal.element(SEQUENCE, &Lengths::Minimal.element(0x80, new.as_bytes()))))
}

// Whether a restricted session may ask for this.
fn is_own_change(request: &Request, session: &Session) -> bool {
    match &request.operation {
        Operation::Modify { dn, changes } => {
            let is_own = session
                .bound
                .as_deref()
                .is_some_and(|bound| normalized(bound) == normalized(dn));
            is_own && changes.iter().all(|change| change.attribute == "userpassword")
        }
        _ => false,
    }
}

fn modify(
    call: &Call<'_>,
    session: &mut Session,
    target: &str,
    changes: &[Modification],
) -> Result<(), Refusal> {
    if !is_dn(target) {
        return Err((34, "invalid DN", None));
    }
    if session.bound.is_none() {
        return Err((8, "modifications require authentication", None));
    }
    let text = |values: &[Vec<u8>]| {
        values
            .first()
            .map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let (passwords, markers): (Vec<_>, Vec<_>) = changes
        .iter()
        .partition(|change| change.attribute == "userpassword");
    let (old, new) = match passwords[..] {
        [only] if only.kind == ModificationKind::Replace => (None, text(&only.values)),
        [first, second] if first.kind == ModificationKind::Delete && second.kind == ModificationKind::Add => {
            (text(&first.values), text(&second.values))
        }
        _ => (None, None),
    };
    let is_known = markers.iter().all(|change| change.attribute == MARKER);
    let Some(new) = new.filter(|_| is_known) else {
        return Err((50, "", None));
    };
    let fingerprinter = &call.shared.fingerprinter;
    let mut accounts = call.shared.accounts();
    let account = accounts.by_dn(target, fingerprinter).ok_or((32, "", None))?;
    if call
        .assertion()
        .is_some_and(|filter| !filter.selects(&account_attributes(account)))
    {
        return Err((122, "", None));
    }
    if let Some(old) = &old
        && !account
            .password
            .as_ref()
            .is_some_and(|known| known.is(fingerprinter.of(old)))
    {
        let text = "Must supply correct old password to change to new one";
        return Err((53, text, Some(PolicyError::MustSupplyOld)));
    }
    let mut marker = account.written.get(MARKER).cloned();
    for change in markers {
        marker = match (change.kind, text(&change.values), marker) {
            (ModificationKind::Delete, value, Some(known)) if value.as_ref() == Some(&known) => None,
            (ModificationKind::Delete, ..) => return Err((16, "modify/delete: info: no such value", None)),
            (ModificationKind::Add, _, Some(_)) => {
                return Err((20, "modify/add: info: value #0 already exists", None));
            }
            (_, value, _) => value,
        };
    }
    let dn = account.dn.clone();
    change(call, &mut accounts, session, &dn, &new, old.is_some())?;
    if let (Some(account), Some(marker)) = (accounts.by_dn(&dn, fingerprinter), marker) {
        account.written.insert(MARKER.to_owned(), marker);
    }
    Ok(())
}

// Judges a new password and sets it.
fn change(
    call: &Call<'_>,
    accounts: &mut Accounts,
    session: &mut Session,
    dn: &str,
    new: &str,
    has_old: bool,
) -> Result<(), Refusal> {
    let fingerprinter = &call.shared.fingerprinter;
    let bound = session.bound.clone().unwrap_or_default();
    let role = accounts.by_dn(&bound, fingerprinter).map(|account| account.role);
    let is_own = bound == dn;
    if !is_own && !matches!(role, Some(Role::Service | Role::Bypass)) {
        return Err((50, "", None));
    }
    let account = accounts.by_dn(dn, fingerprinter).ok_or((32, "", None))?;
    if role != Some(Role::Bypass) {
        judge(call, account, new, is_own, has_old)?;
    }
    let must_change = !is_own && account.policy.must_change;
    let operation = if is_own {
        LedgerOperation::Change
    } else {
        LedgerOperation::Reset
    };
    call.apply(accounts, dn, new, operation);
    if let Some(account) = accounts.by_dn(dn, fingerprinter) {
        account.failures = 0;
        account.locked_until = None;
        account.must_change = must_change;
    }
    session.is_restricted = false;
    Ok(())
}

// One reason only, the first, as slapd reports it. The least age comes before the history.
fn judge(call: &Call<'_>, account: &Account, new: &str, is_own: bool, has_old: bool) -> Result<(), Refusal> {
    let policy = &account.policy;
    if is_own && !policy.user_change {
        let text = "User alteration of password is not allowed";
        return Err((50, text, Some(PolicyError::NotAllowed)));
    }
    if policy.safe_modify && !has_old {
        let text = "Must supply old password to be changed as well as new one";
        return Err((50, text, Some(PolicyError::MustSupplyOld)));
    }
    if !account.must_change && account.is_too_young(call.now) {
        let text = "Password is too young to change";
        return Err((19, text, Some(PolicyError::TooYoung)));
    }
    if policy.is_checked {
        let quality = if new.len() < policy.min_length {
            Some(PolicyError::TooShort)
        } else if new.len() > policy.max_length {
            Some(PolicyError::TooLong)
        } else if new.starts_with('{') && new.contains('}') {
            Some(PolicyError::Quality)
        } else {
            None
        };
        if quality.is_some() {
            return Err((19, "Password fails quality checking policy", quality));
        }
    }
    let given = call.shared.fingerprinter.of(new);
    let known = account.password.as_ref().filter(|_| policy.history > 0);
    if known.is_some_and(|known| known.is(given)) {
        let text = "Password is not being changed from existing value";
        return Err((19, text, Some(PolicyError::InHistory)));
    }
    if known.is_some_and(|known| known.is_among_last(policy.history + 1, given)) {
        let text = "Password is in history of old passwords";
        return Err((19, text, Some(PolicyError::InHistory)));
    }
    Ok(())
}
