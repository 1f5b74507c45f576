//! What servers answer, one row each. What no row describes is unknown.
//!
//! Measured at OpenLDAP 2.5, 389 Directory Server 2.3 and Samba 4.17; texts of Windows are those that Microsoft documents.
//! Texts are read only where a code has several meanings, and never of Active Directory: there the first eight
//! hexadecimal digits say more, and the rest differs between Windows and Samba.

use repass_domain::{CallRedactor, ErrorKind, Rule};
use repass_provider::{Classification, only_number};
use repass_transport::AttemptOutcome;
use repass_transport::ldap::{LdapResult, Reply, code, oid};

use crate::dialect::Dialect;
use crate::policy::Rules;

/// Errors of the password policy control.
mod policy_error {
    pub(super) const PASSWORD_EXPIRED: u32 = 0;
    pub(super) const ACCOUNT_LOCKED: u32 = 1;
    pub(super) const CHANGE_NOT_ALLOWED: u32 = 3;
    pub(super) const MUST_SUPPLY_OLD: u32 = 4;
    pub(super) const INSUFFICIENT_QUALITY: u32 = 5;
    pub(super) const TOO_SHORT: u32 = 6;
    pub(super) const TOO_YOUNG: u32 = 7;
    pub(super) const IN_HISTORY: u32 = 8;
    pub(super) const TOO_LONG: u32 = 9;
}

fn rejected(kind: ErrorKind, hint: &'static str) -> Classification {
    Classification::rejected(kind).with_hint(hint)
}

fn unproven() -> Classification {
    Classification::new(AttemptOutcome::Unproven, ErrorKind::UnexpectedAnswer)
        .with_hint("the server answered with a result code that does not say whether the change was made")
}

/// Adds the server's code and words: with a referral, where it refers to.
fn with_words(classification: Classification, reply: &Reply) -> Classification {
    let LdapResult { text, referrals, .. } = &reply.result;
    let text = [std::slice::from_ref(text), referrals].concat().join(" ");
    let text = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    classification.with_provider_error(Some(reply.result.code.to_string()), text)
}

/// What the response to the service's bind means, unless it succeeded.
pub(crate) fn service_bind(reply: &Reply) -> Option<Classification> {
    let classification = match reply.result.code {
        code::SUCCESS => return None,
        code::INVALID_CREDENTIALS | code::NO_SUCH_OBJECT => rejected(
            ErrorKind::Unauthenticated,
            "the directory rejects the service account; check `auth`",
        ),
        code::INVALID_DN_SYNTAX => rejected(
            ErrorKind::Misconfigured,
            "`auth.bind_dn` is no name that the server accepts",
        ),
        code::STRONGER_AUTH_REQUIRED | code::CONFIDENTIALITY_REQUIRED => rejected(
            ErrorKind::Misconfigured,
            "the server demands a stronger or encrypted log-in",
        ),
        code::BUSY | code::UNAVAILABLE => Classification::rejected(ErrorKind::ProviderFault),
        code::REFERRAL => rejected(
            ErrorKind::Misconfigured,
            "the server sends the log-in to another server; set `url` to that one",
        ),
        _ => Classification::rejected(ErrorKind::UnexpectedAnswer),
    };
    Some(with_words(classification, reply))
}

/// What the response to a user's bind with the current password means, unless it lets the change go on. Nothing was
/// changed.
pub(crate) fn user_bind(reply: &Reply) -> Option<Classification> {
    let error = reply.password_policy().and_then(|policy| policy.error);
    let says_expired = reply
        .controls
        .iter()
        .any(|control| control.oid == oid::PASSWORD_EXPIRED);
    let classification = match (reply.result.code, error) {
        (code::SUCCESS, _) => return None,
        (code::INVALID_CREDENTIALS | code::CONSTRAINT_VIOLATION, Some(policy_error::ACCOUNT_LOCKED)) => {
            Classification::rejected(ErrorKind::LockedOut)
        }
        // Sent for the right password only.
        (code::INVALID_CREDENTIALS, Some(policy_error::PASSWORD_EXPIRED)) => expired(),
        (code::INVALID_CREDENTIALS, _) if says_expired => expired(),
        (code::INVALID_CREDENTIALS, _) => Classification::rejected(ErrorKind::WrongCurrentPassword),
        (code::STRONGER_AUTH_REQUIRED | code::CONFIDENTIALITY_REQUIRED, _) => rejected(
            ErrorKind::Misconfigured,
            "the server demands a stronger or encrypted log-in",
        ),
        (code::BUSY | code::UNAVAILABLE, _) => Classification::rejected(ErrorKind::ProviderFault),
        (code::UNWILLING_TO_PERFORM, _) => rejected(
            ErrorKind::NotEligible,
            "the directory does not let this user log in",
        ),
        _ => Classification::rejected(ErrorKind::UnexpectedAnswer),
    };
    Some(with_words(classification, reply))
}

