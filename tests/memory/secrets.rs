//! Passwords derived from a number, so that the test and the searched process know them without exchanging them.

use zeroize::Zeroizing;

/// Which password of a numbered call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PasswordRole {
    Old,
    New,
}

// Close to all that Zoom takes: some encoders work on 26 bytes at a time.
const CHARACTERS: usize = 30;
// One after the other, so that any stretch of eight is found nowhere by chance, needs escapes in
// every encoding, and breaks no provider's rules.
const CLASSES: [&str; 4] = [
    "ABCDEFGHIJKLMNPQRSTUVWXYZ",
    "abcdefghijkmnopqrstuvwxyz",
    "0123456789",
    "\"\\@%&+/=;é",
];

/// The password of the call with this number. It is made character by character in a buffer that
/// never grows and is wiped, so that making it leaves nothing behind.
pub(crate) fn password(seed: u64, number: u32, role: PasswordRole) -> Zeroizing<String> {
    let mut state = seed ^ (u64::from(number) << 8) ^ (role as u64);
    let mut text = Zeroizing::new(String::with_capacity(4 * CHARACTERS));
    for place in 0..CHARACTERS {
        let class = CLASSES[place % CLASSES.len()];
        let count = class.chars().count() as u64;
        let drawn = usize::try_from(next(&mut state) % count).unwrap();
        text.extend(class.chars().nth(drawn));
    }
    text
}

// SplitMix64's step.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[test]
fn test_passwords_are_unique() {
    let mut all: Vec<_> = (0..2000)
        .flat_map(|number| {
            [PasswordRole::Old, PasswordRole::New].map(|role| password(7, number, role).to_string())
        })
        .collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4000);
    assert!(all.iter().all(|text| text.chars().count() == CHARACTERS));
}
