//! A quick check of short texts that most likely hold no secret, such as the request id of a success. Making a
//! [`Redactor`] costs more than the rest of a successful change.
//!
//! A text that holds [`Redactor::MIN_PART`] characters of a secret in a row shares all their trigrams. So the
//! check looks at every fourth trigram of the text, and of each way to unpack it, and compares the ones around
//! it only if that one is known.

use std::ops::Range;

use secrecy::ExposeSecret;
use zeroize::{Zeroize, Zeroizing};

use super::{Folded, Redactor, part, spellings};

/// The trigrams of some secrets, without letter case: once of all characters, once of letters and digits only.
///
/// A bit for each, in a power of two of `ROWS`. Characters count by their low five bits, so some share a bit.
pub(crate) struct Trigrams<const ROWS: usize> {
    rows: Zeroizing<[u64; ROWS]>,
    // Holds a secret that the check does not cover.
    is_partial: bool,
}

/// Of the two or three secrets of one call: less exact than a bit for each trigram, and cheaper to make.
pub(crate) type CallTrigrams = Trigrams<64>;

/// With a bit for each trigram.
pub(crate) type ExactTrigrams = Trigrams<512>;

impl<const ROWS: usize> Default for Trigrams<ROWS> {
    fn default() -> Self {
        Self {
            rows: Zeroizing::new([0; ROWS]),
            is_partial: false,
        }
    }
}

impl<const ROWS: usize> Trigrams<ROWS> {
    /// Adds a secret.
    pub(crate) fn add_secret(&mut self, secret: &impl ExposeSecret<str>) {
        #[expect(clippy::disallowed_methods, reason = "read in place")]
        self.add(secret.expose_secret());
    }

    /// Adds a secret.
    pub(crate) fn add(&mut self, secret: &str) {
        self.add_beginning(secret, usize::MAX);
    }

    /// Adds a text that counts only where all of it stands, and so its beginning.
    pub(crate) fn add_whole(&mut self, text: &str) {
        self.add_beginning(text, part(Folded::LETTERS));
    }

    // As far as its first `letters` letters and digits.
    fn add_beginning(&mut self, secret: &str, letters: usize) {
        if !is_covered(secret) {
            self.is_partial = true;
            return;
        }
        // Those of the first two characters are no trigrams, which does no harm.
        let (mut all, mut of_letters, mut count, mut has_marks) = (0, 0, 0, false);
        for byte in secret.bytes() {
            all = all << 5 | code(byte);
            self.insert(all);
            if CHARACTERS[usize::from(byte)] & LETTER == 0 {
                has_marks = true;
                continue;
            }
            of_letters = of_letters << 5 | code(byte);
            // Only letters up to here: it is the same trigram.
            if has_marks {
                self.insert(of_letters);
            }
            count += 1;
            if count == letters {
                break;
            }
        }
    }

    fn insert(&mut self, trigram: usize) {
        self.rows[trigram >> 6 & (ROWS - 1)] |= bit(trigram);
    }

    /// To look them up.
    pub(crate) fn table(&self) -> Table<'_> {
        Table {
            rows: &*self.rows,
            is_partial: self.is_partial,
        }
    }
}

/// Trigrams to look up.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a> {
    rows: &'a [u64],
    is_partial: bool,
}

impl Table<'_> {
    // Whether the trigram at the end of this text is known.
    fn holds_last(self, text: &[u8]) -> bool {
        let &[.., a, b, c] = text else { return false };
        let trigram = code(a) << 10 | code(b) << 5 | code(c);
        let row = trigram >> 6 & self.rows.len().wrapping_sub(1);
        self.rows.get(row).is_some_and(|row| row & bit(trigram) != 0)
    }

    // Whether `wanted` trigrams in a row are known, of which one is the last of a stretch.
    fn may_hold_in_a_row(self, text: &[u8], wanted: usize) -> bool {
        let mut stretches = text.chunks_exact(wanted).zip(1_usize..);
        stretches.any(|(stretch, count)| {
            self.holds_last(stretch) && self.holds_around(text, count * wanted, wanted)
        })
    }

    // The last character of the known one is before `end`.
    fn holds_around(self, text: &[u8], end: usize, wanted: usize) -> bool {
        let holds = |end: &usize| self.holds_last(&text[..*end]);
        let before = (0..=end).rev().take_while(holds).count();
        let after = (end + 1..=text.len()).take_while(holds).count();
        before + after >= wanted
    }

    fn holds_any(self, text: &[u8]) -> bool {
        (0..=text.len()).any(|end| self.holds_last(&text[..end]))
    }
}