fn expired() -> Classification {
    rejected(
        ErrorKind::NotEligible,
        "the current password is right and has expired, so the user cannot change it; reset it",
    )
}

/// What the response to a bind proves of the password that it presented.
pub(crate) fn proves_password(dialect: Dialect, reply: &Reply) -> bool {
    let error = reply.password_policy().and_then(|policy| policy.error);
    match (dialect, reply.result.code) {
        (_, code::SUCCESS) => true,
        (Dialect::ActiveDirectory, code::INVALID_CREDENTIALS) => {
            matches!(
                bind_data(&reply.result.text),
                Some("530" | "531" | "532" | "533" | "701" | "773")
            )
        }
        (_, code::INVALID_CREDENTIALS) => error == Some(policy_error::PASSWORD_EXPIRED),
        _ => false,
    }
}

/// Whether the response to a bind says that the password is wrong, and nothing else.
pub(crate) fn disproves_password(dialect: Dialect, reply: &Reply) -> bool {
    dialect == Dialect::ActiveDirectory
        && reply.result.code == code::INVALID_CREDENTIALS
        && bind_data(&reply.result.text) == Some("52e")
}

// `… AcceptSecurityContext error, data 52e, v1db1`
fn bind_data(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(" data ")?;
    rest.split([',', ' ']).next()
}

/// What the response to a change means. `redactor` knows the passwords, whose digits are no numbers of a rule.
pub(crate) fn change(
    dialect: Dialect,
    is_self_service: bool,
    rules: &Rules,
    reply: &Reply,
    redactor: &CallRedactor<'_>,
) -> Classification {
    let classification = match reply.result.code {
        // A value is a password that the server invented in place of the one that it was sent.
        code::SUCCESS if reply.has_value => unproven(),
        code::SUCCESS => Classification::done(),
        code::REFERRAL => rejected(
            ErrorKind::Misconfigured,
            "the server is a replica and names another server for changes; set `url` to that one",
        ),
        code::BUSY => Classification::rejected(ErrorKind::ProviderFault),
        code::NO_SUCH_OBJECT => Classification::rejected(ErrorKind::UserNotFound),
        code::INVALID_DN_SYNTAX => Classification::rejected(ErrorKind::InvalidRequest),
        // What a guarded change expects of the entry is no longer there.
        code::ATTRIBUTE_OR_VALUE_EXISTS | code::ASSERTION_FAILED => {
            Classification::rejected(ErrorKind::Conflict)
        }
        code::NO_SUCH_ATTRIBUTE if !is_self_service => Classification::rejected(ErrorKind::Conflict),
        _ => match dialect {
            Dialect::ActiveDirectory => active_directory(is_self_service, rules, reply),
            Dialect::PasswordModify | Dialect::Directory389 => ldap(is_self_service, rules, reply, redactor),
        },
    };
    with_words(classification, reply)
}

