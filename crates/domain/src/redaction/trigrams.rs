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
    // Bit `c` of row `a, b` stands for the trigram `abc`. Characters count by their low five bits, so some
    // share a bit.
    rows: Zeroizing<Vec<u32>>,
    // Holds a secret that the check does not cover.
    is_partial: bool,
}

impl Trigrams {
    // Enough for the secrets of a call.
    const SMALL: usize = 64;
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
        let (mut all, mut letters) = (0, 0);
        for (at, byte) in bytes.iter().enumerate() {
            all = all << 5 | code(*byte);
            if at >= 2 {
                self.insert(all);
            }
            if byte.is_ascii_alphanumeric() {
                letters = letters << 5 | code(*byte);
                self.insert(letters);
            }
        }
    }

    fn insert(&mut self, trigram: usize) {
        let (row, bit) = self.place(trigram);
        self.rows[row] |= bit;
    }

    fn holds(&self, trigram: usize) -> bool {
        let (row, bit) = self.place(trigram);
        self.rows[row] & bit != 0
    }

    fn place(&self, trigram: usize) -> (usize, u32) {
        (trigram >> 5 & (self.rows.len() - 1), 1 << (trigram & 31))
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
        // So many trigrams are shared in a row, and one of them is looked at.
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

/// Whether none of these secrets, nor a part of one, is in the text, in any form that a [`Redactor`] finds.
/// `false` means that only a redactor can decide.
pub(crate) fn is_clean(text: &str, secrets: &[&Trigrams]) -> bool {
    let bytes = text.as_bytes();
    let may_be_a_list = || {
        let separators = bytes.iter().filter(|byte| matches!(byte, b',' | b';'));
        separators.count() >= Redactor::MIN_PART - 1
    };
    if secrets.iter().any(|secrets| secrets.is_partial)
        || bytes.len() > LONGEST
        || !bytes.iter().all(u8::is_ascii_graphic)
        || may_be_escaped(bytes)
        || may_be_a_list()
    {
        return false;
    }
    let mut run = Run {
        secrets,
        bytes: Zeroizing::new([0; LONGEST]),
        length: 0,
    };
    run.check_plain(bytes).is_ok() && run.check_base64(bytes).is_ok() && run.check_hex(bytes).is_ok()
}

const LONGEST: usize = 100;
const PART: usize = Redactor::MIN_PART;
// The least of base64 that holds as many characters.
const LEAST_SEXTETS: usize = 8;
const LEAST_HEX_DIGITS: usize = 2 * PART;

/// The text may hold a part of a secret.
struct MayHold;

/// Visible characters in a row, of what a text holds unpacked.
struct Run<'a> {
    secrets: &'a [&'a Trigrams],
    bytes: Zeroizing<[u8; LONGEST]>,
    length: usize,
}

impl Run<'_> {
    fn check_plain(&mut self, text: &[u8]) -> Result<(), MayHold> {
        self.bytes[..text.len()].copy_from_slice(text);
        self.check(text.len())
    }

    // So many of its bytes.
    fn check(&mut self, length: usize) -> Result<(), MayHold> {
        let all = &self.bytes[..length];
        if self.secrets.iter().any(|secrets| secrets.may_share(all, PART)) {
            return Err(MayHold);
        }
        let mut count = 0;
        for at in 0..length {
            let byte = self.bytes[at];
            self.bytes[count] = byte;
            count += usize::from(byte.is_ascii_alphanumeric());
        }
        let letters = &self.bytes[..count];
        let shared = part(Folded::LETTERS);
        if count < length
            && self
                .secrets
                .iter()
                .any(|secrets| secrets.may_share(letters, shared))
        {
            return Err(MayHold);
        }
        Ok(())
    }

    // From each of four sextets on, because the secret may begin inside.
    fn check_base64(&mut self, text: &[u8]) -> Result<(), MayHold> {
        let is_sextet = |byte: &u8| SEXTETS[usize::from(*byte)] != NONE;
        for stretch in text.split(|byte| !is_sextet(byte)) {
            if stretch.len() < LEAST_SEXTETS {
                continue;
            }
            for skip in 0..4 {
                let (mut bits, mut held) = (0_u32, 0);
                for byte in &stretch[skip..] {
                    bits = bits << 6 | u32::from(SEXTETS[usize::from(*byte)]);
                    held += 6;
                    if held >= 8 {
                        held -= 8;
                        self.push((bits >> held & 0xff) as u8)?;
                    }
                }
                self.end()?;
            }
        }
        Ok(())
    }

    // Anything may stand between the digits: the redactor takes less for hexadecimal.
    fn check_hex(&mut self, text: &[u8]) -> Result<(), MayHold> {
        for skip in 0..2 {
            let digits = text.iter().map(|byte| HEX[usize::from(*byte)]);
            let mut digits = digits.filter(|digit| *digit != NONE).skip(skip);
            while let (Some(high), Some(low)) = (digits.next(), digits.next()) {
                self.push(high << 4 | low)?;
            }
            self.end()?;
        }
        Ok(())
    }

    fn push(&mut self, byte: u8) -> Result<(), MayHold> {
        match byte {
            // Control characters are between letters of UTF-16, and between words.
            b'\r' | b'\n' if self.bytes[..self.length].ends_with(b"=") => Err(MayHold),
            0..=b' ' | 0x7f => Ok(()),
            0x80.. => self.end(),
            _ => {
                *self.bytes.get_mut(self.length).ok_or(MayHold)? = byte;
                self.length += 1;
                Ok(())
            }
        }
    }

    fn end(&mut self) -> Result<(), MayHold> {
        let length = std::mem::take(&mut self.length);
        if length < PART {
            return Ok(());
        }
        let run = &self.bytes[..length];
        // An escape is longer than what it stands for.
        if may_be_packed(run) || length > PART && may_be_escaped(run) {
            return Err(MayHold);
        }
        self.check(length)
    }
}

fn may_be_packed(bytes: &[u8]) -> bool {
    let is_sextet = |byte: &u8| SEXTETS[usize::from(*byte)] != NONE;
    let digits = bytes.iter().filter(|byte| byte.is_ascii_hexdigit());
    let mut stretches = bytes.split(|byte| !is_sextet(byte));
    stretches.any(|stretch| stretch.len() >= LEAST_SEXTETS) || digits.count() >= LEAST_HEX_DIGITS
}

fn may_be_escaped(bytes: &[u8]) -> bool {
    let is = |at: usize, kind: fn(&u8) -> bool| bytes.get(at).is_some_and(kind);
    let hexadecimal = |at: usize| is(at, u8::is_ascii_hexdigit) && is(at + 1, u8::is_ascii_hexdigit);
    bytes.iter().enumerate().any(|(at, byte)| match byte {
        b'\\' => true,
        b'&' => is(at + 1, |next| *next == b'#' || next.is_ascii_alphanumeric()),
        b'%' => hexadecimal(at + 1) || is(at + 1, |next| matches!(next, b'u' | b'U')),
        b'=' => hexadecimal(at + 1),
        // Of XML names, and of numbers.
        b'_' | b'0' => is(at + 1, |next| matches!(next, b'x' | b'X')) && hexadecimal(at + 2),
        _ => false,
    })
}

// Whether this secret has no other spelling, and is long enough to be found by its trigrams.
fn is_covered(secret: &str) -> bool {
    let bytes = secret.as_bytes();
    bytes.len() >= PART
        && bytes.iter().all(u8::is_ascii_graphic)
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