fn bit(trigram: usize) -> u64 {
    1 << (trigram & 63)
}

/// Whether none of these secrets, nor a part of one, is in the text, in any form that a [`Redactor`] finds.
/// `false` means that only a redactor can decide.
pub(crate) fn is_clean(text: &str, secrets: &[Table<'_>]) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() > LONGEST || secrets.iter().any(|secrets| secrets.is_partial) {
        return false;
    }
    let check = Check { secrets };
    let mut reading = Reading::of(bytes);
    let is_clean = reading.kinds & HIDDEN == 0
        && reading.separators < PART - 1
        && reading.escapes == 0
        && !check.may_hold(bytes, &reading)
        && !check.may_hold_packed(&reading);
    if !is_clean {
        reading.wipe();
    }
    is_clean
}

const LONGEST: usize = 100;
const PART: usize = Redactor::MIN_PART;
// The least of base64 that holds as many characters.
const LEAST_SEXTETS: usize = 8;
const LEAST_HEX_DIGITS: usize = 2 * PART;

/// A text as each of the ways to read it: one pass over it, because every response has one.
struct Reading {
    // What its characters are, all together.
    kinds: u32,
    separators: usize,
    escapes: usize,
    letters: [u8; Self::ROOM],
    letter_count: usize,
    // One for each character, and a bit for each that has one.
    sextets: [u8; Self::ROOM],
    base64: u128,
    digits: [u8; Self::ROOM],
    digit_count: usize,
}

impl Reading {
    // A power of two, so that a place in it needs no check.
    const ROOM: usize = 128;

    /// Of at most `ROOM` bytes.
    fn of(text: &[u8]) -> Self {
        let (mut kinds, mut separators, mut escapes) = (0, 0, 0);
        let (mut letters, mut letter_count) = ([0; Self::ROOM], 0);
        let (mut sextets, mut base64) = ([0; Self::ROOM], u128::MAX);
        let (mut digits, mut digit_count) = ([0; Self::ROOM], 0);
        for ((at, byte), sextet) in text.iter().enumerate().zip(&mut sextets) {
            let character = CHARACTERS[usize::from(*byte)];
            let [_, digit, value, _] = character.to_le_bytes();
            kinds |= character;
            letters[letter_count % Self::ROOM] = *byte;
            letter_count += usize::from(character & LETTER != 0);
            *sextet = value;
            digits[digit_count % Self::ROOM] = digit;
            digit_count += usize::from(character & DIGIT != 0);
            // Few characters are.
            if character & (BEGINS_ESCAPE | NO_SEXTET) != 0 {
                escapes += usize::from(character & BEGINS_ESCAPE != 0 && is_escape(&text[at..]));
                separators += usize::from(matches!(*byte, b',' | b';'));
                if character & NO_SEXTET != 0 {
                    base64 &= !(1 << at);
                }
            }
        }
        Self {
            kinds,
            separators,
            escapes,
            letters,
            letter_count,
            sextets,
            base64: base64 & !(u128::MAX << text.len()),
            digits,
            digit_count,
        }
    }

    fn wipe(&mut self) {
        self.letters.zeroize();
        self.sextets.zeroize();
        self.digits.zeroize();
    }

    fn letters(&self) -> &[u8] {
        &self.letters[..self.letter_count]
    }

    // The stretches of at least the base64 that holds a part of a secret.
    fn base64(&self) -> impl Iterator<Item = Range<usize>> {
        runs::<LEAST_SEXTETS>(self.base64)
    }
}

// The runs of at least `LEAST` set bits.
fn runs<const LEAST: usize>(mut bits: u128) -> impl Iterator<Item = Range<usize>> {
    let (mut starts, mut length) = (bits, 1);
    while length < LEAST {
        let more = length.min(LEAST - length);
        starts &= starts >> more;
        length += more;
    }
    std::iter::from_fn(move || {
        let start = (starts != 0).then(|| starts.trailing_zeros())?;
        let length = (bits >> start).trailing_ones();
        let rest = u128::MAX.checked_shl(start + length).unwrap_or(0);
        (starts, bits) = (starts & rest, bits & rest);
        Some(start as usize..(start + length) as usize)
    })
}

