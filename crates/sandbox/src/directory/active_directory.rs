//! A domain controller of Active Directory. Texts are those of Windows, or of Samba where that is asked for.

use std::time::Duration;

use jiff::Timestamp;

use super::account::{Account, Accounts, Role, is_dn, normalized};
use super::message::{LdapResult, Modification, ModificationKind, Operation, Response, START_TLS, Search};
use super::options::DirectoryTexts;
use super::policy::{self, Policy};
use super::session::{Attributes, Call, Session, attribute, chosen, only};
use crate::ledger::Operation as LedgerOperation;

const DOMAIN: &str = "DC=example,DC=org";
const PSO_CONTAINER: &str = "CN=Password Settings Container,CN=System,DC=example,DC=org";
const NTDS_SETTINGS: &str = "CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,\
                             CN=Configuration,DC=example,DC=org";
/// How long the previous password still binds.
const PREVIOUS_BINDS: Duration = Duration::from_secs(3600);
/// Attributes that the service may write besides the password, for markers.
const MARKERS: [&str; 2] = ["info", "extensionattribute15"];

// Constructed, so sent only when named.
const CONSTRUCTED: &[&str] = &[
    "msDS-KeyVersionNumber",
    "msDS-ResultantPSO",
    "msDS-User-Account-Control-Computed",
    "msDS-UserPasswordExpiryTimeComputed",
];

/// Why a Modify is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    TooShort,
    NotComplex,
    InHistory,
    TooYoung,
    WrongOld,
    Locked,
    MayNotChange,
    NoRight,
    NoWriteAccess,
    NoSuchUser,
    NotADn,
    NotBound,
    NotQuoted,
    Stale,
}

impl Refusal {
    // Windows: code, the hexadecimal code and the class of the error that the text holds.
    fn windows(self) -> (i32, String) {
        let attribute_error = |hex: &str, problem: &str, attribute: &str| {
            format!(
                "{hex}: AtrErr: DSID-03190F80, #1:\n\t0: {hex}: DSID-03190F80, problem {problem}, data 0, Att {attribute}\n\0"
            )
        };
        let constraint = |hex| attribute_error(hex, "1005 (CONSTRAINT_ATT_TYPE)", "9005a (unicodePwd)");
        match self {
            Self::TooShort | Self::NotComplex | Self::InHistory | Self::TooYoung => (19, constraint("0000052D")),
            Self::WrongOld => (19, constraint("00000056")),
            Self::Locked => (19, constraint("00000775")),
            Self::MayNotChange | Self::NoRight => {
                (50, "00000005: SecErr: DSID-031A11ED, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\0".into())
            }
            Self::NoWriteAccess => {
                (50, "00002098: SecErr: DSID-031514A0, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\0".into())
            }
            Self::NoSuchUser => (
                32,
                format!(
                    "0000208D: NameErr: DSID-03100241, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'CN=Users,{DOMAIN}'\n\0"
                ),
            ),
            Self::NotADn => (
                34,
                "0000208F: NameErr: DSID-03100225, problem 2006 (BAD_NAME), data 8350, best match of:\n\t''\n\0".into(),
            ),
            Self::NotBound => (
                1,
                "000004DC: LdapErr: DSID-0C090A71, comment: In order to perform this operation a successful bind must \
                 be completed on the connection., data 0, v4563\0"
                    .into(),
            ),
            Self::NotQuoted => (
                53,
                "0000001F: SvcErr: DSID-031A126A, problem 5003 (WILL_NOT_PERFORM), data 0\n\0".into(),
            ),
            Self::Stale => (
                16,
                attribute_error("00002085", "1001 (NO_ATTRIBUTE_OR_VAL)", "90060 (pwdLastSet)"),
            ),
        }
    }

