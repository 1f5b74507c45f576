//! A quick look at short texts that are most likely free of secrets, such as the id of an exchange. A redactor
//! costs more than all else of a change that succeeds.

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{Redactor, spellings};

/// Four characters in a row, in lower case. No fragment is 0.
type Fragment = u32;

/// Every fragment of some secrets: once of the text as it is, once of its letters and digits only. A text that
/// shares none of them, in any decoding, shares no [`Redactor::MIN_PART`] characters in a row either.
#[derive(Default)]
pub(crate) struct SecretFragments {
    // An open hash table.
    slots: Zeroizing<Vec<Fragment>>,
    used: usize,
    // Holds a secret that this cannot answer for.
    is_partial: bool,
}

impl SecretFragments {
    /// Adds a secret.
    pub(crate) fn add(&mut self, secret: &str) {
        if !is_answerable(secret) {
            self.is_partial = true;
            return;
        }
        self.reserve(2 * secret.len());
        each_fragment(secret.as_bytes(), |fragment| {
            self.insert(fragment);
            None::<()>
        });
    }

    fn reserve(&mut self, more: usize) {
        let wanted = (4 * (self.used + more)).next_power_of_two();
        if wanted > self.slots.len() {
            let larger = Zeroizing::new(vec![0; wanted]);
            let known = std::mem::replace(&mut self.slots, larger);
            self.used = 0;
            for fragment in known.iter().filter(|slot| **slot != 0) {
                self.insert(*fragment);
            }
        }
    }

    fn insert(&mut self, fragment: Fragment) {
        let at = self.slot(fragment);
        self.used += usize::from(self.slots[at] == 0);
        self.slots[at] = fragment;
    }

    fn contains(&self, fragment: Fragment) -> bool {
        !self.slots.is_empty() && self.slots[self.slot(fragment)] == fragment
    }

    // Where it is, or would be.
    fn slot(&self, fragment: Fragment) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(fragment) & mask;
        while self.slots[at] != 0 && self.slots[at] != fragment {
            at = (at + 1) & mask;
        }
        at
    }
}

/// Every fragment of a text, in any decoding.
pub(crate) struct TextFragments {
    // A bit for each, because most fragments of a secret are in no text.
    filter: [u64; 64],
    list: [Fragment; Self::MAX],
    count: usize,
}

impl TextFragments {
    const LONGEST: usize = 100;
    const MAX: usize = 320;

    /// `None` where it would take a redactor to tell: the text is long, has characters that are not visible ASCII,
    /// or may be encoded more than once.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let is_visible = bytes.iter().all(u8::is_ascii_graphic);
        if bytes.len() > Self::LONGEST || !is_visible || may_be_escaped(bytes) || may_be_a_list(bytes) {
            return None;
        }
        let mut found = Self {
            filter: [0; 64],
            list: [0; Self::MAX],
            count: 0,
        };
        found.add(bytes)?;
        let mut run = Run::new();
        found.add_base64(bytes, &mut run)?;
        found.add_hex(bytes, &mut run)?;
        Some(found)
    }

    /// Whether the text shares no fragment with any of these secrets. `false` says nothing.
    pub(crate) fn are_absent_from(&self, secrets: &SecretFragments) -> bool {
        let list = &self.list[..self.count];
        !secrets.is_partial && !list.iter().any(|fragment| secrets.contains(*fragment))
    }

    /// The same for one secret, or what is personal.
    pub(crate) fn are_absent_from_text(&self, secret: &str) -> bool {
        let is_known = |fragment: Fragment| {
            let (word, bit) = filter_bit(fragment);
            self.filter[word] & bit != 0 && self.list[..self.count].contains(&fragment)
        };
        is_answerable(secret) && each_fragment(secret.as_bytes(), |it| is_known(it).then_some(())).is_none()
    }

    /// The same for one secret.
    pub(crate) fn are_absent_from_secret(&self, secret: &impl ExposeSecret<str>) -> bool {
        #[expect(clippy::disallowed_methods, reason = "compared in place")]
        self.are_absent_from_text(secret.expose_secret())
    }

    fn add(&mut self, bytes: &[u8]) -> Option<()> {
        struct Full;
        let full = each_fragment(bytes, |fragment| {
            let (word, bit) = filter_bit(fragment);
            let Some(slot) = self.list.get_mut(self.count) else {
                return Some(Full);
            };
            *slot = fragment;
            self.filter[word] |= bit;
            self.count += 1;
            None
        });
        full.is_none().then_some(())
    }

    fn add_base64(&mut self, text: &[u8], run: &mut Run) -> Option<()> {
        let mut sextets = [NONE; Self::LONGEST];
        let sextets = &mut sextets[..text.len()];
        for (sextet, byte) in sextets.iter_mut().zip(text) {
            *sextet = SEXTETS[usize::from(*byte)];
        }
        pass_over_hex(text, sextets);
        for stretch in sextets
            .split(|sextet| *sextet == NONE)
            .filter(|stretch| stretch.len() >= LEAST_SEXTETS)
        {
            for skip in 0..4 {
                let (mut bits, mut held) = (0_u32, 0);
                for sextet in &stretch[skip..] {
                    bits = bits << 6 | u32::from(*sextet);
                    held += 6;
                    if held >= 8 {
                        held -= 8;
                        run.push((bits >> held & 0xff) as u8, self)?;
                    }
                }
                run.end(self)?;
            }
        }
        Some(())
    }

    // What stands between the digits is passed over: more is taken for hexadecimal than the redactor does.
    fn add_hex(&mut self, text: &[u8], run: &mut Run) -> Option<()> {
        let mut digits = [0; Self::LONGEST];
        let mut count = 0;
        for byte in text {
            let digit = HEX[usize::from(*byte)];
            if digit != NONE {
                digits[count] = digit;
                count += 1;
            }
        }
        for skip in 0..2 {
            for pair in digits[skip..count.max(skip)].chunks_exact(2) {
                run.push(pair[0] << 4 | pair[1], self)?;
            }
            run.end(self)?;
        }
        Some(())
    }
}