/// Whether a text may hold a part of these secrets.
struct Check<'a> {
    secrets: &'a [Table<'a>],
}

impl Check<'_> {
    // The trigrams that a part of a secret shares are in a row, so one of as many is looked up, and the others
    // only if it is known.
    fn may_hold(&self, text: &[u8], reading: &Reading) -> bool {
        const SHARED: usize = PART - 2;
        let shared_letters = part(Folded::LETTERS) - 2;
        let has_marks = reading.letter_count < text.len();
        self.secrets.iter().any(|secrets| {
            secrets.may_hold_in_a_row(text, SHARED)
                || has_marks && secrets.may_hold_in_a_row(reading.letters(), shared_letters)
        })
    }

    fn may_hold_any(&self, text: &[u8]) -> bool {
        self.secrets.iter().any(|secrets| secrets.holds_any(text))
    }

    // As base64, wherever the bits of a byte begin, because the secret may begin inside. As hexadecimal with
    // anything between the digits: the redactor takes less for it.
    fn may_hold_packed(&self, reading: &Reading) -> bool {
        let may_hold =
            |bits: &Bits, firsts: &[usize]| firsts.iter().any(|first| self.may_hold_bits(bits, *first));
        reading
            .base64()
            .any(|stretch| may_hold(&Bits::of_sextets(&reading.sextets, stretch), &[0, 2, 4, 6]))
            || reading.digit_count >= LEAST_HEX_DIGITS
                && may_hold(&Bits::of_nibbles(&reading.digits, reading.digit_count), &[0, 4])
    }

    // Only bytes of ASCII are a secret's, as many in a row as a part of one has.
    fn may_hold_bits(&self, bits: &Bits, first: usize) -> bool {
        runs::<PART>(bits.ascii(first)).any(|run| self.may_hold_run(run.map(|at| bits.byte(first, at))))
    }

    fn may_hold_run(&self, bytes: impl Iterator<Item = u8>) -> bool {
        let mut run = [0; Bits::ROOM];
        let mut length = 0;
        for byte in bytes {
            match byte {
                b'\r' | b'\n' if run[..length].ends_with(b"=") => return true,
                // Control characters are between letters of UTF-16, and between words.
                0..=b' ' | 0x7f.. => {}
                _ => {
                    run[length] = byte;
                    length += 1;
                }
            }
        }
        let run = &mut run[..length];
        if length < PART {
            return false;
        }
        let mut reading = Reading::of(run);
        let may_be_packed = reading.digit_count >= LEAST_HEX_DIGITS || reading.base64().next().is_some();
        let may_hold = may_be_packed
            || match reading.escapes {
                0 => self.may_hold(run, &reading),
                // It stands for one character, and is longer. So the part of a secret has three others in a row
                // on one side.
                1 => {
                    length > LEAST_SEXTETS
                        || length > PART && (self.may_hold_any(run) || self.may_hold_any(reading.letters()))
                }
                _ => true,
            };
        if may_hold {
            reading.wipe();
            run.zeroize();
        }
        may_hold
    }
}

/// What a text holds unpacked: bytes that begin with any of its first bits.
struct Bits {
    bytes: [u8; Self::ROOM],
    count: usize,
}

impl Bits {
    // In words of eight, and one more byte to take the last bits from.
    const ROOM: usize = 80;

    // What follows the stretch may fill the last byte.
    fn of_sextets(sextets: &[u8; Reading::ROOM], stretch: Range<usize>) -> Self {
        let mut bytes = [0; Self::ROOM];
        let count = stretch.len();
        for (three, four) in bytes
            .chunks_exact_mut(3)
            .zip(sextets[stretch.start..].chunks_exact(4))
            .take(count.div_ceil(4))
        {
            let bits = four
                .iter()
                .fold(0, |bits, sextet| bits << 6 | u32::from(*sextet & 0x3f));
            let [_, first, second, third] = bits.to_be_bytes();
            three.copy_from_slice(&[first, second, third]);
        }
        Self {
            bytes,
            count: 6 * count,
        }
    }

    fn of_nibbles(nibbles: &[u8; Reading::ROOM], count: usize) -> Self {
        let mut bytes = [0; Self::ROOM];
        for (byte, two) in bytes
            .iter_mut()
            .zip(nibbles.chunks_exact(2))
            .take(count.div_ceil(2))
        {
            *byte = two[0] << 4 | two[1] & 0xf;
        }
        Self {
            bytes,
            count: 4 * count,
        }
    }

