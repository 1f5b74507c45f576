//! A quick check of short texts that most likely hold no secret, such as the request id of a success. Making a
//! [`Redactor`] costs more than the rest of a successful change.
//!
//! A text that holds [`Redactor::MIN_PART`] characters of a secret in a row shares all their trigrams. So the
//! check looks at every fourth trigram of the text, and of each way to unpack it, and compares the ones around
//! it only if that one is known.

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{Folded, Redactor, part, spellings};

/// The trigrams of some secrets, without letter case: once of all characters, once of letters and digits only.
#[derive(Default)]
pub(crate) struct Trigrams {
    // A bit for each trigram. Characters count by their low five bits, so some share a bit.
    rows: Zeroizing<Vec<u64>>,
    // Holds a secret that the check does not cover.
    is_partial: bool,
}

impl Trigrams {
    // Enough for the secrets of a call.
    const SMALL: usize = 64;
    // A bit for each trigram.
    const LARGE: usize = 512;

    /// For the two or three secrets of one call: less exact than the default, and cheaper to make.
    pub(crate) fn for_call() -> Self {
        Self {
            rows: Zeroizing::new(vec![0; Self::SMALL]),
            is_partial: false,
        }
    }

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
        if self.rows.is_empty() {
            self.rows = Zeroizing::new(vec![0; Self::LARGE]);
        }
        // Those of the first two characters are no trigrams, which does no harm.
        let (mut all, mut of_letters, mut count) = (0, 0, 0);
        for (at, byte) in secret.bytes().enumerate() {
            all = all << 5 | code(byte);
            self.insert(all);
            if byte.is_ascii_alphanumeric() {
                of_letters = of_letters << 5 | code(byte);
                // Only letters up to here: it is the same trigram.
                if count < at {
                    self.insert(of_letters);
                }
                count += 1;
                if count == letters {
                    break;
                }
            }
        }
    }

    fn insert(&mut self, trigram: usize) {
        let (row, bit) = self.place(trigram);
        self.rows[row] |= bit;
    }

    fn holds(&self, trigram: usize) -> bool {
        let (row, bit) = self.place(trigram);
        self.rows.get(row).is_some_and(|row| row & bit != 0)
    }

    // The row and the bit of a trigram; there are a power of two of rows, or none.
    fn place(&self, trigram: usize) -> (usize, u64) {
        (
            trigram >> 6 & self.rows.len().wrapping_sub(1),
            1 << (trigram & 63),
        )
    }

    // Whether so many trigrams in a row are known, the one that ends here among them.
    fn hold_around(&self, text: &[u8], end: usize, wanted: usize) -> bool {
        let holds = |end: &usize| match text.get(end.wrapping_sub(2)..=*end) {
            Some([a, b, c]) => self.holds(code(*a) << 10 | code(*b) << 5 | code(*c)),
            _ => false,
        };
        let before = (0..=end).rev().take_while(holds).count();
        let after = (end + 1..text.len()).take_while(holds).count();
        before + after >= wanted
    }
}

/// Whether none of these secrets, nor a part of one, is in the text, in any form that a [`Redactor`] finds.
/// `false` means that only a redactor can decide.
pub(crate) fn is_clean(text: &str, secrets: &[&Trigrams]) -> bool {
    let bytes = text.as_bytes();
    let check = Check { secrets };
    !secrets.iter().any(|secrets| secrets.is_partial)
        && bytes.len() <= LONGEST
        && is_visible(bytes)
        && !may_be_a_list(bytes)
        && !may_be_escaped(bytes)
        && !check.may_hold(bytes)
        && !check.may_hold_base64(bytes)
        && !check.may_hold_hex(bytes)
}

const LONGEST: usize = 100;
const PART: usize = Redactor::MIN_PART;
// The least of base64 that holds as many characters.
const LEAST_SEXTETS: usize = 8;
const LEAST_HEX_DIGITS: usize = 2 * PART;

/// Whether a text may hold a part of these secrets, in one form each.
struct Check<'a> {
    secrets: &'a [&'a Trigrams],
}

