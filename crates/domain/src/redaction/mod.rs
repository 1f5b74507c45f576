//! Finding secrets in text that others wrote.
//!
//! A provider that rejects a request may quote it, and what it quotes went through the encoders of
//! frameworks, gateways and templates. No list of encodings is complete, so a secret is not encoded in
//! every way and looked for; the text is decoded in every order of the known decodings, with the place of
//! each character kept, folded, and compared with the secret in short stretches.

mod entities;
mod escape;
mod fold;
mod packing;
mod trigrams;
mod view;

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use escape::Escape;
use fold::Folded;
use packing::{Packing, Unpacked};
use trigrams::ExactTrigrams;
pub(crate) use trigrams::{CallTrigrams, Table, is_clean};
use view::{Span, View};

/// Replaces secrets in text that others wrote, such as a provider's error message.
///
/// A stretch of [`MIN_PART`](Self::MIN_PART) or more consecutive characters of a secret is replaced; a
/// shorter secret is replaced where the whole of it stands. It is found in any nesting of: HTML
/// character references, escapes of JSON and other languages, percent-encoding (also of latin-1, also
/// doubled), forms, quoted-printable, base64 in either alphabet and from any offset, hexadecimal, lists of
/// byte values, UTF-16, and UTF-8 that was read as latin-1; in another letter case or Unicode form; cut, or
/// with blanks in between, or ten letters and digits of it with any marks in between.
///
/// An ordinary word is replaced as well if a secret holds it: with the password `Password1!`, the
/// `password` of "password is too short" does not stay.
///
/// ```
/// use repass_domain::Redactor;
/// use secrecy::SecretString;
///
/// let redactor = Redactor::new().with(&SecretString::from("tok/ab+cd=xyz01"), "[token]");
/// assert_eq!(redactor.redact(r"bad token tok\/ab\u002Bcd..."), "bad token [token]...");
/// ```
#[derive(Default)]
pub struct Redactor {
    // What each stretch of a secret comes to, sorted, with what it belongs to in the low bits.
    stretches: Zeroizing<Vec<u64>>,
    // A bit for each of them, because most of a text is none.
    filter: Filter,
    marks: Vec<&'static str>,
    wholes: Vec<Whole>,
    // Those that folding leaves nothing of: characters that cannot be seen.
    unseen: Vec<Whole>,
    shortest: Option<usize>,
    is_wide: bool,
    trigrams: Box<ExactTrigrams>,
}

/// What is replaced only where all of it stands.
struct Whole {
    units: Zeroizing<Vec<u32>>,
    // The furthest folding in which it counts.
    folding: usize,
    mark: &'static str,
}

impl Whole {
    fn of(units: &[u32], folding: usize, mark: &'static str) -> Self {
        let mut copy = Zeroizing::new(Vec::with_capacity(units.len()));
        copy.extend_from_slice(units);
        Self {
            units: copy,
            folding,
            mark,
        }
    }

    fn find(&self, view: &View, found: &mut Vec<Found>) {
        let length = self.units.len();
        for (at, window) in view.units().windows(length).enumerate() {
            if *window == **self.units {
                add(found, (view.span(at..at + length), self.mark, true));
            }
        }
    }
}

struct Filter([u64; 64]);

impl Default for Filter {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Filter {
    fn bit(hash: u64) -> (usize, u64) {
        ((hash >> 58) as usize, 1 << (hash >> 52 & 63))
    }

    fn add(&mut self, hash: u64) {
        let (word, bit) = Self::bit(hash);
        self.0[word] |= bit;
    }

    fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = Self::bit(hash);
        self.0[word] & bit != 0
    }
}

// The low bits of an entry: whose mark or which whole it stands for.
const OWNER: u64 = 0xff_ffff;
const IS_WHOLE: u64 = 0x80_0000;

// Decodings one inside the other. Deeper ones are not what an encoder does by mistake.
const ESCAPES: u8 = 8;
const PACKINGS: u8 = 2;
// Characters that one text may come to, all its decodings together.
const EFFORT: usize = 400_000;

impl Redactor {
    /// The minimum number of consecutive characters of a secret that is redacted.
    pub const MIN_PART: usize = 6;

    /// The maximum number of characters of a text that are redacted and returned. The rest is not shown.
    pub const MAX_INPUT: usize = 4096;

    /// The maximum length of a text that [`sanitize`](Self::sanitize) returns, in characters.
    pub const MAX_CHARS: usize = 300;

