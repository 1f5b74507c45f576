//! The passwords that can be generated for a policy, or why there are none.

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::generator::{Candidates, meets};
use super::{Counting, ImpossiblePolicy, PolicyBuilder, evaluation};
use crate::{Certainty, Password, Rule};

const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$*-.:?@^~";
const DEFAULT_LENGTH: usize = 20;
const TRIES: u32 = 10_000;

/// The texts that the generator draws from: all texts of one length over one alphabet, with a restricted first character.
/// Some of them meet the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Space {
    // Visible ASCII, not empty, each character once.
    pub(super) alphabet: Vec<u8>,
    // The subset of the alphabet for the first character.
    pub(super) first: Vec<u8>,
    pub(super) length: usize,
}

impl Space {
    /// The space of texts that all policies allow together.
    ///
    /// Direct contradictions are reported with their reasons. Beyond them, the space proves by example that the rules can
    /// be met together: it draws random passwords until one meets every rule. A `Space` therefore contains valid passwords,
    /// and drawing one ends quickly. The draws are seeded, so that the result is always the same.
    ///
    /// # Errors
    /// The rules contradict each other, or almost no text meets them.
    pub(super) fn of(policies: &[&PolicyBuilder]) -> Result<Self, ImpossiblePolicy> {
        let mut reasons = Vec::new();
        let alphabet = common_alphabet(policies, &mut reasons);
        let length = common_length(policies, &mut reasons);
        if !reasons.is_empty() {
            return Err(ImpossiblePolicy::new(reasons));
        }
        let first = first_characters(&alphabet);
        let mut space = Self {
            alphabet,
            first,
            length,
        };
        if space.is_possible(policies) {
            return Ok(space);
        }
        // The rules may require another first character. A password that a spreadsheet misreads is better than none.
        space.first.clone_from(&space.alphabet);
        if space.is_possible(policies) {
            return Ok(space);
        }
        Err(ImpossiblePolicy::new(vec![format!(
            "none of {TRIES} random passwords of {length} characters meets all rules"
        )]))
    }

    fn is_possible(&self, policies: &[&PolicyBuilder]) -> bool {
        let mut candidates = Candidates::new(self, SmallRng::seed_from_u64(0));
        (0..TRIES).any(|_| {
            let Ok(text) = candidates.next();
            meets(policies, text)
        })
    }
}

// Spreadsheets read a cell that begins with `=`, `+`, `-` or `@` as a formula and drop a leading `'`. Letters are always
// safe; an alphabet without letters gives the next best.
fn first_characters(alphabet: &[u8]) -> Vec<u8> {
    let of = |class: fn(&u8) -> bool| alphabet.iter().copied().filter(class).collect::<Vec<_>>();
    let safe = |byte: &u8| !matches!(byte, b'=' | b'+' | b'-' | b'@' | b'\'');
    [
        of(u8::is_ascii_alphabetic),
        of(u8::is_ascii_digit),
        of(safe),
        alphabet.to_vec(),
    ]
    .into_iter()
    .find(|candidates| !candidates.is_empty())
    .unwrap_or_default()
}

fn rules<'a>(policies: &[&'a PolicyBuilder]) -> impl Iterator<Item = &'a Rule> {
    let checked = |policy: &&'a PolicyBuilder| {
        let rules = policy.rules();
        rules.filter(|(_, certainty)| *certainty != Certainty::ProviderOnly)
    };
    policies.iter().flat_map(checked).map(|(rule, _)| rule)
}

fn common_alphabet(policies: &[&PolicyBuilder], reasons: &mut Vec<String>) -> Vec<u8> {
    let named: Vec<&String> = policies.iter().filter_map(|p| p.alphabet.as_ref()).collect();
    for c in named
        .iter()
        .flat_map(|text| text.chars())
        .filter(|c| !c.is_ascii_graphic())
    {
        reasons.push(format!(
            "the generator's alphabet contains `{}`, which is not visible ASCII",
            c.escape_default()
        ));
    }
    // Selected from all visible characters, so that each occurs once: a repeated one would be twice as likely.
    let candidates = ('!'..='~').filter(|c| !named.is_empty() || ALPHABET.contains(*c));
    let alphabet: String = candidates
        .filter(|c| named.iter().all(|text| text.contains(*c)))
        .collect();
    if alphabet.is_empty() {
        reasons.push("the generator's alphabet is empty".to_owned());
        return Vec::new();
    }
    // A rule that the whole alphabet violates is violated by every password of it.
    let concerns_classes = |rule: &&Rule| {
        !matches!(
            rule,
            Rule::MinLength(_) | Rule::MaxLength(_) | Rule::NoConsecutiveRun(_)
        )
    };
    let mut lacking: Vec<&Rule> = rules(policies)
        .filter(concerns_classes)
        .filter(|rule| evaluation::violates(Counting::CodePoints, &alphabet, rule))
        .collect();
    lacking.sort();
    lacking.dedup();
    reasons.extend(
        lacking
            .into_iter()
            .map(|rule| format!("the generator's alphabet cannot satisfy: {rule}")),
    );
    alphabet.into_bytes()
}

fn common_length(policies: &[&PolicyBuilder], reasons: &mut Vec<String>) -> usize {
    let limit = u32::try_from(Password::MAX_BYTES).unwrap_or(u32::MAX);
    let (mut min, mut max, mut distinct) = (1, limit, 0);
    let has = |wanted: &[Rule]| rules(policies).any(|rule| wanted.contains(rule));
    for rule in rules(policies) {
        match rule {
            Rule::MinLength(n) => min = min.max(*n),
            Rule::MaxLength(n) => max = max.min(*n),
            // As many characters as categories, each different.
            Rule::DistinctCharacters(n) | Rule::CharacterCategories(n) => distinct = distinct.max(*n),
            Rule::NotOneCharacter => distinct = distinct.max(2),
            Rule::NoConsecutiveRun(Some(0)) => {
                reasons.push("each character is a run of 1, and runs of at most 0 are allowed".to_owned());
            }
            _ => {}
        }
    }
    let upper = has(&[Rule::Uppercase, Rule::MixedCase]);
    let lower = has(&[Rule::Lowercase, Rule::MixedCase]);
    let letter = has(&[Rule::Letter]) && !upper && !lower;
    let classes = [upper, lower, letter, has(&[Rule::Digit]), has(&[Rule::Special])];
    let classes = classes.into_iter().map(u32::from).sum::<u32>();
    for (n, what) in [
        (min, format!("at least {min} characters are required")),
        (
            classes,
            format!("one character of each required class makes {classes}"),
        ),
        (
            distinct,
            format!("at least {distinct} different characters are required"),
        ),
    ] {
        if n > max {
            reasons.push(format!("{what}, but at most {max} are allowed"));
        }
    }
    let least = min.max(classes).max(distinct);
    let requested = policies.iter().filter_map(|policy| policy.length).max();
    if let Some(requested) = requested.filter(|n| least <= max && !(least..=max).contains(n)) {
        reasons.push(format!(
            "generated passwords must have {requested} characters, but the rules require {least} to {max}"
        ));
    }
    let length = requested.map_or(DEFAULT_LENGTH, to_size);
    length.max(to_size(least)).min(to_size(max))
}

fn to_size(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