impl Check<'_> {
    // The trigrams that a part of a secret shares are in a row, so one of as many is looked up, and the others
    // only if it is known.
    fn may_hold(&self, text: &[u8]) -> bool {
        const SHARED: usize = PART - 2;
        let shared_letters = part(Folded::LETTERS) - 2;
        let (mut all, mut of_letters, mut count) = (0, 0, 0);
        let mut may_hold_letters = false;
        for (at, byte) in text.iter().enumerate() {
            all = all << 5 | code(*byte);
            if at % SHARED == SHARED - 1 && self.hold(all) && self.hold_around(text, at, SHARED) {
                return true;
            }
            if byte.is_ascii_alphanumeric() {
                of_letters = of_letters << 5 | code(*byte);
                count += 1;
                may_hold_letters |= count % shared_letters == 0 && self.hold(of_letters);
            }
        }
        if !may_hold_letters || count == text.len() {
            return false;
        }
        let mut letters = Zeroizing::new(Vec::with_capacity(count));
        letters.extend(text.iter().filter(|byte| byte.is_ascii_alphanumeric()));
        let mut ends = (shared_letters - 1..count).step_by(shared_letters);
        ends.any(|end| self.hold_around(&letters, end, shared_letters))
    }

    fn hold(&self, trigram: usize) -> bool {
        self.secrets.iter().any(|secrets| secrets.holds(trigram))
    }

    fn hold_around(&self, text: &[u8], end: usize, wanted: usize) -> bool {
        self.secrets
            .iter()
            .any(|secrets| secrets.hold_around(text, end, wanted))
    }

    // Wherever the bits of a byte begin, because the secret may begin inside.
    fn may_hold_base64(&self, text: &[u8]) -> bool {
        let mut values = [NONE; LONGEST];
        for (value, byte) in values.iter_mut().zip(text) {
            *value = SEXTETS[usize::from(*byte)];
        }
        let mut stretches = values[..text.len()].split(|value| *value == NONE);
        stretches.any(|sextets| {
            let bits = (sextets.len() >= LEAST_SEXTETS).then(|| Bits::of_sextets(sextets));
            bits.is_some_and(|bits| [0, 2, 4, 6].iter().any(|first| self.may_hold_bits(&bits, *first)))
        })
    }

    // Anything may stand between the digits: the redactor takes less for hexadecimal.
    fn may_hold_hex(&self, text: &[u8]) -> bool {
        let mut digits = [0; LONGEST];
        let mut count = 0;
        for byte in text {
            let digit = HEX[usize::from(*byte)];
            digits[count] = digit;
            count += usize::from(digit != NONE);
        }
        let bits = (count >= LEAST_HEX_DIGITS).then(|| Bits::of_nibbles(&digits[..count]));
        bits.is_some_and(|bits| [0, 4].iter().any(|first| self.may_hold_bits(&bits, *first)))
    }

    // Only bytes of ASCII are a secret's, as many in a row as a part of one has.
    fn may_hold_bits(&self, bits: &Bits, first: u32) -> bool {
        let ascii = bits.ascii(first);
        let two = ascii & ascii >> 1;
        let mut runs = two & two >> 2 & two >> 4;
        while runs != 0 {
            let start = runs.trailing_zeros();
            let end = start + (ascii >> start).trailing_ones();
            if self.may_hold_run((start..end).map(|at| bits.byte(first, at))) {
                return true;
            }
            runs &= u128::MAX.checked_shl(end).unwrap_or(0);
        }
        false
    }

    fn may_hold_run(&self, bytes: impl ExactSizeIterator<Item = u8>) -> bool {
        let mut run = Zeroizing::new(Vec::with_capacity(bytes.len()));
        for byte in bytes {
            match byte {
                b'\r' | b'\n' if run.ends_with(b"=") => return true,
                // Control characters are between letters of UTF-16, and between words.
                0..=b' ' | 0x7f.. => {}
                _ => run.push(byte),
            }
        }
        // An escape is longer than what it stands for.
        run.len() >= PART
            && (may_be_packed(&run) || run.len() > PART && may_be_escaped(&run) || self.may_hold(&run))
    }
}

/// What a text holds unpacked: bytes that begin with any of its first bits.
struct Bits {
    bytes: [u8; Self::ROOM],
    count: u32,
}

impl Bits {
    // In words of eight, and one more byte to take the last bits from.
    const ROOM: usize = 80;

    fn of_sextets(sextets: &[u8]) -> Self {
        let mut bytes = [0; Self::ROOM];
        for (three, four) in bytes.chunks_exact_mut(3).zip(sextets.chunks(4)) {
            let bits = |at: usize| u32::from(four.get(at).copied().unwrap_or_default()) << (18 - 6 * at);
            let [_, first, second, third] = (bits(0) | bits(1) | bits(2) | bits(3)).to_be_bytes();
            three.copy_from_slice(&[first, second, third]);
        }
        Self {
            bytes,
            count: 6 * sextets.len() as u32,
        }
    }