// The least of base64 that holds as many characters as count as a secret.
const LEAST_SEXTETS: usize = 8;

// A number that is written in hexadecimal is no base64, except at its ends, where other letters may belong to it:
// of the base64 of a text, eight characters in a row are digits or the letters a to f once in 65,000 times.
fn pass_over_hex(text: &[u8], sextets: &mut [u8]) {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut at = 0;
    while at < text.len() {
        let length = text[at..].iter().take_while(|byte| is_digit(byte)).count();
        if length >= 2 * LEAST_SEXTETS {
            sextets[at + LEAST_SEXTETS - 1..at + length - (LEAST_SEXTETS - 1)].fill(NONE);
        }
        at += length + 1;
    }
}

/// Visible characters in a row among unpacked bytes. What has fewer of them than count as a secret was packed
/// by nobody.
struct Run {
    bytes: Zeroizing<[u8; TextFragments::LONGEST]>,
    length: usize,
}

impl Run {
    fn new() -> Self {
        Self {
            bytes: Zeroizing::new([0; TextFragments::LONGEST]),
            length: 0,
        }
    }

    fn push(&mut self, byte: u8, found: &mut TextFragments) -> Option<()> {
        match byte {
            // Between the letters of UTF-16, and between words.
            0 | b' ' => Some(()),
            byte if byte.is_ascii_graphic() => {
                *self.bytes.get_mut(self.length)? = byte;
                self.length += 1;
                Some(())
            }
            _ => self.end(found),
        }
    }

    fn end(&mut self, found: &mut TextFragments) -> Option<()> {
        let length = std::mem::take(&mut self.length);
        if length < Redactor::MIN_PART {
            return Some(());
        }
        let bytes = &self.bytes[..length];
        let is_sextet = |byte: &u8| SEXTETS[usize::from(*byte)] != NONE;
        let is_packed_again = bytes
            .windows(LEAST_SEXTETS)
            .any(|part| part.iter().all(is_sextet));
        // An escape is longer than what it stands for.
        let is_escaped_again =
            length > Redactor::MIN_PART && bytes.iter().any(|byte| b"&\\%=_".contains(byte));
        if is_packed_again || is_escaped_again {
            return None;
        }
        found.add(bytes)
    }
}

// Whether this secret has no other spelling, and is long enough for its fragments to stand for it.
fn is_answerable(secret: &str) -> bool {
    let bytes = secret.as_bytes();
    bytes.len() >= Redactor::MIN_PART
        && bytes.iter().all(u8::is_ascii_graphic)
        && (!may_be_escaped(bytes) || spellings(secret, false).len() == 1)
}

fn may_be_escaped(bytes: &[u8]) -> bool {
    let hexadecimal = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().any(|(at, byte)| match byte {
        b'\\' | b'%' | b'&' => true,
        b'=' => hexadecimal(at + 1) && hexadecimal(at + 2),
        // Of XML names, and of numbers.
        b'_' | b'0' => matches!(bytes.get(at + 1), Some(b'x' | b'X')),
        _ => false,
    })
}

fn may_be_a_list(bytes: &[u8]) -> bool {
    let separators = bytes.iter().filter(|byte| matches!(byte, b',' | b';'));
    separators.count() >= Redactor::MIN_PART - 1
}

// Those of the bytes as they are, and of their letters and digits only, until `take` has had enough.
fn each_fragment<T>(bytes: &[u8], mut take: impl FnMut(Fragment) -> Option<T>) -> Option<T> {
    let (mut all, mut letters, mut is_apart) = (0_u32, 0_u32, false);
    for byte in bytes {
        let lower = u32::from(byte.to_ascii_lowercase());
        all = all << 8 | lower;
        if all >> 24 != 0
            && let Some(taken) = take(all)
        {
            return Some(taken);
        }
        if !byte.is_ascii_alphanumeric() {
            is_apart = true;
            continue;
        }
        letters = letters << 8 | lower;
        if is_apart
            && letters >> 24 != 0
            && letters != all
            && let Some(taken) = take(letters)
        {
            return Some(taken);
        }
    }
    None
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

fn hash(fragment: Fragment) -> usize {
    (fragment.wrapping_mul(0x9e37_79b1) >> 12) as usize
}

fn filter_bit(fragment: Fragment) -> (usize, u64) {
    let hash = hash(fragment);
    (hash >> 6 & 63, 1 << (hash & 63))
}