    fn samba(self, policy: &Policy) -> (i32, String) {
        let restriction = |hex: &str, words: &str| {
            (
                19,
                format!("{hex}: Constraint violation - check_password_restrictions: {words}"),
            )
        };
        match self {
            Self::TooShort => restriction(
                "0000052D",
                &format!(
                    "the password is too short. It should be equal or longer than {} characters!",
                    policy.min_length
                ),
            ),
            Self::NotComplex => {
                restriction("0000052D", "the password does not meet the complexity criteria!")
            }
            Self::InHistory => restriction("0000052D", "the password was already used (in history)!"),
            Self::TooYoung => restriction("0000052D", "password is too young to change!"),
            Self::WrongOld => restriction("00000056", "The old password specified doesn't match!"),
            Self::Locked => (
                19,
                "00000775: Password change not permitted, account locked out!".into(),
            ),
            Self::MayNotChange => (
                19,
                "error in module acl: Constraint violation during LDB_MODIFY (19)".into(),
            ),
            Self::NoRight => (
                50,
                "error in module acl: insufficient access rights during LDB_MODIFY (50)".into(),
            ),
            Self::NoWriteAccess => (50, "00002098: Object has no write property access\n".into()),
            Self::NoSuchUser => (32, "00002030: No such Base DN".into()),
            Self::NotADn => (34, "00002032: ldb_modify: invalid dn '(null)'".into()),
            Self::NotBound => (1, "00002020: Operation unavailable without authentication".into()),
            Self::NotQuoted => (
                53,
                "00002035: setup_io: it's not allowed to set the NT hash password directly'".into(),
            ),
            Self::Stale => (
                16,
                "00002085: setup_last_set_field: old pwdLastSet value not found!".into(),
            ),
        }
    }
}

pub(super) fn respond(call: &Call<'_>, session: &mut Session) -> Vec<Response> {
    match &call.request.operation {
        Operation::Bind { name, password } => only(0x60, bind(call, session, name, password.as_deref())),
        Operation::Search(search) if search.base.is_empty() && search.scope == 0 => root_dse(call, search),
        Operation::Search(search) => {
            if session.bound.is_none() {
                return only(0x63, refusal(call, Refusal::NotBound, &policy::DOMAIN));
            }
            entries(call, search)
        }
        Operation::Modify { dn, changes } => {
            if call.unknown_critical(&[]).is_some() {
                let text =
                    "00000057: LdapErr: DSID-0C090FBB, comment: Error processing control, data 0, v4563\0";
                return only(0x66, LdapResult::new(12, text));
            }
            let (result, policy) = modify(call, session, dn, changes);
            let success = match call.shared.options.texts {
                DirectoryTexts::Windows => LdapResult::success(),
                // So it is, under a result of 0.
                DirectoryTexts::Samba => LdapResult::new(0, "00000000: Success"),
            };
            only(
                0x66,
                result.map_or_else(|reason| refusal(call, reason, &policy), |()| success),
            )
        }
        Operation::Extended { oid, .. } if oid == START_TLS && !session.is_encrypted => {
            only(0x77, LdapResult::success())
        }
        Operation::Extended { oid, .. } if oid == START_TLS => {
            let text =
                "00000000: LdapErr: DSID-0C0910B8, comment: TLS or SSL already in effect, data 0, v4563\0";
            only(0x77, LdapResult::new(1, text))
        }
        Operation::Extended { oid, .. } => {
            let text = match call.shared.options.texts {
                DirectoryTexts::Windows => {
                    "0000203D: LdapErr: DSID-0C090D6D, comment: Unknown extended request OID, data 0, v4563\0"
                        .into()
                }
                DirectoryTexts::Samba => format!("Extended Operation({oid}) not supported"),
            };
            only(0x77, LdapResult::new(2, text))
        }
        Operation::Other(tag) => only(*tag, LdapResult::new(53, "")),
        Operation::Unbind | Operation::Abandon => Vec::new(),
    }
}

fn refusal(call: &Call<'_>, reason: Refusal, policy: &Policy) -> LdapResult {
    let (code, text) = match call.shared.options.texts {
        DirectoryTexts::Windows => reason.windows(),
        DirectoryTexts::Samba => reason.samba(policy),
    };
    LdapResult::new(code, text)
}

