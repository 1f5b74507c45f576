//! The rules for passwords, as far as the directory shows them.

use std::time::{Duration, SystemTime};

use repass_domain::{Counting, Password, PasswordPolicy, PolicyBuilder, Rule};
use repass_transport::ldap::{Entry, Filter, Scope, Search};

use crate::lookup::{generalized_time, windows_time};

/// What is known of the rules before a change, to name the one that a refusal means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) min_length: Option<u32>,
    pub(crate) max_length: Option<u32>,
    pub(crate) history: Option<u32>,
    /// Whether a password must have an age to be changed, also by the service account.
    pub(crate) has_min_age: bool,
    pub(crate) change_allowed_at: Option<SystemTime>,
    /// Of Active Directory, which has one code for four reasons: those that the new password breaks, or may break.
    pub(crate) broken: Vec<Rule>,
    /// Whether the user is an account of Active Directory that delegated rights do not reach.
    pub(crate) is_protected: bool,
}

/// Reads the entry of a policy, or of a domain.
pub(crate) fn search(dn: &str) -> Search<'_> {
    Search {
        base: dn,
        scope: Scope::Base,
        size_limit: 1,
        filter: Filter::Present("objectClass"),
        attributes: vec![
            // OpenLDAP
            "pwdMinLength",
            "pwdMaxLength",
            "pwdInHistory",
            "pwdMinAge",
            "pwdCheckQuality",
            // 389
            "passwordCheckSyntax",
            "passwordMinLength",
            "passwordMinCategories",
            "passwordInHistory",
            "passwordMinAge",
            // Active Directory
            "minPwdLength",
            "pwdProperties",
            "pwdHistoryLength",
            "minPwdAge",
            "msDS-MinimumPasswordLength",
            "msDS-PasswordComplexityEnabled",
            "msDS-PasswordHistoryLength",
            "msDS-MinimumPasswordAge",
        ],
    }
}

impl Rules {
    /// Those of a policy's entry of OpenLDAP or 389, for this user.
    pub(crate) fn of_ldap(policy: &Entry, user: &Entry) -> Self {
        let number = |names: [&str; 2]| names.into_iter().find_map(|name| policy.number::<u32>(name));
        let positive = |number: Option<u32>| number.filter(|number| *number > 0);
        let min_age = positive(number(["pwdMinAge", "passwordMinAge"]));
        let time = |name| user.text(name).and_then(generalized_time);
        let aged = |age| time("pwdChangedTime")?.checked_add(Duration::from_secs(u64::from(age)));
        Self {
            min_length: positive(number(["pwdMinLength", "passwordMinLength"])),
            max_length: positive(policy.number("pwdMaxLength")),
            history: positive(number(["pwdInHistory", "passwordInHistory"])),
            has_min_age: min_age.is_some(),
            change_allowed_at: time("passwordAllowChangeTime").or_else(|| aged(min_age?)),
            ..Self::default()
        }
    }
}

/// The rules of an entry of OpenLDAP or 389. What a module of OpenLDAP checks is not readable.
pub(crate) fn of_ldap(policy: &Entry) -> PolicyBuilder {
    let rules = Rules::of_ldap(policy, &Entry::default());
    // Lengths of OpenLDAP are checked by the quality check only, which may be off; 389 has a switch of its own.
    let checks = |name: &str, off: &str| {
        policy
            .text(name)
            .is_none_or(|value| !value.eq_ignore_ascii_case(off))
    };
    let is_checked = checks("pwdCheckQuality", "0")
        && policy
            .text("passwordCheckSyntax")
            .is_none_or(|value| value.eq_ignore_ascii_case("on"));
    let lengths = [
        rules.min_length.map(Rule::MinLength),
        rules.max_length.map(Rule::MaxLength),
    ];
    let categories = policy
        .number("passwordMinCategories")
        .filter(|n| (1..=5).contains(n));
    PasswordPolicy::builder()
        // Lengths are those of bytes, or not published.
        .counting(Counting::Unpublished)
        .exact(lengths.into_iter().flatten().filter(|_| is_checked))
        .exact(categories.filter(|_| is_checked).map(Rule::CharacterCategories))
        .provider_only(rules.history.map(|n| Rule::NotRecent(Some(n))))
        .provider_only(rules.has_min_age.then_some(Rule::MinAge(None)))
}

/// The rules of a domain, or of a fine-grained policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DomainRules {
    min_length: u32,
    is_complex: bool,
    history: u32,
    min_age: Duration,
}

impl DomainRules {
    const COMPLEX: u32 = 1;