    /// Creates a redactor without secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret, in place of which `mark` is shown. An empty one is passed over.
    pub fn with(mut self, secret: &(impl ExposeSecret<str> + ?Sized), mark: &'static str) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "looked for in place, and wiped with its parts"
        )]
        self.add(secret.expose_secret(), mark, true);
        self
    }

    /// The same with a text that is replaced only where all of it stands: a name or number that is no
    /// secret, but is personal.
    pub(crate) fn with_whole(mut self, text: &str, mark: &'static str) -> Self {
        self.add(text, mark, false);
        self
    }

    /// Replaces each secret in the text by its mark. At most the first [`MAX_INPUT`](Self::MAX_INPUT) characters come
    /// out. A text whose decodings have no end comes out as a mark alone.
    pub fn redact(&self, text: &str) -> String {
        Self::redact_all(&[self], text)
    }

    /// Redacts a text, makes it one line and cuts it to [`MAX_CHARS`](Self::MAX_CHARS). Characters that control a
    /// terminal or turn the order in which it is read become spaces.
    pub fn sanitize(&self, text: &str) -> String {
        Self::sanitize_all(&[self], text)
    }

    /// Redacts like [`redact`](Self::redact), with the secrets of several redactors.
    pub fn redact_all(redactors: &[&Self], text: &str) -> String {
        let (text, is_cut) = match text.char_indices().nth(Self::MAX_INPUT) {
            Some((end, _)) => (&text[..end], true),
            None => (text, false),
        };
        let sets: Vec<&Self> = redactors.iter().copied().filter(|set| !set.is_empty()).collect();
        let mut shown = match Search::of(&sets, text) {
            Ok(found) => replaced(text, found),
            Err(TooMuch) => sets.first().map_or("", |set| set.any_mark()).to_owned(),
        };
        if is_cut {
            shown.push('…');
        }
        shown
    }

    /// Sanitizes like [`sanitize`](Self::sanitize), with the secrets of several redactors.
    pub fn sanitize_all(redactors: &[&Self], text: &str) -> String {
        let redacted = Self::redact_all(redactors, text.trim_start());
        let one_line: String = redacted
            .chars()
            .map(|c| if misleads(c) { ' ' } else { c })
            .collect();
        let one_line = one_line.trim();
        match one_line.char_indices().nth(Self::MAX_CHARS) {
            Some((end, _)) => format!("{}…", &one_line[..end]),
            None => one_line.to_owned(),
        }
    }

    /// For a quick check.
    pub(crate) fn trigrams(&self) -> Table<'_> {
        self.trigrams.table()
    }

    fn is_empty(&self) -> bool {
        self.stretches.is_empty() && self.wholes.is_empty() && self.unseen.is_empty()
    }

    fn any_mark(&self) -> &'static str {
        let whole = || {
            self.wholes
                .iter()
                .chain(&self.unseen)
                .next()
                .map(|whole| whole.mark)
        };
        self.marks.first().copied().or_else(whole).unwrap_or_default()
    }

    fn add(&mut self, text: &str, mark: &'static str, in_parts: bool) {
        if text.is_empty() {
            return;
        }
        self.trigrams.add(text);
        self.is_wide |= text.chars().any(|c| u32::from(c) > 0xff);
        let owner = self.marks.iter().position(|known| *known == mark);
        let owner = owner.unwrap_or_else(|| {
            self.marks.push(mark);
            self.marks.len() - 1
        });
        let mut folded = Folded::default();
        for (at, spelling) in spellings(text, in_parts).iter().enumerate() {
            folded.fill(spelling);
            if at == 0 && folded.is_empty() {
                self.unseen.push(Whole::of(spelling.units(), 0, mark));
            }
            for (folding, view) in folded.views() {
                let units = view.units();
                if in_parts && units.len() >= part(folding) {
                    for hash in Hashes::of(units, part(folding)) {
                        self.filter.add(hash);
                        self.stretches.push(hash & !OWNER | owner as u64);
                    }
                    continue;
                }
                // What folding has shortened may be any word.
                let counts = match folding {
                    Folded::BLANKS_KEPT => at == 0 || units.len() >= 4,
                    Folded::WITHOUT_BLANKS => in_parts && units.len() >= 4,
                    _ => false,
                };
                if counts && !units.is_empty() {
                    let apart = in_parts && units.len() >= 4;
                    let furthest = if apart { Folded::WITHOUT_BLANKS } else { folding };
                    self.add_whole(units, furthest, mark);
                }
            }
        }
        self.stretches.sort_unstable();
        self.stretches.dedup();
    }

    fn add_whole(&mut self, units: &[u32], folding: usize, mark: &'static str) {
        if let Some(hash) = Hashes::of(units, Self::MIN_PART).next() {
            self.filter.add(hash);
            self.stretches
                .push(hash & !OWNER | IS_WHOLE | self.wholes.len() as u64);
        } else {
            self.shortest = Some(self.shortest.map_or(units.len(), |known| known.min(units.len())));
        }
        self.wholes.push(Whole::of(units, folding, mark));
    }
}

