//! Evaluates single rules. Checks and the generator both use it.

use super::{Blocklist, Counting};
use crate::Rule;

/// Whether the text violates the rule. False for rules that need more than the text.
///
/// `text` is the result of [`Counting::normalized`]. The blocklist is checked separately, because it contains passwords
/// as they are sent.
pub(super) fn violates(counting: Counting, text: &str, rule: &Rule) -> bool {
    let lacks = |class: fn(Counting, char) -> bool| !text.chars().any(|c| class(counting, c));
    match rule {
        Rule::MinLength(min) => counting.is_too_short(text, size(*min)),
        Rule::MaxLength(max) => counting.length(text) > size(*max),
        Rule::Letter => lacks(Counting::is_letter),
        Rule::Digit => !text.chars().any(|c| c.is_ascii_digit()),
        Rule::Uppercase => lacks(Counting::is_uppercase),
        Rule::Lowercase => lacks(Counting::is_lowercase),
        Rule::MixedCase => lacks(Counting::is_uppercase) || lacks(Counting::is_lowercase),
        Rule::Special => lacks(Counting::is_special),
        Rule::CharacterCategories(n) => categories(counting, text) < size(*n),
        Rule::DistinctCharacters(n) => counting.distinct(text) < size(*n),
        Rule::NotOneCharacter => text.chars().min() == text.chars().max(),
        Rule::NoConsecutiveRun(Some(n)) => {
            longest_run(text, in_alphabet).max(longest_run(text, on_keyboard)) > size(*n)
        }
        // Checked for every password, regardless of the policy.
        Rule::Typeable(_)
        | Rule::MinLengthUnnamed
        | Rule::DistinctCharactersUnnamed
        | Rule::NoConsecutiveRun(None)
        | Rule::NotCommon
        | Rule::NotBreached
        | Rule::NotCurrent
        | Rule::NotRecent(_)
        | Rule::ChangesPerDay
        | Rule::MinAge(_)
        | Rule::NotUserData
        | Rule::Other(_) => false,
    }
}

/// How many of the five categories the text has characters of.
fn categories(counting: Counting, text: &str) -> usize {
    let is_digit = |c: char| c.is_ascii_digit();
    let is_other = |c: char| counting.is_letter(c) && !counting.is_uppercase(c) && !counting.is_lowercase(c);
    let classes: [&dyn Fn(char) -> bool; 5] = [
        &|c| counting.is_uppercase(c),
        &|c| counting.is_lowercase(c),
        &is_other,
        &is_digit,
        &|c| counting.is_special(c),
    ];
    classes.iter().filter(|class| text.chars().any(class)).count()
}

/// Whether the text is on the list.
pub(super) fn is_listed(list: Option<&Blocklist>, text: &str) -> bool {
    list.is_some_and(|list| list.contains_text(text))
}

fn size(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The longest run in which each character is adjacent to the one before, all in one direction, in the order that
/// `place` defines.
fn longest_run(text: &str, place: fn(char) -> Option<usize>) -> usize {
    let (mut longest, mut length) = (0, 0);
    let (mut before, mut direction) = (None, None);
    for c in text.chars() {
        let here = place(c.to_ascii_lowercase());
        let step = match (before, here) {
            (Some(a), Some(b)) if b == a + 1 => Some(true),
            (Some(a), Some(b)) if a == b + 1 => Some(false),
            _ => None,
        };
        length = match step {
            None => 1,
            Some(_) if step == direction => length + 1,
            Some(_) => 2,
        };
        longest = longest.max(length);
        (before, direction) = (here, step);
    }
    longest
}

fn in_alphabet(c: char) -> Option<usize> {
    c.is_ascii_alphanumeric().then_some(c as usize)
}

fn on_keyboard(c: char) -> Option<usize> {
    // A lookup, because a search would dominate the cost of generating a password.
    let place = PLACES.get(usize::try_from(u32::from(c)).ok()?)?;
    place.map(usize::from)
}

/// The position of each ASCII character in the rows of a QWERTY keyboard.
const PLACES: [Option<u8>; 128] = {
    // The spaces separate the ends of the rows.
    const ROWS: &[u8] = b"1234567890 qwertyuiop asdfghjkl zxcvbnm";
    let mut places = [None; 128];
    let mut place = 0;
    while place < ROWS.len() {
        if ROWS[place] != b' ' {
            #[expect(clippy::cast_possible_truncation, reason = "there are fewer than 256")]
            let shown = place as u8;
            places[ROWS[place] as usize] = Some(shown);
        }
        place += 1;
    }
    places
};