fn bind(call: &Call<'_>, session: &mut Session, name: &str, password: Option<&str>) -> LdapResult {
    session.bound = None;
    let Some(password) = password else {
        return LdapResult::new(
            7,
            "00002027: LdapErr: DSID-0C090580, comment: Invalid authentication method\0",
        );
    };
    let refused = |data: &str| {
        let text = format!(
            "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1\0"
        );
        LdapResult::new(49, text)
    };
    if password.is_empty() {
        return match call.shared.options.texts {
            // As anonymous, whatever the name.
            DirectoryTexts::Windows => LdapResult::success(),
            DirectoryTexts::Samba if name.is_empty() => LdapResult::success(),
            DirectoryTexts::Samba => refused("52e"),
        };
    }
    if !session.is_encrypted {
        return match call.shared.options.texts {
            DirectoryTexts::Windows => LdapResult::new(
                8,
                "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity checking if \
                 SSL\\TLS are not already active on the connection, data 0, v4563\0",
            ),
            DirectoryTexts::Samba => LdapResult::new(8, "BindSimple: Transport encryption required."),
        };
    }
    let fingerprinter = &call.shared.fingerprinter;
    let mut accounts = call.shared.accounts();
    let dn = account_dn(&mut accounts, call, name);
    let (data, is_counted) = match dn.as_deref().and_then(|dn| accounts.by_dn(dn, fingerprinter)) {
        None => (Some("52e"), true),
        Some(account) if account.is_locked(call.elapsed) => (Some("775"), true),
        Some(account) => {
            let given = fingerprinter.of(password);
            let is_young = call.now.duration_since(account.changed).unsigned_abs() < PREVIOUS_BINDS;
            let is_right = account
                .password
                .as_ref()
                .is_some_and(|known| known.is(given) || is_young && known.was_last(given));
            let data = if !is_right {
                account.fail(call.elapsed);
                Some("52e")
            } else if account.is_disabled {
                Some("533")
            } else if account.is_expired {
                Some("701")
            } else if account.must_change {
                Some("773")
            } else if account.is_password_expired(call.now) {
                Some("532")
            } else {
                account.failures = 0;
                None
            };
            (data, !is_right)
        }
    };
    if let Some(data) = data {
        accounts.failed_binds += u64::from(is_counted);
        return refused(data);
    }
    session.bound = dn;
    LdapResult::success()
}

// The entry that a bind names: by its DN, `DOMAIN\login` or `login@realm`.
fn account_dn(accounts: &mut Accounts, call: &Call<'_>, name: &str) -> Option<String> {
    let fingerprinter = &call.shared.fingerprinter;
    if is_dn(name) {
        return Some(accounts.by_dn(name, fingerprinter)?.dn.clone());
    }
    let login = match (name.split_once('\\'), name.split_once('@')) {
        (Some((domain, login)), _) if domain.eq_ignore_ascii_case("EXAMPLE") => login,
        (None, Some((login, realm))) if realm.eq_ignore_ascii_case("example.org") => login,
        (None, Some((login, realm))) if realm.eq_ignore_ascii_case("EXAMPLE") => login,
        _ => return None,
    };
    Some(accounts.by_login(login, fingerprinter)?.dn.clone())
}

fn root_dse(call: &Call<'_>, search: &Search) -> Vec<Response> {
    let capabilities = [
        "1.2.840.113556.1.4.800",
        "1.2.840.113556.1.4.1670",
        "1.2.840.113556.1.4.1791",
    ];
    let attributes = vec![
        attribute("currentTime", [call.now.strftime("%Y%m%d%H%M%S.0Z").to_string()]),
        attribute("defaultNamingContext", [DOMAIN]),
        attribute("rootDomainNamingContext", [DOMAIN]),
        attribute("namingContexts", [DOMAIN]),
        attribute("dnsHostName", ["dc1.example.org"]),
        attribute("dsServiceName", [NTDS_SETTINGS]),
        attribute(
            "serverName",
            [NTDS_SETTINGS.trim_start_matches("CN=NTDS Settings,")],
        ),
        attribute("ldapServiceName", ["example.org:dc1$@EXAMPLE.ORG"]),
        attribute("isGlobalCatalogReady", ["TRUE"]),
        attribute("domainControllerFunctionality", ["7"]),
        attribute("supportedCapabilities", capabilities),
        attribute(
            "supportedControl",
            ["1.2.840.113556.1.4.319", "1.2.840.113556.1.4.801"],
        ),
        attribute("supportedExtension", [START_TLS]),
        attribute("supportedLDAPVersion", ["3", "2"]),
        attribute(
            "supportedSASLMechanisms",
            ["GSSAPI", "GSS-SPNEGO", "EXTERNAL", "DIGEST-MD5"],
        ),
    ];
    let attributes = chosen(attributes, &search.attributes, &[], false);
    vec![
        Response::entry("", attributes),
        Response::result(0x63, LdapResult::success()),
    ]
}