fn ldap(is_self_service: bool, rules: &Rules, reply: &Reply, redactor: &CallRedactor<'_>) -> Classification {
    let error = reply.password_policy().and_then(|policy| policy.error);
    let text = reply.result.text.as_str();
    match (reply.result.code, error) {
        (code::CONSTRAINT_VIOLATION, Some(policy_error::TOO_SHORT)) => match rules.min_length {
            Some(min) => Classification::violates(Rule::MinLength(min)),
            None => Classification::violates(Rule::MinLengthUnnamed),
        },
        (code::CONSTRAINT_VIOLATION, Some(policy_error::TOO_LONG)) => {
            Classification::violates(match rules.max_length {
                Some(max) => Rule::MaxLength(max),
                None => Rule::Other("password_too_long".to_owned()),
            })
        }
        (code::CONSTRAINT_VIOLATION, Some(policy_error::TOO_YOUNG)) => {
            Classification::violates(Rule::MinAge(rules.change_allowed_at))
        }
        // OpenLDAP says this with an error of the history, 389 without any.
        (code::CONSTRAINT_VIOLATION, Some(policy_error::IN_HISTORY))
            if text.starts_with("Password is not being changed") =>
        {
            Classification::violates(Rule::NotCurrent)
        }
        (code::CONSTRAINT_VIOLATION, Some(policy_error::IN_HISTORY)) => {
            Classification::violates(Rule::NotRecent(rules.history))
        }
        (code::CONSTRAINT_VIOLATION, None)
            if text == "password in history" || text == "Failed to update password" =>
        {
            Classification::violates(Rule::NotCurrent)
        }
        (code::CONSTRAINT_VIOLATION, Some(policy_error::ACCOUNT_LOCKED)) => {
            Classification::rejected(ErrorKind::LockedOut)
        }
        (code::CONSTRAINT_VIOLATION, Some(policy_error::INSUFFICIENT_QUALITY)) => {
            Classification::violates(quality(text, redactor))
        }
        (code::CONSTRAINT_VIOLATION, _) => {
            Classification::violates(Rule::Other("constraint_violation".to_owned()))
        }
        // After a bind as the user: the same connection has proven the password a moment ago, so it has changed since.
        (code::INVALID_CREDENTIALS | code::NO_SUCH_ATTRIBUTE, _) if is_self_service => {
            Classification::rejected(ErrorKind::WrongCurrentPassword)
        }
        (
            code::UNWILLING_TO_PERFORM | code::INSUFFICIENT_ACCESS_RIGHTS,
            Some(policy_error::CHANGE_NOT_ALLOWED),
        ) if is_self_service => rejected(
            ErrorKind::NotEligible,
            "the directory does not let this user change the password",
        ),
        (code::INSUFFICIENT_ACCESS_RIGHTS, Some(policy_error::MUST_SUPPLY_OLD)) => rejected(
            ErrorKind::Misconfigured,
            "the policy demands the current password even of the service account (pwdSafeModify)",
        ),
        (code::UNWILLING_TO_PERFORM, _) if is_self_service && text.contains("old password") => {
            Classification::rejected(ErrorKind::WrongCurrentPassword)
        }
        (code::UNWILLING_TO_PERFORM, _) => rejected(
            ErrorKind::Misconfigured,
            "the server does not carry out changes now: it may be read-only, or a replica",
        ),
        (code::INSUFFICIENT_ACCESS_RIGHTS, _) => Classification::rejected(ErrorKind::PermissionDenied),
        (code::OBJECT_CLASS_VIOLATION, _) => {
            rejected(ErrorKind::NotEligible, "the user's entry cannot have a password")
        }
        (code::INVALID_ATTRIBUTE_SYNTAX, _) => Classification::rejected(ErrorKind::InvalidRequest),
        (code::STRONGER_AUTH_REQUIRED, _) => Classification::rejected(ErrorKind::Unauthenticated),
        (code::CONFIDENTIALITY_REQUIRED, _) => rejected(
            ErrorKind::Misconfigured,
            "the server demands an encrypted connection",
        ),
        (code::UNAVAILABLE_CRITICAL_EXTENSION, _) => Classification::rejected(ErrorKind::Unsupported),
        _ => unproven(),
    }
}

/// The rule that 389 names in words; OpenLDAP and its modules have their own.
fn quality(text: &str, redactor: &CallRedactor<'_>) -> Rule {
    // In parentheses 389 lists the categories, one of which is `8-bit`.
    let rule = text.split('(').next().unwrap_or(text);
    // Its words count as they are: a password that holds one of them must not hide the rule.
    let number = || only_number(&redactor.redact(rule), 1..=512);
    let has = |part: &str| text.contains(part);
    match () {
        () if has("characters long") => number().map_or(Rule::MinLengthUnnamed, Rule::MinLength),
        () if has("character categories") => {
            number().map_or(Rule::Other("categories".to_owned()), Rule::CharacterCategories)
        }
        () if has("digit characters") => Rule::Digit,
        () if has("uppercase characters") => Rule::Uppercase,
        () if has("lowercase characters") => Rule::Lowercase,
        () if has("special characters") => Rule::Special,
        () if has("alphabetic characters") => Rule::Letter,
        () if has("based off of user entry") => Rule::NotUserData,
        () if has("repeated more than") => Rule::Other("repeats".to_owned()),
        () if has("palindrome") => Rule::Other("palindrome".to_owned()),
        () if has("monotonic sequence") => Rule::NoConsecutiveRun(None),
        () if has("storage scheme") => Rule::Other("storage_scheme".to_owned()),
        () => Rule::Other("quality".to_owned()),
    }
}

