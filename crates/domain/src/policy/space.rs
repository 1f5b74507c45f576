//! What is left between the rules: the passwords that can be generated, or why there are none.

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::generate::{Candidates, meets};
use super::{Counting, ImpossiblePolicy, PolicyBuilder, judge};
use crate::{Certainty, Password, Rule};

const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&*+-.:=?@^~";
const DEFAULT_LENGTH: usize = 20;
const TRIES: u32 = 10_000;

/// The texts to draw from: all of this length over this alphabet that begin as they may. Some of them meet the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Space {
    // Visible ASCII, not empty, each character once.
    pub(super) alphabet: Vec<u8>,
    // Of the alphabet: what the first character is drawn from.
    pub(super) first: Vec<u8>,
    pub(super) length: usize,
}

impl Space {
    /// What all of the policies allow together.
    ///
    /// The clear contradictions are found by their reasons. What is left is proved by example:
    /// random passwords are tried until one meets every rule, whatever the rules do to each other.
    /// So a policy in a `Space` is known to be possible, and drawing from it to end soon. The
    /// tries are the same each time: a policy is never refused on one day and taken on another.
    pub(super) fn of(policies: &[&PolicyBuilder]) -> Result<Self, ImpossiblePolicy> {
        let mut reasons = Vec::new();
        let alphabet = common_alphabet(policies, &mut reasons);
        let length = common_length(policies, &mut reasons);
        if !reasons.is_empty() {
            return Err(ImpossiblePolicy::new(reasons));
        }
        let first = beginnings(&alphabet);
        let mut space = Self {
            alphabet,
            first,
            length,
        };
        if space.is_possible(policies) {
            return Ok(space);
        }
        // Rather a password that a spreadsheet spoils than none: the rules may want another beginning.
        space.first.clone_from(&space.alphabet);
        if space.is_possible(policies) {
            return Ok(space);
        }
        Err(ImpossiblePolicy::new(vec![format!(
            "none of {TRIES} random passwords of {length} characters meets all rules at once"
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

// Spreadsheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, and one with `'` lose it. A letter is
// safe everywhere; without letters in the alphabet the next best is drawn.
fn beginnings(alphabet: &[u8]) -> Vec<u8> {
    let of = |class: fn(&u8) -> bool| alphabet.iter().copied().filter(class).collect::<Vec<_>>();
    let safe = |byte: &u8| !matches!(byte, b'=' | b'+' | b'-' | b'@' | b'\'');
    [
        of(u8::is_ascii_alphabetic),
        of(u8::is_ascii_digit),
        of(safe),
        alphabet.to_vec(),
    ]
    .into_iter()
    .find(|beginnings| !beginnings.is_empty())
    .unwrap_or_default()
}

fn rules<'a>(policies: &[&'a PolicyBuilder]) -> impl Iterator<Item = &'a Rule> {
    let judged = |policy: &&'a PolicyBuilder| {
        let rules = policy.rules();
        rules.filter(|(_, certainty)| *certainty != Certainty::ProviderOnly)
    };
    policies.iter().flat_map(judged).map(|(rule, _)| rule)
}

fn common_alphabet(policies: &[&PolicyBuilder], reasons: &mut Vec<String>) -> Vec<u8> {
    let named: Vec<&String> = policies.iter().filter_map(|p| p.alphabet.as_ref()).collect();
    for c in named
        .iter()
        .flat_map(|text| text.chars())
        .filter(|c| !c.is_ascii_graphic())
    {
        reasons.push(format!(
            "the alphabet to generate from holds `{}`, which is not visible ASCII",
            c.escape_default()
        ));
    }
    // Picked out of all that there are, so that each is there once: twice would be twice as likely.
    let everything = ('!'..='~').filter(|c| !named.is_empty() || ALPHABET.contains(*c));
    let alphabet: String = everything
        .filter(|c| named.iter().all(|text| text.contains(*c)))
        .collect();
    if alphabet.is_empty() {
        reasons.push("the alphabet to generate from is empty".to_owned());
        return Vec::new();
    }
    // What the alphabet as a whole lacks, no password made of it can have.
    let about_kinds = |rule: &&Rule| {
        !matches!(
            rule,
            Rule::MinLength(_) | Rule::MaxLength(_) | Rule::NoConsecutiveRun(_)
        )
    };
    let mut lacking: Vec<&Rule> = rules(policies)
        .filter(about_kinds)
        .filter(|rule| judge::breaks(Counting::CodePoints, &alphabet, rule))
        .collect();
    lacking.sort();
    lacking.dedup();
    reasons.extend(
        lacking
            .into_iter()
            .map(|rule| format!("the alphabet to generate from cannot give what is asked for: {rule}")),
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
            Rule::DistinctCharacters(n) => distinct = distinct.max(*n),
            Rule::NotOneCharacter => distinct = distinct.max(2),
            Rule::NoConsecutiveRun(Some(0)) => {
                reasons.push("each character is a run of 1, and runs of at most 0 are taken".to_owned());
            }
            _ => {}
        }
    }
    let upper = has(&[Rule::Uppercase, Rule::MixedCase]);
    let lower = has(&[Rule::Lowercase, Rule::MixedCase]);
    let letter = has(&[Rule::Letter]) && !upper && !lower;
    let kinds = [upper, lower, letter, has(&[Rule::Digit]), has(&[Rule::Special])];
    let kinds = kinds.into_iter().map(u32::from).sum::<u32>();
    for (n, what) in [
        (min, format!("at least {min} characters are asked for")),
        (
            kinds,
            format!("one character of each kind asked for makes {kinds}"),
        ),
        (
            distinct,
            format!("at least {distinct} different characters are asked for"),
        ),
    ] {
        if n > max {
            reasons.push(format!("{what}, but at most {max} are taken"));
        }
    }
    let least = min.max(kinds).max(distinct);
    let asked = policies.iter().filter_map(|policy| policy.length).max();
    if let Some(asked) = asked.filter(|n| least <= max && !(least..=max).contains(n)) {
        reasons.push(format!(
            "generated passwords are to have {asked} characters, but the rules ask for {least} to {max}"
        ));
    }
    let length = asked.map_or(DEFAULT_LENGTH, to_size);
    length.max(to_size(least)).min(to_size(max))
}

fn to_size(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
