//! The password policy of a realm, which Keycloak writes as one text:
//! `length(8) and upperCase(1) and notUsername and passwordHistory(3)` (source).

use repass_domain::Rule;

/// The rules in such a text. What is not known by name is a rule of the provider's, as it stands; settings that are no
/// rules for a new password are left out.
pub(crate) fn parse(text: &str) -> Vec<Rule> {
    parts(text).into_iter().flat_map(rules).collect()
}

// Split at ` and ` outside of brackets: a regular expression may hold both.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ' ' if depth <= 0 && text[at..].starts_with(" and ") => {
                parts.push(&text[start..at]);
                start = at + " and ".len();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    let parts = parts.into_iter().map(str::trim);
    parts.filter(|part| !part.is_empty()).collect()
}

fn rules(part: &str) -> Vec<Rule> {
    let (name, argument) = match part.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').unwrap_or(rest)),
        None => (part, ""),
    };
    let number = argument.parse::<u32>().ok();
    let other = || Rule::Other(part.to_owned());
    // Several characters of a class include one; the number itself is shown in Keycloak's words.
    let class = |rule: Rule| match number {
        Some(0) => vec![],
        Some(1) | None => vec![rule],
        Some(_) => vec![rule, other()],
    };
    match (name, number) {
        ("length", Some(length)) => vec![Rule::MinLength(length)],
        ("maxLength", Some(length)) => vec![Rule::MaxLength(length)],
        ("lowerCase", _) => class(Rule::Lowercase),
        ("upperCase", _) => class(Rule::Uppercase),
        ("digits", _) => class(Rule::Digit),
        ("specialChars", _) => class(Rule::Special),
        ("passwordHistory", Some(count)) => vec![Rule::NotRecent(Some(count))],
        ("passwordBlacklist", _) => vec![Rule::NotCommon],
        (
            "notUsername" | "notEmail" | "notContainsUsername" | "notContainsName" | "notPersonalInformation",
            _,
        ) => {
            vec![Rule::NotUserData]
        }
        // How the password is stored, and when the next one is due.
        ("hashAlgorithm" | "hashIterations" | "forceExpiredPasswordChange" | "maxAuthAge", _) => vec![],
        _ => vec![other()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Rule::{Digit, Lowercase, MaxLength, MinLength, NotCommon, NotRecent, NotUserData, Other, Uppercase};

    #[test]
    fn policy_of_a_realm_becomes_rules() {
        let other = |text: &str| Other(text.to_owned());
        for (text, rules) in [
            ("", vec![]),
            ("length(8)", vec![MinLength(8)]),
            (
                "length(8) and upperCase(1) and digits(2) and notUsername and passwordHistory(3) and hashIterations(210000) \
                 and forceExpiredPasswordChange(365) and maxLength(64) and notEmail()",
                vec![
                    MinLength(8),
                    Uppercase,
                    Digit,
                    other("digits(2)"),
                    NotUserData,
                    NotRecent(Some(3)),
                    MaxLength(64),
                    NotUserData,
                ],
            ),
            ("lowerCase(0) and passwordBlacklist(common.txt)", vec![NotCommon]),
            (
                "regexPattern(^(?=.* and )[a-z()]+$) and lowerCase",
                vec![other("regexPattern(^(?=.* and )[a-z()]+$)"), Lowercase],
            ),
            (
                "strength(3) and length(x)",
                vec![other("strength(3)"), other("length(x)")],
            ),
            (
                "regexPattern(a\\)b) and length(9)",
                vec![other("regexPattern(a\\)b)"), MinLength(9)],
            ),
        ] {
            assert_eq!(parse(text), rules, "{text}");
        }
    }
}