fn entries(call: &Call<'_>, search: &Search) -> Vec<Response> {
    if !is_dn(&search.base) {
        return only(0x63, refusal(call, Refusal::NotADn, &policy::DOMAIN));
    }
    let base = normalized(&search.base);
    let fingerprinter = &call.shared.fingerprinter;
    let mut accounts = call.shared.accounts();
    let mut found: Vec<(String, Attributes)> = Vec::new();
    if search.scope == 0 {
        if base == normalized(DOMAIN) {
            found.push((DOMAIN.to_owned(), domain_attributes()));
        } else if let Some(account) = accounts.by_dn(&base, fingerprinter) {
            found.push((account.dn.clone(), account_attributes(account, call)));
        } else if base == normalized(&format!("CN=Users,{DOMAIN}")) {
            found.push((
                format!("CN=Users,{DOMAIN}"),
                vec![attribute("objectClass", ["top", "container"])],
            ));
        } else if base.ends_with(&normalized(PSO_CONTAINER)) {
            // It exists, but only administrators read its attributes.
            found.push((search.base.clone(), vec![]));
        } else {
            return only(0x63, refusal(call, Refusal::NoSuchUser, &policy::DOMAIN));
        }
    } else {
        for value in search.filter.wanted() {
            let login = value.split('@').next().unwrap_or_default().to_owned();
            let Some(account) = accounts.by_login(&login, fingerprinter) else {
                continue;
            };
            let is_below = normalized(&account.dn).ends_with(&base);
            if is_below && !found.iter().any(|(dn, _)| *dn == account.dn) {
                found.push((account.dn.clone(), account_attributes(account, call)));
            }
        }
    }
    let selected = found.into_iter().filter(|(_, attributes)| {
        // Of an entry that cannot be read only its existence is known.
        attributes.is_empty() || search.filter.selects(attributes)
    });
    let mut responses: Vec<Response> = selected
        .map(|(dn, attributes)| {
            Response::entry(&dn, chosen(attributes, &search.attributes, CONSTRUCTED, false))
        })
        .collect();
    if search.scope == 2 && base == normalized(DOMAIN) {
        responses.extend(
            ["ForestDnsZones", "DomainDnsZones"]
                .map(|zone| Response::reference(&format!("ldaps://{zone}.example.org/DC={zone},{DOMAIN}"))),
        );
    }
    responses.push(Response::result(0x63, LdapResult::success()));
    responses
}

fn domain_attributes() -> Attributes {
    let policy = &policy::DOMAIN;
    vec![
        attribute("objectClass", ["top", "domain", "domainDNS"]),
        attribute("distinguishedName", [DOMAIN]),
        attribute("minPwdLength", [policy.min_length.to_string()]),
        attribute("pwdProperties", ["1"]),
        attribute("pwdHistoryLength", [policy.history.to_string()]),
        attribute("minPwdAge", [interval(policy.min_age, 0)]),
        attribute("maxPwdAge", [interval(policy.max_age, i64::MIN)]),
        attribute("lockoutThreshold", [policy.max_failures.to_string()]),
        attribute("lockoutDuration", [interval(policy.lockout, i64::MIN)]),
        attribute("lockOutObservationWindow", [interval(policy.lockout, 0)]),
        attribute("fSMORoleOwner", [NTDS_SETTINGS]),
    ]
}

