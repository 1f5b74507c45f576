//! The generator is uniform, with fixed seeds.

use std::collections::BTreeMap;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use secrecy::ExposeSecret as _;

use super::generator::Candidates;
use super::{PasswordPolicy, PolicyBuilder};
use crate::Rule;

fn drawn(policy: PolicyBuilder, seed: u64, count: usize) -> BTreeMap<String, u32> {
    let policy = policy.build().unwrap();
    let mut candidates = Candidates::new(&policy.space, StdRng::seed_from_u64(seed));
    let mut found = BTreeMap::new();
    for _ in 0..count {
        let Ok(password) = candidates.password(&[&policy.parts]);
        #[expect(clippy::disallowed_methods, reason = "made-up passwords are counted")]
        let text = password.expose_secret().to_owned();
        *found.entry(text).or_default() += 1;
    }
    found
}

/// The deviation of the counts from equal ones, in standard deviations of the chi-square statistic.
fn unevenness(found: &BTreeMap<String, u32>, cells: u32) -> f64 {
    let cells = f64::from(cells);
    let total = f64::from(found.values().sum::<u32>());
    let expected = total / cells;
    let square = |n: &u32| (f64::from(*n) - expected).powi(2) / expected;
    // Include the cells that never occurred.
    let missing = (cells - f64::from(u32::try_from(found.len()).unwrap())) * expected;
    let statistic = found.values().map(square).sum::<f64>() + missing;
    (statistic - (cells - 1.0)) / (2.0 * (cells - 1.0)).sqrt()
}

// Every text of three out of `aB1!c` that begins with a letter, and how many of the 75 are allowed.
fn small() -> PolicyBuilder {
    PasswordPolicy::builder().alphabet("aB1!c").length(3)
}

#[test]
fn allowed_passwords_are_equally_likely() {
    for (policy, allowed) in [
        (small(), 75),
        (small().exact([Rule::Digit]), 75 - 3 * 16),
        (small().exact([Rule::NotOneCharacter]), 72),
        // A lower-case letter with `B` behind it, or `B` with a lower-case letter.
        (small().exact([Rule::MixedCase]), 2 * (25 - 16) + (25 - 9)),
        (small().exact([Rule::DistinctCharacters(3)]), 36),
        (small().exact([Rule::Letter, Rule::Digit, Rule::Special]), 3 * 2),
        (
            PasswordPolicy::builder()
                .alphabet("abcd")
                .length(3)
                .exact([Rule::NoConsecutiveRun(Some(2))]),
            64 - 4,
        ),
    ] {
        let found = drawn(policy.clone(), 7, 20_000);
        assert_eq!(u32::try_from(found.len()), Ok(allowed), "{policy:?}");
        let unevenness = unevenness(&found, allowed);
        assert!(unevenness.abs() < 4.0, "{unevenness}: {policy:?}");
    }
}

#[test]
fn characters_of_the_alphabet_are_equally_likely() {
    let found = drawn(PasswordPolicy::builder().length(1), 11, 52_000);
    assert_eq!(found.len(), 52);
    assert!(unevenness(&found, 52).abs() < 4.0);
    let mut second = BTreeMap::new();
    for (text, count) in drawn(PasswordPolicy::builder().length(2), 12, 73_000) {
        *second.entry(text[1..].to_owned()).or_default() += count;
    }
    assert_eq!(second.len(), 73);
    assert!(unevenness(&second, 73).abs() < 4.0);
    // Nothing that a decoder takes for an escape.
    assert!(!second.keys().any(|character| "%&+=".contains(character.as_str())));
}

#[test]
fn repeated_character_of_the_alphabet_is_not_more_likely() {
    let found = drawn(PasswordPolicy::builder().alphabet("aaab").length(1), 13, 10_000);
    assert!(unevenness(&found, 2).abs() < 4.0, "{found:?}");
}

#[test]
fn unevenness_detects_a_skewed_distribution() {
    let even: BTreeMap<_, _> = (0..64).map(|n| (n.to_string(), 160)).collect();
    let mut uneven = even.clone();
    for n in 0..16 {
        uneven.insert(n.to_string(), 240);
    }
    assert!(unevenness(&even, 64) < 0.0);
    assert!(unevenness(&uneven, 64) > 4.0);
}