// The secret as it is, and as it reads once what looks like an escape in it is undone: a text that is
// decoded further than it was encoded shows it so.
fn spellings(text: &str, in_parts: bool) -> Vec<View> {
    const MOST: usize = 8;
    let mut spellings = vec![View::of(text)];
    if text.contains(' ') {
        // Forms write a blank so.
        let mut form = View::with_room(text.len());
        for character in text.chars() {
            let unit = if character == ' ' { '+' } else { character };
            form.push(u32::from(unit), (0, 0));
        }
        spellings.push(form);
    }
    if text.contains(|c| matches!(c, '\u{80}'..='\u{9f}')) {
        // HTML has no references to these: one that is written stands for another character.
        let mut referenced = View::with_room(text.len());
        for character in text.chars() {
            referenced.push(escape::referenced(u32::from(character)), (0, 0));
        }
        spellings.push(referenced);
    }
    let mut at = 0;
    while at < spellings.len() {
        for escape in Escape::ALL {
            let undone = escape.undone(&spellings[at]);
            if let Some(undone) = undone.filter(|_| spellings.len() < MOST)
                && !spellings.iter().any(|known| known.units() == undone.units())
            {
                spellings.push(undone);
            }
        }
        at += 1;
    }
    // What a decoder cannot read it replaces: a character, or each of its bytes.
    if in_parts && !text.is_ascii() {
        for by_bytes in [false, true] {
            let mut lossy = View::with_room(text.len());
            for character in text.chars() {
                let count = if by_bytes { character.len_utf8() } else { 1 };
                let unit = if character.is_ascii() { character } else { '?' };
                (0..count).for_each(|_| lossy.push(u32::from(unit), (0, 0)));
            }
            spellings.push(lossy);
        }
    }
    spellings
}

// How many characters in a row count. With letters and digits alone it takes more, because `old-passw0rd`
// shares eight of them with "old password".
fn part(folding: usize) -> usize {
    match folding {
        Folded::LETTERS => 10,
        _ => Redactor::MIN_PART,
    }
}

/// A hash of each stretch of a number of units, one after the other.
struct Hashes<'u> {
    units: &'u [u32],
    length: usize,
    at: usize,
    sum: u64,
    highest: u64,
}

const BASE: u64 = 0x0100_0000_01b3;

impl<'u> Hashes<'u> {
    fn of(units: &'u [u32], length: usize) -> Self {
        let first = units.iter().take(length - 1);
        Self {
            units,
            length,
            at: 0,
            sum: first.fold(0, |sum: u64, unit| {
                sum.wrapping_mul(BASE).wrapping_add(u64::from(*unit))
            }),
            highest: (1..length).fold(1, |power: u64, _| power.wrapping_mul(BASE)),
        }
    }
}