fn account_attributes(account: &Account, call: &Call<'_>) -> Attributes {
    let login = account.login.as_str();
    let control = 0x200 | if account.is_disabled { 2 } else { 0 };
    let is_expired = account.is_password_expired(call.now) || account.must_change;
    let computed =
        if account.is_locked(call.elapsed) { 0x10 } else { 0 } | if is_expired { 0x80_0000 } else { 0 };
    let principal = format!("{login}@example.org");
    let mail = format!("{login}@example.com");
    let mut attributes = vec![
        attribute("objectClass", ["top", "person", "organizationalPerson", "user"]),
        attribute("cn", [login]),
        attribute("distinguishedName", [&account.dn]),
        attribute("displayName", [login]),
        attribute("sAMAccountName", [login]),
        attribute("userPrincipalName", [&principal]),
        attribute("mail", [&mail]),
        attribute("userAccountControl", [control.to_string()]),
        attribute("pwdLastSet", [pwd_last_set(account)]),
        attribute("badPwdCount", [account.failures.to_string()]),
        attribute(
            "lockoutTime",
            [if account.is_locked(call.elapsed) {
                file_time(call.now)
            } else {
                "0".into()
            }],
        ),
        attribute(
            "accountExpires",
            [if account.is_expired {
                "125911584000000000"
            } else {
                "0"
            }],
        ),
        attribute("msDS-User-Account-Control-Computed", [computed.to_string()]),
        attribute("msDS-UserPasswordExpiryTimeComputed", [expiry(account)]),
    ];
    if account.version > 0 {
        attributes.push(attribute("msDS-KeyVersionNumber", [account.version.to_string()]));
    }
    if account.is_protected {
        attributes.push(attribute("adminCount", ["1"]));
    }
    if !account.policy.name.is_empty() {
        let dn = format!("CN={},{PSO_CONTAINER}", account.policy.name);
        attributes.push(attribute("msDS-ResultantPSO", [dn]));
    }
    attributes.extend(
        account
            .written
            .iter()
            .map(|(name, value)| attribute(name, [value])),
    );
    attributes
}

fn pwd_last_set(account: &Account) -> String {
    if account.must_change {
        return "0".to_owned();
    }
    file_time(account.changed)
}

// 100 ns since 1601.
fn file_time(time: Timestamp) -> String {
    (time.as_nanosecond() / 100 + 116_444_736_000_000_000).to_string()
}

fn expiry(account: &Account) -> String {
    if account.must_change {
        return "0".to_owned();
    }
    if account.policy.max_age == 0 {
        return i64::MAX.to_string();
    }
    let age = jiff::SignedDuration::from_secs(i64::try_from(account.policy.max_age).unwrap_or(i64::MAX));
    file_time(account.changed.saturating_add(age).unwrap_or(Timestamp::MAX))
}

// A duration as Active Directory writes it: negative, in 100 ns.
fn interval(seconds: u64, never: i64) -> String {
    match i64::try_from(seconds) {
        Ok(0) | Err(_) => never.to_string(),
        Ok(seconds) => (-seconds * 10_000_000).to_string(),
    }
}

/// What one Modify asks for.
#[derive(Debug, Default)]
struct Change {
    old: Option<String>,
    new: Option<String>,
    /// The value of `pwdLastSet` that must still be there.
    expected: Option<String>,
    expires: bool,
    unlocks: bool,
    removed: Vec<(String, String)>,
    written: Vec<(String, String)>,
}

impl Change {
    fn read(changes: &[Modification]) -> Result<Self, Refusal> {
        let mut change = Self::default();
        for Modification {
            kind,
            attribute,
            values,
        } in changes
        {
            let value = values.first().map(Vec::as_slice).unwrap_or_default();
            let text = || String::from_utf8_lossy(value).into_owned();
            match (attribute.as_str(), kind) {
                ("unicodepwd", ModificationKind::Delete) => change.old = Some(quoted(value)?),
                ("unicodepwd", _) => change.new = Some(quoted(value)?),
                ("pwdlastset", ModificationKind::Delete) => change.expected = Some(text()),
                ("pwdlastset", _) => change.expires = value == b"0",
                ("lockouttime", _) => change.unlocks = true,
                (name, ModificationKind::Delete) => change.removed.push((name.to_owned(), text())),
                (name, _) => change.written.push((name.to_owned(), text())),
            }
        }
        Ok(change)
    }
}

// A password as `unicodePwd` holds it: in quotes, in UTF-16.
fn quoted(value: &[u8]) -> Result<String, Refusal> {
    let (pairs, rest) = value.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    let inner = text.ok().filter(|_| rest.is_empty());
    let inner = inner
        .as_deref()
        .and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    inner.map(str::to_owned).ok_or(Refusal::NotQuoted)
}