    /// Those of the entry; `None` if it shows none.
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        let number = |names: [&str; 2]| names.into_iter().find_map(|name| entry.number::<u32>(name));
        let complex = entry
            .text("msDS-PasswordComplexityEnabled")
            .map(|text| text.eq_ignore_ascii_case("TRUE"));
        let properties = entry.number::<u32>("pwdProperties");
        // Negative, in units of 100 ns.
        let min_age = ["msDS-MinimumPasswordAge", "minPwdAge"]
            .into_iter()
            .find_map(|name| entry.number::<i64>(name))
            .filter(|ticks| *ticks < 0 && *ticks > i64::MIN);
        Some(Self {
            min_length: number(["msDS-MinimumPasswordLength", "minPwdLength"])?,
            is_complex: complex.or(properties.map(|it| it & Self::COMPLEX != 0))?,
            history: number(["msDS-PasswordHistoryLength", "pwdHistoryLength"]).unwrap_or(0),
            min_age: Duration::from_millis(min_age.map_or(0, |ticks| ticks.unsigned_abs() / 10_000)),
        })
    }

    fn checked(&self) -> PolicyBuilder {
        PasswordPolicy::builder()
            .counting(Counting::Unpublished)
            .exact((self.min_length > 0).then_some(Rule::MinLength(self.min_length)))
            .exact(self.is_complex.then_some(Rule::CharacterCategories(3)))
    }

    /// As a policy.
    pub(crate) fn policy(&self) -> PolicyBuilder {
        self.checked()
            .provider_only((self.history > 0).then_some(Rule::NotRecent(Some(self.history))))
            .provider_only(self.is_complex.then_some(Rule::NotUserData))
            .provider_only((!self.min_age.is_zero()).then_some(Rule::MinAge(None)))
    }

    /// The rules that a refused password breaks: the minimum age first, which no other password changes; then what can be
    /// seen of the password; what is left is the history, or a part of the user's name. A reset has neither age nor
    /// history.
    pub(crate) fn broken(
        &self,
        new: &Password,
        user: &Entry,
        is_self_service: bool,
        now: SystemTime,
    ) -> Vec<Rule> {
        let set_at = user.number::<i64>("pwdLastSet").and_then(windows_time);
        let allowed_at = set_at.and_then(|at| at.checked_add(self.min_age));
        let mut broken = Vec::new();
        if let Some(at) = allowed_at.filter(|at| is_self_service && !self.min_age.is_zero() && *at > now) {
            broken.push(Rule::MinAge(Some(at)));
        }
        if let Ok(policy) = self.checked().build() {
            broken.extend(policy.check(new).iter().map(|violation| violation.rule().clone()));
        }
        if broken.is_empty() {
            let may_be_old = is_self_service && self.history > 0;
            broken.extend(may_be_old.then_some(Rule::NotRecent(Some(self.history))));
            broken.extend(self.is_complex.then_some(Rule::NotUserData));
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(attributes: &[(&str, &str)]) -> Entry {
        let attributes = attributes.iter();
        Entry {
            dn: String::new(),
            attributes: attributes
                .map(|(name, value)| ((*name).to_owned(), vec![value.as_bytes().to_vec()]))
                .collect(),
        }
    }

    fn domain() -> DomainRules {
        let head = entry(&[
            ("minPwdLength", "8"),
            ("pwdProperties", "1"),
            ("pwdHistoryLength", "24"),
            ("minPwdAge", "-864000000000"),
        ]);
        DomainRules::of(&head).unwrap()
    }

    #[test]
    fn refusal_of_a_domain_is_judged_with_the_age_first() {
        let password = |text| Password::new(text).unwrap();
        let day = Duration::from_secs(86_400);
        let set_at = windows_time(133_485_408_000_000_000).unwrap();
        let user = entry(&[("pwdLastSet", "133485408000000000")]);
        let broken = |text, is_self, now| domain().broken(&password(text), &user, is_self, now);
        let young = Rule::MinAge(Some(set_at + day));
        assert_eq!(
            broken("Long-Enough-1", true, set_at),
            std::slice::from_ref(&young)
        );
        assert_eq!(
            broken("short", true, set_at),
            [young, Rule::MinLength(8), Rule::CharacterCategories(3)]
        );
        let later = set_at + day * 2;
        assert_eq!(
            broken("Long-Enough-1", true, later),
            [Rule::NotRecent(Some(24)), Rule::NotUserData]
        );
        // A reset skips age and history.
        assert_eq!(broken("Long-Enough-1", false, set_at), [Rule::NotUserData]);
        assert_eq!(broken("Sh0-rt", false, set_at), [Rule::MinLength(8)]);
    }

    #[test]
    fn minimum_age_of_ldap_ends_when_the_server_says_or_after_the_last_change() {
        let at = |text| Some(generalized_time(text).unwrap());
        let policy = entry(&[("pwdMinAge", "3600")]);
        let user = entry(&[("pwdChangedTime", "20261127110000Z")]);
        let rules = Rules::of_ldap(&policy, &user);
        assert!(rules.has_min_age);
        assert_eq!(rules.change_allowed_at, at("20261127120000Z"));
        let of_389 = entry(&[("passwordAllowChangeTime", "20380101000000Z")]);
        let rules = Rules::of_ldap(&entry(&[("passwordMinAge", "86400")]), &of_389);
        assert_eq!(rules.change_allowed_at, at("20380101000000Z"));
        let rules = Rules::of_ldap(&entry(&[("pwdMinAge", "0")]), &user);
        assert!(!rules.has_min_age && rules.change_allowed_at.is_none());
    }

    #[test]
    fn policy_of_openldap_has_no_lengths_without_quality_check() {
        let policy = |quality| {
            let read = entry(&[
                ("pwdMinLength", "10"),
                ("pwdInHistory", "5"),
                ("pwdCheckQuality", quality),
            ]);
            let policy = of_ldap(&read).build().unwrap();
            policy.rules().map(|(rule, _)| rule.clone()).collect::<Vec<_>>()
        };
        assert_eq!(policy("2"), [Rule::MinLength(10), Rule::NotRecent(Some(5))]);
        assert_eq!(policy("0"), [Rule::NotRecent(Some(5))]);
    }

    #[test]
    fn entry_that_shows_no_rules_is_no_policy() {
        assert_eq!(DomainRules::of(&entry(&[])), None);
    }
}
