//! Generated passwords meet their policies.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::disallowed_methods, reason = "made-up passwords are looked at")]

use std::collections::BTreeSet;
use std::iter;
use std::sync::Arc;

use repass_domain::{Blocklist, LayeredPolicy, PasswordPolicy, Preset, Rule};
use secrecy::ExposeSecret as _;

/// Generates `count` passwords, checks each, and returns the characters and lengths that occurred.
fn generated(count: usize, policies: &LayeredPolicy) -> (BTreeSet<char>, BTreeSet<usize>) {
    let (mut characters, mut lengths) = (BTreeSet::new(), BTreeSet::new());
    for password in iter::once(policies.generate())
        .chain(policies.passwords())
        .take(count)
    {
        let password = password.unwrap();
        assert_eq!(policies.check(&password), []);
        let text = password.expose_secret();
        characters.extend(text.chars());
        lengths.insert(text.len());
    }
    (characters, lengths)
}

#[test]
fn generated_password_begins_with_a_letter() {
    let first = |policy: &PasswordPolicy| -> BTreeSet<char> {
        let policies = LayeredPolicy::from(policy.clone());
        let firsts = policies.passwords().take(2000).map(|password| {
            let password = password.unwrap();
            assert_eq!(policies.check(&password), []);
            password.expose_secret().chars().next().unwrap()
        });
        firsts.collect()
    };
    for preset in Preset::ALL {
        let found = first(&preset.into());
        // Each of them, so that none is favoured.
        assert!(
            found.len() == 52 && found.iter().all(char::is_ascii_alphabetic),
            "{found:?}"
        );
    }
    let of = |alphabet: &str| PasswordPolicy::builder().alphabet(alphabet).length(12);
    for (alphabet, expected) in [
        ("ab12=-", "ab"),
        ("0123=+", "0123"),
        ("!#=+-@", "!#"),
        ("=+-@", "+-=@"),
    ] {
        let policy = of(alphabet).build().unwrap();
        assert_eq!(first(&policy).into_iter().collect::<String>(), {
            let mut sorted: Vec<char> = expected.chars().collect();
            sorted.sort_unstable();
            sorted.into_iter().collect::<String>()
        });
    }
    // The rules come first.
    let digit = PasswordPolicy::builder().exact([Rule::Digit, Rule::MaxLength(1)]);
    assert!(first(&digit.build().unwrap()).iter().all(char::is_ascii_digit));
}

fn assert_whole_space(preset: Preset) {
    let (characters, lengths) = generated(100_000, &PasswordPolicy::from(preset).into());
    let count = |class: fn(&char) -> bool| characters.iter().copied().filter(class).count();
    let kinds = [
        count(char::is_ascii_lowercase),
        count(char::is_ascii_uppercase),
        count(char::is_ascii_digit),
        count(char::is_ascii_punctuation),
    ];
    assert_eq!(kinds, [26, 26, 10, 11]);
    assert_eq!(lengths, BTreeSet::from([20]));
}

#[test]
fn zoom_default_passwords_cover_the_alphabet() {
    assert_whole_space(Preset::ZoomDefault);
}

#[test]
fn uipath_default_passwords_cover_the_alphabet() {
    assert_whole_space(Preset::UipathDefault);
}

#[test]
fn aspnet_default_passwords_cover_the_alphabet() {
    assert_whole_space(Preset::AspnetDefault);
}

#[test]
fn nist_passwords_cover_the_alphabet() {
    assert_whole_space(Preset::Nist80063b4);
}

#[test]
fn generated_passwords_meet_two_layers_with_every_rule() {
    let own = [
        Rule::MinLength(10),
        Rule::MaxLength(10),
        Rule::Uppercase,
        Rule::Lowercase,
        Rule::Special,
        Rule::DistinctCharacters(9),
        Rule::NoConsecutiveRun(Some(2)),
    ];
    let own = PasswordPolicy::builder().exact(own);
    let common = Blocklist::from_plain_text("Passw0rd!x");
    let own = own.alphabet("abcdefghABCDEFGH0123!").build().unwrap();
    let own = own.with_blocklist(Arc::new(common)).unwrap();
    let both = PasswordPolicy::from(Preset::ZoomDefault).and_local(own).unwrap();
    let (characters, lengths) = generated(10_000, &both);
    assert_eq!(characters.len(), 21);
    assert_eq!(lengths, BTreeSet::from([10]));
}

#[test]
fn every_allowed_length_can_be_generated() {
    for preset in Preset::ALL {
        let builder = preset.builder().exact([Rule::MaxLength(31)]);
        let least = if preset == Preset::AspnetDefault {
            6
        } else if preset == Preset::Nist80063b4 {
            15
        } else {
            8
        };
        for length in least..=31 {
            let policy = builder.clone().length(length).build().unwrap();
            let password = policy.generate().unwrap();
            assert_eq!(policy.check(&password), []);
            assert_eq!(u32::try_from(password.expose_secret().len()), Ok(length));
        }
        assert!(builder.clone().length(least - 1).build().is_err());
        assert!(builder.length(32).build().is_err());
    }
}

#[test]
fn generated_length_defaults_to_20_or_the_nearest_allowed() {
    let length = |rules: &[Rule]| {
        let policy = PasswordPolicy::builder()
            .exact(rules.iter().cloned())
            .build()
            .unwrap();
        policy.generated_length()
    };
    assert_eq!(length(&[]), 20);
    assert_eq!(length(&[Rule::MinLength(24)]), 24);
    assert_eq!(length(&[Rule::MaxLength(14)]), 14);
    assert_eq!(length(&[Rule::DistinctCharacters(24)]), 24);
}

#[test]
fn layered_policy_generates_the_greater_length() {
    let named = |length| PasswordPolicy::builder().length(length).build().unwrap();
    let both = named(12).and_local(named(24)).unwrap();
    assert_eq!(both.generated_length(), 24);
}

#[test]
fn listed_password_is_never_generated() {
    let pairs = "aa\nab\nba";
    let policy = PasswordPolicy::builder().alphabet("ab").length(2);
    let policy = policy
        .blocklist(Arc::new(Blocklist::from_plain_text(pairs)))
        .build()
        .unwrap();
    for _ in 0..100 {
        assert_eq!(policy.generate().unwrap().expose_secret(), "bb");
    }
    let all = Arc::new(Blocklist::from_plain_text("aa\nab\nba\nbb"));
    assert!(policy.with_blocklist(all).is_err());
}