// The result, and the policy that it was judged by.
fn modify(
    call: &Call<'_>,
    session: &Session,
    target: &str,
    changes: &[Modification],
) -> (Result<(), Refusal>, Policy) {
    let refuse = |reason| (Err(reason), policy::DOMAIN);
    let Some(bound) = &session.bound else {
        return refuse(Refusal::NotBound);
    };
    if !is_dn(target) {
        return refuse(Refusal::NotADn);
    }
    let fingerprinter = &call.shared.fingerprinter;
    let mut accounts = call.shared.accounts();
    let role = accounts
        .by_dn(bound, fingerprinter)
        .map_or(Role::User, |account| account.role);
    let Some(account) = accounts.by_dn(target, fingerprinter) else {
        return refuse(Refusal::NoSuchUser);
    };
    let policy = account.policy;
    let change = match Change::read(changes) {
        Ok(change) => change,
        Err(reason) => return (Err(reason), policy),
    };
    if let Err(reason) = judge(call, account, role, &change) {
        return (Err(reason), policy);
    }
    let dn = account.dn.clone();
    if let Some(new) = &change.new {
        let operation = if change.old.is_some() {
            LedgerOperation::Change
        } else {
            LedgerOperation::Reset
        };
        call.apply(&mut accounts, &dn, new, operation);
    }
    if let Some(account) = accounts.by_dn(&dn, fingerprinter) {
        account.must_change = change.expires;
        if change.unlocks {
            (account.locked_until, account.failures) = (None, 0);
        }
        for (name, _) in change.removed {
            account.written.remove(&name);
        }
        account.written.extend(change.written);
    }
    accounts.touch(&dn, call.now);
    (Ok(()), policy)
}

// One Modify applies as a whole or not at all, so everything is judged before anything is set.
fn judge(call: &Call<'_>, account: &mut Account, role: Role, change: &Change) -> Result<(), Refusal> {
    let is_service = role == Role::Service && !account.is_protected;
    let is_reset = change.new.is_some() && change.old.is_none();
    if is_reset && !is_service {
        return Err(Refusal::NoRight);
    }
    let others = change.written.iter().chain(&change.removed);
    let writes_others = change.expected.is_some() || change.expires || change.unlocks;
    if (writes_others || others.clone().next().is_some()) && !is_service {
        return Err(Refusal::NoWriteAccess);
    }
    if others
        .into_iter()
        .any(|(name, _)| !MARKERS.contains(&name.as_str()))
    {
        return Err(Refusal::NoWriteAccess);
    }
    if change
        .expected
        .as_ref()
        .is_some_and(|expected| *expected != pwd_last_set(account))
    {
        return Err(Refusal::Stale);
    }
    if change
        .removed
        .iter()
        .any(|(name, value)| account.written.get(name) != Some(value))
    {
        return Err(Refusal::Stale);
    }
    let fingerprinter = &call.shared.fingerprinter;
    if let Some(old) = &change.old {
        if !account.may_change {
            return Err(Refusal::MayNotChange);
        }
        if account.is_locked(call.elapsed) {
            return Err(Refusal::Locked);
        }
        if !account
            .password
            .as_ref()
            .is_some_and(|known| known.is(fingerprinter.of(old)))
        {
            account.fail(call.elapsed);
            return Err(Refusal::WrongOld);
        }
    }
    let Some(new) = &change.new else {
        return Ok(());
    };
    let policy = &account.policy;
    let length = new.encode_utf16().count();
    if length < policy.min_length || length > policy.max_length {
        return Err(Refusal::TooShort);
    }
    if !is_complex(new, &account.login, call.shared.options.texts) {
        return Err(Refusal::NotComplex);
    }
    if is_reset {
        return Ok(());
    }
    if account.is_too_young(call.now) && !account.must_change {
        return Err(Refusal::TooYoung);
    }
    let new = fingerprinter.of(new);
    let known = account.password.as_ref();
    if known.is_some_and(|known| policy.history > 0 && known.is_among_last(policy.history, new)) {
        return Err(Refusal::InHistory);
    }
    Ok(())
}

// Three of five categories, and, at Windows alone, not the login name.
fn is_complex(password: &str, login: &str, texts: DirectoryTexts) -> bool {
    let categories = [
        password.chars().any(char::is_uppercase),
        password.chars().any(char::is_lowercase),
        password.chars().any(|c| c.is_ascii_digit()),
        password
            .chars()
            .any(|c| c.is_ascii() && !c.is_ascii_alphanumeric()),
        password
            .chars()
            .any(|c| c.is_alphabetic() && !c.is_uppercase() && !c.is_lowercase()),
    ];
    let has_name = texts == DirectoryTexts::Windows
        && login.chars().count() > 2
        && password.to_lowercase().contains(&login.to_lowercase());
    categories.into_iter().filter(|has| *has).count() >= 3 && !has_name
}
