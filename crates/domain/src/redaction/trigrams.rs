//! A quick check of short texts that most likely hold no secret, such as the request id of a success. Making a
//! [`Redactor`] costs more than the rest of a successful change.
//!
//! A text that holds [`Redactor::MIN_PART`] characters of a secret in a row shares all their trigrams. So the
//! check looks at every fourth trigram of the text, and of each way to unpack it, and compares the ones around
//! it only if that one is known.

use std::ops::Range;

use secrecy::ExposeSecret;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Folded, Redactor, part, spellings};

/// The trigrams of some secrets, without letter case: once of all characters, once of letters and digits only.
#[derive(Default)]
pub(crate) struct Trigrams {
    // Bit `c` of row `a, b` stands for the trigram `abc`. Characters count by their low five bits, so some
    // share a bit.
    rows: Zeroizing<Vec<u32>>,
    // Holds a secret that the check does not cover.
    is_partial: bool,
}

impl Trigrams {
    // Enough for the secrets of a call.
    const SMALL: usize = 128;
    // A row for each pair of characters.
    const LARGE: usize = 1024;

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

    /// Adds a text that is personal, or a secret.
    pub(crate) fn add(&mut self, secret: &str) {
        let bytes = secret.as_bytes();
        if !is_covered(secret) {
            self.is_partial = true;
            return;
        }
        if self.rows.is_empty() {
            self.rows = Zeroizing::new(vec![0; Self::LARGE]);
        }
        let rows = &mut self.rows[..];
        let mut insert = |trigram: usize| {
            let (row, bit) = place(trigram, rows.len());
            rows[row] |= bit;
        };
        let (mut all, mut letters) = (0, 0);
        for byte in bytes {
            all = all << 5 | code(*byte);
            insert(all);
            // Those of the first two characters are no trigrams, which does no harm.
            if byte.is_ascii_alphanumeric() {
                letters = letters << 5 | code(*byte);
                insert(letters);
            }
        }
    }

    fn holds(&self, trigram: usize) -> bool {
        let (row, bit) = place(trigram, self.rows.len());
        self.rows[row] & bit != 0
    }

    // Whether the text may share this many characters in a row with a secret.
    fn may_share(&self, text: &[u8], characters: usize) -> bool {
        if self.rows.is_empty() {
            return false;
        }
        let holds = |trigram: &&[u8]| match trigram {
            [a, b, c] => self.holds(code(*a) << 10 | code(*b) << 5 | code(*c)),
            _ => false,
        };
        // This many trigrams are shared in a row, and one of them is looked at.
        let wanted = characters - 2;
        let mut at = wanted - 1;
        while let Some(trigram) = text.get(at..at + 3) {
            if holds(&trigram) {
                let before = text[..at + 2].windows(3).rev().take_while(holds).count();
                let after = text[at + 1..].windows(3).take_while(holds).count();
                if before + 1 + after >= wanted {
                    return true;
                }
            }
            at += wanted;
        }
        false
    }
}

// The row and the bit of a trigram; there are a power of two of rows.
fn place(trigram: usize, rows: usize) -> (usize, u32) {
    (trigram >> 5 & (rows - 1), 1 << (trigram & 31))
}

/// Whether none of these secrets, nor a part of one, is in the text, in any form that a [`Redactor`] finds.
/// `false` means that only a redactor can decide.
pub(crate) fn is_clean(text: &str, secrets: &[&Trigrams]) -> bool {
    let bytes = text.as_bytes();
    if secrets.iter().any(|secrets| secrets.is_partial)
        || bytes.len() > LONGEST
        || !is_visible(bytes)
        || may_be_escaped(bytes)
        || may_be_a_list(bytes)
    {
        return false;
    }
    let mut unpacked = Unpacked {
        secrets,
        run: Zeroizing::new(Vec::new()),
    };
    !may_hold(secrets, bytes) && unpacked.check_base64(bytes).is_ok() && unpacked.check_hex(bytes).is_ok()
}

// Whether these characters may hold a part of a secret as they are.
fn may_hold(secrets: &[&Trigrams], text: &[u8]) -> bool {
    if secrets.iter().any(|secrets| secrets.may_share(text, PART)) {
        return true;
    }
    let mut letters = Zeroizing::new(Vec::new());
    letters.reserve_exact(text.len());
    letters.extend(text.iter().filter(|byte| byte.is_ascii_alphanumeric()));
    let shared = part(Folded::LETTERS);
    letters.len() < text.len() && secrets.iter().any(|secrets| secrets.may_share(&letters, shared))
}

const LONGEST: usize = 100;
const PART: usize = Redactor::MIN_PART;
// The least of base64 that holds as many characters.
const LEAST_SEXTETS: usize = 8;
const LEAST_HEX_DIGITS: usize = 2 * PART;