    fn of_nibbles(nibbles: &[u8]) -> Self {
        let mut bytes = [0; Self::ROOM];
        for (byte, two) in bytes.iter_mut().zip(nibbles.chunks(2)) {
            *byte = two[0] << 4 | two.get(1).copied().unwrap_or_default();
        }
        Self {
            bytes,
            count: 4 * nibbles.len() as u32,
        }
    }

    // A bit for each byte that is ASCII.
    fn ascii(&self, first: u32) -> u128 {
        // Moves the lowest bit of each byte of a word into its highest byte.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let count = (self.count - first) / 8;
        let words = self.bytes.chunks_exact(8).take(count.div_ceil(8) as usize);
        let mut high = 0;
        for (at, word) in words.enumerate() {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            let lowest = word >> (7 - first) & 0x0101_0101_0101_0101;
            high |= u128::from(lowest.wrapping_mul(GATHER) >> 56) << (8 * at);
        }
        !high & !(u128::MAX << count)
    }

    fn byte(&self, first: u32, at: u32) -> u8 {
        let at = at as usize;
        let pair = u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]);
        (pair << first).to_be_bytes()[0]
    }
}

fn is_visible(bytes: &[u8]) -> bool {
    // Not `all`: without a way out it takes many bytes at once.
    !bytes
        .iter()
        .fold(false, |hidden, byte| hidden | !byte.is_ascii_graphic())
}

fn may_be_a_list(bytes: &[u8]) -> bool {
    let separators = bytes.iter().filter(|byte| matches!(byte, b',' | b';'));
    separators.count() >= PART - 1
}

fn may_be_packed(bytes: &[u8]) -> bool {
    let is_sextet = |byte: &u8| SEXTETS[usize::from(*byte)] != NONE;
    let digits = bytes.iter().filter(|byte| byte.is_ascii_hexdigit());
    let mut stretches = bytes.split(|byte| !is_sextet(byte));
    stretches.any(|stretch| stretch.len() >= LEAST_SEXTETS) || digits.count() >= LEAST_HEX_DIGITS
}

fn may_be_escaped(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().any(|(at, byte)| {
        // Looked up first, because most characters begin none.
        let kinds = ESCAPES[usize::from(*byte)];
        let begins = || {
            bytes
                .get(at + 1)
                .is_some_and(|next| kinds & FOLLOWERS[usize::from(*next)] != 0)
        };
        kinds != 0 && begins() && is_escape(&bytes[at..])
    })
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

// A bit for each kind of escape that begins so.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    table[b'\\' as usize] = 1;
    table[b'&' as usize] = 2;
    table[b'%' as usize] = 4;
    table[b'=' as usize] = 8;
    (table[b'_' as usize], table[b'0' as usize]) = (16, 16);
    table
};
// A bit for each kind of escape in which this may come second.
const FOLLOWERS: [u8; 256] = {
    let mut table = [1; 256];
    let mut character = 0_u8;
    while character.is_ascii() {
        let byte = character as usize;
        if character.is_ascii_alphanumeric() || character == b'#' {
            table[byte] |= 2;
        }
        if character.is_ascii_hexdigit() {
            table[byte] |= 4 | 8;
        }
        if matches!(character, b'u' | b'U') {
            table[byte] |= 4;
        }
        if matches!(character, b'x' | b'X') {
            table[byte] |= 16;
        }
        character += 1;
    }
    table
};

// Whether this secret has no other spelling, and is long enough to be found by its trigrams.
fn is_covered(secret: &str) -> bool {
    let bytes = secret.as_bytes();
    bytes.len() >= PART
        && is_visible(bytes)
        && (!may_be_escaped(bytes) || spellings(secret, false).len() == 1)
}

// The same for both cases of a letter.
fn code(byte: u8) -> usize {
    usize::from(byte & 31)
}

const NONE: u8 = u8::MAX;
const SEXTETS: [u8; 256] = {
    let mut table = values(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};
const HEX: [u8; 256] = {
    let mut table = values(b"0123456789abcdef");
    let mut at = 10;
    while at < 16 {
        table[(b'A' - 10 + at) as usize] = at;
        at += 1;
    }
    table
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