impl Iterator for Hashes<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let last = self.units.get(self.at + self.length - 1)?;
        let sum = self.sum.wrapping_mul(BASE).wrapping_add(u64::from(*last));
        let first = u64::from(self.units[self.at]);
        self.sum = sum.wrapping_sub(first.wrapping_mul(self.highest));
        self.at += 1;
        let mixed = sum.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Some((mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// A place in the text, the mark that goes there, and whether it is a secret's.
type Found = (Span, &'static str, bool);

struct TooMuch;

struct Search<'a> {
    sets: &'a [&'a Redactor],
    found: Vec<Found>,
    folded: Folded,
    unpacked: Unpacked,
    queue: VecDeque<Step>,
    seen: Vec<u64>,
    effort: usize,
}

struct Step {
    view: View,
    escapes: u8,
    packings: u8,
}

impl<'a> Search<'a> {
    fn of(sets: &'a [&'a Redactor], text: &str) -> Result<Vec<Found>, TooMuch> {
        let mut search = Self {
            sets,
            found: Vec::new(),
            folded: Folded::default(),
            unpacked: Unpacked::default(),
            queue: VecDeque::new(),
            seen: Vec::new(),
            effort: 0,
        };
        if sets.is_empty() {
            return Ok(search.found);
        }
        search.admit(Step {
            view: View::of(text),
            escapes: 0,
            packings: 0,
        })?;
        let shortest = sets.iter().filter_map(|set| set.shortest).min();
        let least = shortest
            .unwrap_or(Redactor::MIN_PART)
            .clamp(3, Redactor::MIN_PART);
        search.unpacked.is_wide = sets.iter().any(|set| set.is_wide);
        while let Some(step) = search.queue.pop_front() {
            search.look(&step);
            search.decode(&step, least)?;
        }
        Ok(search.found)
    }

    fn decode(&mut self, step: &Step, least: usize) -> Result<(), TooMuch> {
        let Step {
            view,
            escapes,
            packings,
        } = step;
        if *escapes < ESCAPES {
            for undone in Escape::ALL.into_iter().filter_map(|escape| escape.undone(view)) {
                self.admit(Step {
                    view: undone,
                    escapes: escapes + 1,
                    packings: *packings,
                })?;
            }
        }
        if *packings < PACKINGS {
            for packing in Packing::ALL {
                packing.undo(view, least, &mut self.unpacked);
                let (text, utf16) = (self.unpacked.text.take(), self.unpacked.utf16.take());
                self.admit(Step {
                    view: text,
                    escapes: *escapes,
                    packings: packings + 1,
                })?;
                // Nothing further is packed in it.
                self.admit(Step {
                    view: utf16,
                    escapes: ESCAPES,
                    packings: PACKINGS,
                })?;
            }
        }
        Ok(())
    }

    // The same text comes up by many ways: the order of decodings seldom matters.
    fn admit(&mut self, step: Step) -> Result<(), TooMuch> {
        if step.view.len() == 0 {
            return Ok(());
        }
        let units = step.view.units().iter();
        let sum = units.fold(0_u64, |sum, unit| (sum ^ u64::from(*unit)).wrapping_mul(BASE));
        if self.seen.contains(&sum) {
            return Ok(());
        }
        self.seen.push(sum);
        self.effort += step.view.len();
        if self.effort > EFFORT {
            return Err(TooMuch);
        }
        self.queue.push_back(step);
        Ok(())
    }

    fn look(&mut self, step: &Step) {
        for unseen in self.sets.iter().flat_map(|set| &set.unseen) {
            unseen.find(&step.view, &mut self.found);
        }
        self.folded.fill(&step.view);
        for (folding, view) in self.folded.views() {
            let length = part(folding);
            for (at, hash) in Hashes::of(view.units(), length).enumerate() {
                for set in self.sets.iter().filter(|set| set.filter.may_hold(hash)) {
                    set.stretch(hash, view, at..at + length, folding, &mut self.found);
                }
            }
            for set in self.sets.iter().filter(|set| set.shortest.is_some()) {
                set.short(view, folding, step.packings > 0, &mut self.found);
            }
        }
    }
}

impl Redactor {
    fn stretch(&self, hash: u64, view: &View, at: Range<usize>, folding: usize, found: &mut Vec<Found>) {
        let key = hash & !OWNER;
        let from = self.stretches.partition_point(|entry| *entry < key);
        for entry in self.stretches[from..]
            .iter()
            .take_while(|entry| **entry & !OWNER == key)
        {
            let owner = (entry & OWNER & !IS_WHOLE) as usize;
            if entry & IS_WHOLE == 0 {
                add(found, (view.span(at.clone()), self.marks[owner], true));
            } else {
                let whole = &self.wholes[owner];
                if folding <= whole.folding && view.units()[at.start..].starts_with(&whole.units) {
                    let end = at.start + whole.units.len();
                    add(found, (view.span(at.start..end), whole.mark, false));
                }
            }
        }
    }

    fn short(&self, view: &View, folding: usize, is_packed: bool, found: &mut Vec<Found>) {
        for whole in &self.wholes {
            let length = whole.units.len();
            // One or two characters stand in most bytes that mean something else.
            if length >= Self::MIN_PART || folding > whole.folding || is_packed && length < 3 {
                continue;
            }
            whole.find(view, found);
        }
    }
}

fn add(found: &mut Vec<Found>, (span, mark, is_secret): Found) {
    if let Some((last, known, of_secret)) = found.last_mut()
        && (*known, *of_secret) == (mark, is_secret)
        && (last.0..=last.1).contains(&span.0)
    {
        last.1 = last.1.max(span.1);
        return;
    }
    found.push((span, mark, is_secret));
}

fn replaced(text: &str, mut found: Vec<Found>) -> String {
    found.sort_unstable();
    let mut merged: Vec<Found> = Vec::with_capacity(found.len());
    for (span, mark, is_secret) in found {
        match merged.last_mut() {
            Some((last, known, of_secret)) if span.0 < last.1 || span.0 == last.1 && *known == mark => {
                last.1 = last.1.max(span.1);
                if is_secret && !*of_secret {
                    (*known, *of_secret) = (mark, true);
                }
            }
            _ => merged.push((span, mark, is_secret)),
        }
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = 0;
    for ((from, to), mark, _) in merged {
        shown.push_str(&text[rest..from as usize]);
        shown.push_str(mark);
        rest = to as usize;
    }
    shown.push_str(&text[rest..]);
    shown
}

// What moves a terminal's cursor, or turns the order in which its text is read.
fn misleads(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control()
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor([REDACTED])")
    }
}

#[cfg(test)]
mod tests;
