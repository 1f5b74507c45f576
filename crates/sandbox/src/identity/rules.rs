//! The portal's password rules.

use super::result::Failure;
use crate::options::{IdentityOptions, IdentityRules};

/// What a policy asks for besides at least one character of any kind.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the portal's own settings"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Policy {
    /// In UTF-16 units.
    pub(super) length: usize,
    pub(super) special: bool,
    pub(super) digit: bool,
    pub(super) lower: bool,
    pub(super) upper: bool,
}

impl Policy {
    pub(super) fn of(options: &IdentityOptions) -> Self {
        let (length, strict) = match options.rules {
            IdentityRules::Uipath => (8, false),
            IdentityRules::Aspnet => (6, true),
        };
        let length = options.minimum_length.unwrap_or(length);
        Self {
            length,
            special: strict,
            digit: true,
            lower: true,
            upper: strict,
        }
    }

    /// Every rule that a password breaks, in the framework's order.
    ///
    /// Classes are ASCII: other letters count as special, and neither as lower nor as upper case. Blank
    /// passwords are too short whatever their length.
    pub(super) fn broken(self, password: &str) -> Vec<Failure> {
        let has = |class: fn(&char) -> bool| password.chars().any(|c| class(&c));
        let too_short = password.trim().is_empty() || password.encode_utf16().count() < self.length;
        let checks = [
            (
                too_short,
                "PasswordTooShort",
                format!("Passwords must be at least {} characters.", self.length),
            ),
            (
                self.special && !has(|c| !c.is_ascii_alphanumeric()),
                "PasswordRequiresNonAlphanumeric",
                "Passwords must have at least one non alphanumeric character.".to_owned(),
            ),
            (
                self.digit && !has(char::is_ascii_digit),
                "PasswordRequiresDigit",
                "Passwords must have at least one digit ('0'-'9').".to_owned(),
            ),
            (
                self.lower && !has(char::is_ascii_lowercase),
                "PasswordRequiresLower",
                "Passwords must have at least one lowercase ('a'-'z').".to_owned(),
            ),
            (
                self.upper && !has(char::is_ascii_uppercase),
                "PasswordRequiresUpper",
                "Passwords must have at least one uppercase ('A'-'Z').".to_owned(),
            ),
            (
                password.is_empty(),
                "PasswordRequiresUniqueChars",
                "Passwords must use at least 1 different characters.".to_owned(),
            ),
        ];
        let broken = checks.into_iter().filter(|(broken, ..)| *broken);
        broken
            .map(|(_, code, description)| Failure::new(code, description))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::numbered_password;

    fn codes(rules: IdentityRules, password: &str) -> Vec<String> {
        Policy::of(&IdentityOptions {
            rules,
            ..IdentityOptions::default()
        })
        .broken(password)
        .into_iter()
        .map(|failure| failure.code)
        .collect()
    }

    #[test]
    fn all_broken_rules_come_at_once_and_in_order() {
        use IdentityRules::{Aspnet, Uipath};
        let rows: [(IdentityRules, &str, &[&str]); 9] = [
            (Uipath, "patr0nu5", &[]),
            (
                Aspnet,
                "patr0nu5",
                &["PasswordRequiresNonAlphanumeric", "PasswordRequiresUpper"],
            ),
            (
                Uipath,
                "SHORT",
                &[
                    "PasswordTooShort",
                    "PasswordRequiresDigit",
                    "PasswordRequiresLower",
                ],
            ),
            (
                Aspnet,
                "",
                &[
                    "PasswordTooShort",
                    "PasswordRequiresNonAlphanumeric",
                    "PasswordRequiresDigit",
                    "PasswordRequiresLower",
                    "PasswordRequiresUpper",
                    "PasswordRequiresUniqueChars",
                ],
            ),
            (
                Uipath,
                "            ",
                &[
                    "PasswordTooShort",
                    "PasswordRequiresDigit",
                    "PasswordRequiresLower",
                ],
            ),
            // Each of these is two UTF-16 units and one character.
            (Uipath, "a1\u{1F511}\u{1F511}\u{1F511}", &[]),
            (Uipath, "a1\u{1F511}\u{1F511}", &["PasswordTooShort"]),
            (Aspnet, "Aé1bcd", &[]),
            (
                Aspnet,
                "Éé1234",
                &["PasswordRequiresLower", "PasswordRequiresUpper"],
            ),
        ];
        for (rules, password, expected) in rows {
            assert_eq!(codes(rules, password), expected, "{password}");
        }
    }

    #[test]
    fn every_numbered_password_meets_both_policies() {
        let runs = [
            12_345, 123_456, 234_567, 345_678, 456_789, 987_654, 876_543, 765_432, 654_321, 543_210,
        ];
        for n in (0..1000).map(|group| group * 1001).chain(runs) {
            let password = numbered_password(n);
            assert!(codes(IdentityRules::Uipath, &password).is_empty(), "{password}");
            assert!(codes(IdentityRules::Aspnet, &password).is_empty(), "{password}");
        }
    }
}