fn active_directory(is_self_service: bool, rules: &Rules, reply: &Reply) -> Classification {
    match (reply.result.code, windows_code(&reply.result.text)) {
        // Windows Server says either.
        (code::CONSTRAINT_VIOLATION | code::UNWILLING_TO_PERFORM, Some(0x52d)) if rules.broken.is_empty() => {
            rejected(
                ErrorKind::PasswordRefused,
                "the password breaks a rule of the domain that the service account cannot read; let it read the \
             fine-grained policies to have the rule named",
            )
        }
        (code::CONSTRAINT_VIOLATION | code::UNWILLING_TO_PERFORM, Some(0x52d)) => Classification {
            rules: rules.broken.clone(),
            ..Classification::rejected(ErrorKind::PasswordRefused)
        },
        (code::CONSTRAINT_VIOLATION, Some(0x56)) => Classification::rejected(ErrorKind::WrongCurrentPassword),
        (code::CONSTRAINT_VIOLATION, Some(0x775)) => Classification::rejected(ErrorKind::LockedOut),
        (code::CONSTRAINT_VIOLATION, Some(0x216c)) => Classification::rejected(ErrorKind::InvalidRequest),
        // Samba, and the two ways of Windows.
        (code::CONSTRAINT_VIOLATION, None | Some(5)) | (code::INSUFFICIENT_ACCESS_RIGHTS, Some(5))
            if is_self_service =>
        {
            rejected(
                ErrorKind::NotEligible,
                "the directory does not let this user change the password",
            )
        }
        (code::INSUFFICIENT_ACCESS_RIGHTS, _) if rules.is_protected && !is_self_service => rejected(
            ErrorKind::PermissionDenied,
            "the user's account is protected (adminCount is 1), and Windows gives such accounts no delegated rights; \
             grant the right on AdminSDHolder, or let a domain administrator reset it",
        ),
        (code::INSUFFICIENT_ACCESS_RIGHTS, _) => Classification::rejected(ErrorKind::PermissionDenied),
        // The compared value is no longer there: another change came first.
        (code::NO_SUCH_ATTRIBUTE, _) => Classification::rejected(ErrorKind::Conflict),
        (code::OPERATIONS_ERROR, Some(0x2020 | 0x4dc)) => rejected(
            ErrorKind::Unauthenticated,
            "the server has forgotten the log-in of this connection",
        ),
        (code::UNWILLING_TO_PERFORM, Some(0x1f))
        | (code::STRONGER_AUTH_REQUIRED | code::CONFIDENTIALITY_REQUIRED, _) => rejected(
            ErrorKind::Misconfigured,
            "the domain controller demands an encrypted connection",
        ),
        (code::UNWILLING_TO_PERFORM, Some(0x2035)) => rejected(
            ErrorKind::Misconfigured,
            "the domain controller does not take changes here; a port of the global catalogue (3268, 3269) is read-only",
        ),
        (code::UNWILLING_TO_PERFORM, _) => rejected(
            ErrorKind::Misconfigured,
            "the domain controller does not carry out this change",
        ),
        (code::UNAVAILABLE_CRITICAL_EXTENSION, _) => Classification::rejected(ErrorKind::Unsupported),
        _ => unproven(),
    }
}