    // A bit for each byte that is ASCII.
    fn ascii(&self, first: usize) -> u128 {
        // Moves the lowest bit of each byte of a word into its highest byte.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let count = (self.count - first) / 8;
        let words = self.bytes.chunks_exact(8).take(count.div_ceil(8));
        let mut high = 0;
        for (at, word) in words.enumerate() {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            let lowest = word >> (7 - first) & 0x0101_0101_0101_0101;
            high |= u128::from(lowest.wrapping_mul(GATHER) >> 56) << (8 * at);
        }
        !high & !(u128::MAX << count)
    }

    fn byte(&self, first: usize, at: usize) -> u8 {
        let pair = u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]);
        (pair << first).to_be_bytes()[0]
    }
}

fn is_escape(bytes: &[u8]) -> bool {
    let is = |at: usize, kind: fn(&u8) -> bool| bytes.get(at).is_some_and(kind);
    let hexadecimal = |at: usize| is(at, u8::is_ascii_hexdigit) && is(at + 1, u8::is_ascii_hexdigit);
    match bytes {
        [b'&', next, ..] => *next == b'#' || next.is_ascii_alphanumeric(),
        [b'\\', _, ..] | [b'%', b'u' | b'U', ..] => true,
        [b'%' | b'=', ..] => hexadecimal(1),
        // Of XML names, and of numbers.
        [b'_' | b'0', b'x' | b'X', ..] => hexadecimal(2),
        _ => false,
    }
}

// Whether this secret has no other spelling, and is long enough to be found by its trigrams.
fn is_covered(secret: &str) -> bool {
    let bytes = secret.as_bytes();
    let kinds = bytes
        .iter()
        .fold(0, |kinds, byte| kinds | CHARACTERS[usize::from(*byte)]);
    let may_be_escaped = || {
        let begins = |at: &usize| CHARACTERS[usize::from(bytes[*at])] & BEGINS_ESCAPE != 0;
        (0..bytes.len()).filter(begins).any(|at| is_escape(&bytes[at..]))
    };
    bytes.len() >= PART
        && kinds & HIDDEN == 0
        && (kinds & BEGINS_ESCAPE == 0 || !may_be_escaped() || spellings(secret, false).len() == 1)
}

// The same for both cases of a letter.
fn code(byte: u8) -> usize {
    usize::from(byte & 31)
}

const NONE: u8 = u8::MAX;

// Not to be seen, or not ASCII.
const HIDDEN: u32 = 1;
// A letter or digit.
const LETTER: u32 = 2;
// Not of base64.
const NO_SEXTET: u32 = 4;
const BEGINS_ESCAPE: u32 = 8;
// Of a hexadecimal number.
const DIGIT: u32 = 16;
// What a character is, then its value as a hexadecimal digit and in base64, or `NONE`, in a byte each.
const CHARACTERS: [u32; 256] = {
    let digits = values(b"0123456789abcdef");
    let capitals = values(b"0123456789ABCDEF");
    let mut sextets = values(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    (sextets[b'-' as usize], sextets[b'_' as usize]) = (62, 63);
    let mut table = [0; 256];
    let mut character = 0_u8;
    loop {
        let at = character as usize;
        // `NONE` in one alphabet leaves the value in the other.
        let digit = digits[at] & capitals[at];
        let mut kinds = 0;
        if !character.is_ascii_graphic() {
            kinds |= HIDDEN;
        }
        if character.is_ascii_alphanumeric() {
            kinds |= LETTER;
        }
        if sextets[at] == NONE {
            kinds |= NO_SEXTET;
        }
        if matches!(character, b'&' | b'\\' | b'%' | b'=' | b'_' | b'0') {
            kinds |= BEGINS_ESCAPE;
        }
        if digit != NONE {
            kinds |= DIGIT;
        }
        table[at] = kinds | (digit as u32) << 8 | (sextets[at] as u32) << 16;
        if character == u8::MAX {
            break table;
        }
        character += 1;
    }
};

// The place of each of these characters among them.
const fn values(characters: &[u8]) -> [u8; 256] {
    let mut table = [NONE; 256];
    let (mut at, mut value) = (0, 0);
    while at < characters.len() {
        table[characters[at] as usize] = value;
        (at, value) = (at + 1, value + 1);
    }
    table
}