/// The text may hold a part of a secret.
struct MayHold;

/// What a text holds unpacked, looked at as far as it can be a secret.
struct Unpacked<'a> {
    secrets: &'a [&'a Trigrams],
    // Visible characters in a row.
    run: Zeroizing<Vec<u8>>,
}

impl Unpacked<'_> {
    fn check_base64(&mut self, text: &[u8]) -> Result<(), MayHold> {
        let mut sextets = [0; LONGEST];
        for (sextet, byte) in sextets.iter_mut().zip(text) {
            *sextet = SEXTETS[usize::from(*byte)];
        }
        for stretch in sextets[..text.len()].split(|sextet| *sextet == NONE) {
            if stretch.len() >= LEAST_SEXTETS {
                // In each way to group the bits, because the secret may begin inside.
                for first in [0, 2, 4, 6] {
                    self.check_bytes(&Base64 {
                        sextets: stretch,
                        first,
                    })?;
                }
            }
        }
        Ok(())
    }

    // Anything may stand between the digits: the redactor takes less for hexadecimal.
    fn check_hex(&mut self, text: &[u8]) -> Result<(), MayHold> {
        let mut digits = [0; LONGEST];
        let mut count = 0;
        for byte in text {
            let digit = HEX[usize::from(*byte)];
            digits[count] = digit;
            count += usize::from(digit != NONE);
        }
        for first in [0, 1] {
            let digits = digits[..count].get(first..).unwrap_or_default();
            self.check_bytes(&Hex { digits })?;
        }
        Ok(())
    }

    // Of as many bytes of ASCII in a row as a part of a secret has, one is looked at first.
    fn check_bytes(&mut self, bytes: &impl Bytes) -> Result<(), MayHold> {
        let mut at = PART - 1;
        while let Some(is_ascii) = bytes.is_ascii(at) {
            if is_ascii {
                let is_ascii = |at: &usize| bytes.is_ascii(*at) == Some(true);
                let before = (0..at).rev().take_while(is_ascii).count();
                let after = (at + 1..LONGEST).take_while(is_ascii).count();
                if before + 1 + after >= PART {
                    self.check_run(bytes, at - before..at + 1 + after)?;
                    at += after;
                }
            }
            at += PART;
        }
        Ok(())
    }

    fn check_run(&mut self, bytes: &impl Bytes, range: Range<usize>) -> Result<(), MayHold> {
        self.run.zeroize();
        self.run.reserve_exact(LONGEST);
        for byte in range.map(|at| bytes.byte(at)) {
            match byte {
                b'\r' | b'\n' if self.run.ends_with(b"=") => return Err(MayHold),
                // Control characters are between letters of UTF-16, and between words.
                0..=b' ' | 0x7f.. => {}
                _ => self.run.push(byte),
            }
        }
        let run = &self.run[..];
        // An escape is longer than what it stands for.
        let may_hold = run.len() >= PART
            && (may_be_packed(run) || run.len() > PART && may_be_escaped(run) || may_hold(self.secrets, run));
        if may_hold { Err(MayHold) } else { Ok(()) }
    }
}

/// Bytes that are written as text.
trait Bytes {
    /// Whether the byte at this place is ASCII; `None` behind the last.
    fn is_ascii(&self, at: usize) -> Option<bool>;

    fn byte(&self, at: usize) -> u8;
}

/// Those that begin with this bit.
struct Base64<'a> {
    sextets: &'a [u8],
    first: usize,
}

impl Bytes for Base64<'_> {
    fn is_ascii(&self, at: usize) -> Option<bool> {
        let bit = self.first + at * 8;
        let pair = self.sextets.get(bit / 6..bit / 6 + 2)?;
        Some(pair[0] & 0x20 >> (bit % 6) == 0)
    }

    fn byte(&self, at: usize) -> u8 {
        let bit = self.first + at * 8;
        let (high, low) = (self.sextets[bit / 6], self.sextets[bit / 6 + 1]);
        high << (2 + bit % 6) | low >> (4 - bit % 6)
    }
}

struct Hex<'a> {
    digits: &'a [u8],
}

impl Bytes for Hex<'_> {
    fn is_ascii(&self, at: usize) -> Option<bool> {
        let pair = self.digits.get(2 * at..2 * at + 2)?;
        Some(pair[0] < 8)
    }

    fn byte(&self, at: usize) -> u8 {
        self.digits[2 * at] << 4 | self.digits[2 * at + 1]
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
    bytes.windows(2).enumerate().any(|(at, pair)| {
        // Looked up first, because most pairs begin none.
        let begins = ESCAPES[usize::from(pair[0])] & FOLLOWERS[usize::from(pair[1])] != 0;
        begins && is_escape(&bytes[at..])
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