/// The error of Windows with which the text begins.
fn windows_code(text: &str) -> Option<u32> {
    let digits = text.get(..8)?;
    let is_code = text[8..].starts_with(':') && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_code.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use ErrorKind::{
        Conflict, InvalidRequest, LockedOut, Misconfigured, NotEligible, PasswordRefused, PermissionDenied,
        ProviderFault, Unauthenticated, UnexpectedAnswer, UserNotFound, WrongCurrentPassword,
    };
    use repass_transport::ldap::PasswordPolicyControl;

    use super::*;

    fn reply(code: u32, text: &str, error: Option<u32>) -> Reply {
        let policy = PasswordPolicyControl { warning: None, error };
        Reply {
            result: LdapResult::new(code, text),
            controls: error.map(|_| policy.control()).into_iter().collect(),
            has_value: false,
        }
    }

    fn rules() -> Rules {
        Rules {
            min_length: Some(8),
            max_length: Some(64),
            history: Some(5),
            ..Rules::default()
        }
    }

    fn read(dialect: Dialect, is_self: bool, row: (u32, &str, Option<u32>)) -> Classification {
        let reply = reply(row.0, row.1, row.2);
        change(dialect, is_self, &rules(), &reply, &CallRedactor::for_nothing())
    }

    #[test]
    fn change_at_openldap_is_read_as_measured() {
        let quality = "Password fails quality checking policy";
        for (is_self, row, kind, rule) in [
            (
                true,
                (53, "unwilling to verify old password", None),
                WrongCurrentPassword,
                None,
            ),
            (false, (32, "", None), UserNotFound, None),
            (false, (21, "Invalid DN", None), InvalidRequest, None),
            (false, (65, "", None), NotEligible, None),
            (
                false,
                (19, quality, Some(6)),
                PasswordRefused,
                Some(Rule::MinLength(8)),
            ),
            (
                false,
                (19, quality, Some(9)),
                PasswordRefused,
                Some(Rule::MaxLength(64)),
            ),
            (
                false,
                (19, quality, Some(5)),
                PasswordRefused,
                Some(Rule::Other("quality".into())),
            ),
            (
                false,
                (19, "Password is not being changed from existing value", Some(8)),
                PasswordRefused,
                Some(Rule::NotCurrent),
            ),
            (
                true,
                (19, "Password is in history of old passwords", Some(8)),
                PasswordRefused,
                Some(Rule::NotRecent(Some(5))),
            ),
            (
                true,
                (19, "Password is too young to change", Some(7)),
                PasswordRefused,
                Some(Rule::MinAge(None)),
            ),
            (
                false,
                (
                    50,
                    "Must supply old password to be changed as well as new one",
                    Some(4),
                ),
                Misconfigured,
                None,
            ),
            (
                true,
                (50, "User alteration of password is not allowed", Some(3)),
                NotEligible,
                None,
            ),
            (false, (50, "", None), PermissionDenied, None),
            (false, (53, "operation restricted", None), Misconfigured, None),
            (false, (10, "", None), Misconfigured, None),
            (
                false,
                (8, "only authenticated users may change passwords", None),
                Unauthenticated,
                None,
            ),
            (false, (13, "confidentiality required", None), Misconfigured, None),
            (false, (51, "", None), ProviderFault, None),
        ] {
            let read = read(Dialect::PasswordModify, is_self, row);
            assert_eq!(
                (read.outcome, read.kind),
                (AttemptOutcome::Refused, kind),
                "{row:?}"
            );
            assert_eq!(read.rules, Vec::from_iter(rule), "{row:?}");
        }
    }

    #[test]
    fn change_at_389_is_read_as_measured() {
        let syntax = |rest| format!("invalid password syntax - {rest}");
        let named = [
            (
                "password must be at least 10 characters long",
                Rule::MinLength(10),
            ),
            (
                "password must contain at least 3 character categories (valid categories are digit, uppercase, lowercase, \
                 special, and 8-bit characters)",
                Rule::CharacterCategories(3),
            ),
            ("password must contain at least 1 digit characters", Rule::Digit),
            (
                "password must contain at least 1 uppercase characters",
                Rule::Uppercase,
            ),
            (
                "password must contain at least 1 special characters",
                Rule::Special,
            ),
            ("password based off of user entry", Rule::NotUserData),
            ("Password is a palindrome", Rule::Other("palindrome".into())),
            (
                "a character cannot be repeated more than 2 times",
                Rule::Other("repeats".into()),
            ),
            (
                "Password contains a monotonic sequence",
                Rule::NoConsecutiveRun(None),
            ),
            (
                "passwords with storage scheme are not allowed",
                Rule::Other("storage_scheme".into()),
            ),
        ];
        for (text, rule) in named {
            let read = read(Dialect::Directory389, false, (19, &syntax(text), Some(5)));
            assert_eq!(
                (read.outcome, read.rules),
                (AttemptOutcome::Refused, vec![rule]),
                "{text}"
            );
        }
        let privilege = "Insufficient 'write' privilege to the 'userPassword' attribute of entry 'uid=x'.";
        for (is_self, row, kind, rule) in [
            (
                false,
                (19, "password in history", None),
                PasswordRefused,
                Some(Rule::NotCurrent),
            ),
            (
                false,
                (19, "password in history", Some(8)),
                PasswordRefused,
                Some(Rule::NotRecent(Some(5))),
            ),
            (true, (16, "", None), WrongCurrentPassword, None),
            (
                true,
                (53, "user is not allowed to change password", Some(3)),
                NotEligible,
                None,
            ),
            (false, (50, privilege, Some(3)), PermissionDenied, None),
            (false, (53, privilege, Some(3)), Misconfigured, None),
        ] {
            let read = read(Dialect::Directory389, is_self, row);
            assert_eq!(
                (read.outcome, read.kind),
                (AttemptOutcome::Refused, kind),
                "{row:?}"
            );
            assert_eq!(read.rules, Vec::from_iter(rule), "{row:?}");
        }
    }

    #[test]
    fn change_at_active_directory_is_read_by_its_hexadecimal_code() {
        for (is_self, code, text, kind) in [
            (
                true,
                19,
                "00000056: AtrErr: DSID-03190F80, #1:\n\t0: 00000056: DSID-03190F80",
                WrongCurrentPassword,
            ),
            (
                true,
                19,
                "00000056: Constraint violation - check_password_restrictions: The old",
                WrongCurrentPassword,
            ),
            (
                false,
                53,
                "0000052D: SvcErr: DSID-031A124C, problem 5003 (WILL_NOT_PERFORM), data 0",
                PasswordRefused,
            ),
            (
                true,
                19,
                "00000775: Password change not permitted, account locked out!",
                LockedOut,
            ),
            (
                true,
                19,
                "error in module acl: Constraint violation during LDB_MODIFY (19)",
                NotEligible,
            ),
            (
                true,
                50,
                "00000005: SecErr: DSID-031A11D8, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
                NotEligible,
            ),
            (
                false,
                50,
                "00000005: SecErr: DSID-031A11D8, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
                PermissionDenied,
            ),
            (
                false,
                50,
                "error in module acl: insufficient access rights during LDB_MODIFY (50)",
                PermissionDenied,
            ),
            (
                false,
                50,
                "00002098: Object CN=a has no write property access",
                PermissionDenied,
            ),
            (
                false,
                32,
                "0000208D: NameErr: DSID-0310028D, problem 2001 (NO_OBJECT), data 0",
                UserNotFound,
            ),
            (
                false,
                34,
                "00002032: ldb_modify: invalid dn '(null)'",
                InvalidRequest,
            ),
            (false, 1, "000004DC: LdapErr: DSID-0C090A5C", Unauthenticated),
            (
                false,
                1,
                "00002020: Operation unavailable without authentication",
                Unauthenticated,
            ),
            (
                false,
                16,
                "00002085: setup_last_set_field: old pwdLastSet value not found!",
                Conflict,
            ),
            (
                false,
                53,
                "0000001F: SvcErr: DSID-031A126A, problem 5003 (WILL_NOT_PERFORM), data 0",
                Misconfigured,
            ),
            (
                false,
                53,
                "00002035: modify forbidden on global catalog port",
                Misconfigured,
            ),
        ] {
            let read = read(Dialect::ActiveDirectory, is_self, (code, text, None));
            assert_eq!(
                (read.outcome, read.kind),
                (AttemptOutcome::Refused, kind),
                "{text}"
            );
        }
    }

    #[test]
    fn refusal_of_active_directory_names_the_rules_that_were_read_before() {
        let known = Rules {
            broken: vec![Rule::MinLength(8)],
            ..Rules::default()
        };
        let windows = "0000052D: AtrErr: DSID-03190F80, #1:\n\t0: 0000052D: DSID-03190F80, problem 1005";
        let read = change(
            Dialect::ActiveDirectory,
            false,
            &known,
            &reply(19, windows, None),
            &CallRedactor::for_nothing(),
        );
        assert_eq!(
            (read.outcome, read.rules),
            (AttemptOutcome::Refused, vec![Rule::MinLength(8)])
        );
    }

    #[test]
    fn change_with_a_code_that_no_row_describes_is_unknown() {
        let dialects = [
            Dialect::PasswordModify,
            Dialect::Directory389,
            Dialect::ActiveDirectory,
        ];
        for dialect in dialects {
            for code in [1, 2, 3, 4, 11, 52, 54, 80, 118, 4096] {
                for is_self in [false, true] {
                    let read = read(dialect, is_self, (code, "00000001: x", None));
                    assert_eq!(read.outcome, AttemptOutcome::Unproven, "{dialect:?} {code}");
                    assert_eq!(read.kind, UnexpectedAnswer, "{dialect:?} {code}");
                }
            }
        }
    }

    #[test]
    fn digits_of_the_password_are_no_number_of_a_rule() {
        let new = repass_domain::Password::new("hunter77").unwrap();
        let asked = repass_domain::PasswordChange::reset("alice".parse().unwrap(), new);
        let redactor = CallRedactor::for_change(&asked);
        let text = "hunter77: must be more characters long";
        let reply = reply(19, text, Some(policy_error::INSUFFICIENT_QUALITY));
        let read = change(Dialect::PasswordModify, false, &rules(), &reply, &redactor);
        assert_eq!(read.rules, [Rule::MinLengthUnnamed]);
    }

    #[test]
    fn words_of_the_password_hide_no_rule() {
        let new = repass_domain::Password::new("NoSpecial1Here").unwrap();
        let asked = repass_domain::PasswordChange::reset("alice".parse().unwrap(), new);
        let redactor = CallRedactor::for_change(&asked);
        let text = "invalid password syntax - password must contain at least 1 special characters";
        let reply = reply(19, text, Some(policy_error::INSUFFICIENT_QUALITY));
        let read = change(Dialect::Directory389, false, &rules(), &reply, &redactor);
        assert_eq!(read.rules, [Rule::Special]);
    }

    #[test]
    fn change_is_applied_by_code_zero_and_without_an_invented_password_only() {
        for dialect in [
            Dialect::PasswordModify,
            Dialect::Directory389,
            Dialect::ActiveDirectory,
        ] {
            let done = read(dialect, false, (0, "00000000: Success", None));
            assert_eq!(done.outcome, AttemptOutcome::Done);
        }
        let invented = Reply {
            has_value: true,
            ..reply(0, "", None)
        };
        let read = change(
            Dialect::PasswordModify,
            false,
            &rules(),
            &invented,
            &CallRedactor::for_nothing(),
        );
        assert_eq!(read.outcome, AttemptOutcome::Unproven);
    }

    #[test]
    fn bind_of_a_user_is_read_as_measured() {
        for (row, kind) in [
            ((49, "", None), WrongCurrentPassword),
            ((49, "", Some(1)), LockedOut),
            ((49, "password expired!", Some(0)), NotEligible),
            (
                (19, "Exceed password retry limit. Please try later.", Some(1)),
                LockedOut,
            ),
            ((13, "", None), Misconfigured),
            ((52, "", None), ProviderFault),
            ((80, "", None), UnexpectedAnswer),
        ] {
            let read = user_bind(&reply(row.0, row.1, row.2)).unwrap();
            assert_eq!(
                (read.outcome, read.kind),
                (AttemptOutcome::Refused, kind),
                "{row:?}"
            );
        }
        // In grace, and with a password that must be changed, the change goes on.
        assert_eq!(user_bind(&reply(0, "", Some(2))), None);
    }

    #[test]
    fn bind_proves_a_password_only_by_codes_that_need_the_right_one() {
        let data = |data| {
            format!(
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1"
            )
        };
        for right in ["530", "531", "532", "533", "701", "773"] {
            let reply = reply(49, &data(right), None);
            assert!(proves_password(Dialect::ActiveDirectory, &reply), "{right}");
            assert!(!disproves_password(Dialect::ActiveDirectory, &reply), "{right}");
        }
        let wrong = reply(49, &data("52e"), None);
        assert!(
            !proves_password(Dialect::ActiveDirectory, &wrong)
                && disproves_password(Dialect::ActiveDirectory, &wrong)
        );
        // Locked: sent for right and wrong alike.
        let locked = reply(49, &data("775"), None);
        assert!(
            !proves_password(Dialect::ActiveDirectory, &locked)
                && !disproves_password(Dialect::ActiveDirectory, &locked)
        );
        assert!(proves_password(Dialect::PasswordModify, &reply(49, "", Some(0))));
        let plain = reply(49, "", None);
        assert!(
            !proves_password(Dialect::PasswordModify, &plain)
                && !disproves_password(Dialect::PasswordModify, &plain)
        );
    }
}
