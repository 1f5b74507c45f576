//! A quick look at texts that are most likely free of secrets, such as the id of an exchange.

use std::ops::Range;

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::packing::{Bytes, Packing};
use super::{Redactor, spellings};

/// Every four characters in a row of some secrets, in lower case: once as they are, once letters and digits
/// only. What shares none of them with a text, in any decoding, shares no [`Redactor::MIN_PART`] either.
#[derive(Default)]
pub(crate) struct Fragments {
    // An open hash table; no fragment is 0.
    slots: Zeroizing<Vec<u32>>,
    used: usize,
    // Holds a secret that has other spellings, or is too short for this.
    is_partial: bool,
}

impl Fragments {
    /// Knows this secret, too.
    pub(crate) fn add_secret(&mut self, secret: &impl ExposeSecret<str>) {
        #[expect(
            clippy::disallowed_methods,
            reason = "looked for in place, and wiped with its parts"
        )]
        self.add(secret.expose_secret());
    }

    /// Knows this text, too: a secret, or what is personal.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let is_plain = secret.bytes().all(|byte| byte.is_ascii_graphic());
        let may_be_escaped = secret.contains(['&', '\\', '%', '=', '_']);
        if !is_plain
            || secret.len() < Redactor::MIN_PART
            || may_be_escaped && spellings(secret, false).len() > 1
        {
            self.is_partial = true;
            return;
        }
        self.make_room(2 * secret.len());
        let mut windows = Windows::default();
        for byte in secret.bytes() {
            for fragment in windows.push(byte).into_iter().flatten() {
                self.insert(fragment);
            }
        }
    }

    fn make_room(&mut self, more: usize) {
        let wanted = (4 * (self.used + more)).next_power_of_two();
        if wanted > self.slots.len() {
            let larger = Zeroizing::new(vec![0; wanted]);
            let known = std::mem::replace(&mut self.slots, larger);
            self.used = 0;
            known
                .iter()
                .filter(|slot| **slot != 0)
                .for_each(|slot| self.insert(*slot));
        }
    }

    fn insert(&mut self, fragment: u32) {
        let at = self.slot(fragment);
        self.used += usize::from(self.slots[at] == 0);
        self.slots[at] = fragment;
    }

    fn contains(&self, fragment: u32) -> bool {
        !self.slots.is_empty() && self.slots[self.slot(fragment)] == fragment
    }

    // Where it is, or would be.
    fn slot(&self, fragment: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (fragment.wrapping_mul(0x9e37_79b1) >> 8) as usize & mask;
        while self.slots[at] != 0 && self.slots[at] != fragment {
            at = (at + 1) & mask;
        }
        at
    }
}

/// Whether this text certainly holds none of the secrets, in any form. `false` says nothing: have the text
/// redacted.
pub(crate) fn is_clean(text: &str, sets: &[&Fragments]) -> bool {
    const LONGEST: usize = 128;
    let bytes = text.as_bytes();
    if bytes.len() > LONGEST || sets.iter().any(|set| set.is_partial) || !is_without_escapes(bytes) {
        return false;
    }
    let mut units = [0_u32; LONGEST];
    let units = &mut units[..bytes.len()];
    for (unit, byte) in units.iter_mut().zip(bytes) {
        *unit = u32::from(*byte);
    }
    let mut look = Look::new(sets);
    for byte in bytes {
        look.at(*byte);
    }
    look.end();
    for packing in Packing::ALL {
        packing.undo(units, Redactor::MIN_PART, &mut look);
    }
    !look.found
}

fn is_without_escapes(bytes: &[u8]) -> bool {
    let hexadecimal = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'&' | b'\\' | b'%' => false,
        b'=' => !(hexadecimal(at + 1) && hexadecimal(at + 2)),
        b'_' => !matches!(bytes.get(at + 1), Some(b'x' | b'X')),
        byte => byte.is_ascii_graphic(),
    })
}

/// The last four characters, and the last four letters and digits.
#[derive(Default)]
struct Windows {
    all: u32,
    letters: u32,
}

impl Windows {
    // Those that are complete and new.
    fn push(&mut self, byte: u8) -> [Option<u32>; 2] {
        let lower = u32::from(byte.to_ascii_lowercase());
        self.all = self.all << 8 | lower;
        if byte.is_ascii_alphanumeric() {
            self.letters = self.letters << 8 | lower;
        }
        let complete = |window: u32| (window >> 24 != 0).then_some(window);
        let apart = complete(self.letters).filter(|letters| *letters != self.all);
        [complete(self.all), apart]
    }
}

struct Look<'a> {
    sets: &'a [&'a Fragments],
    windows: Windows,
    // In what was packed: how many characters in a row could be something packed once more.
    in_a_row: u8,
    found: bool,
}

impl<'a> Look<'a> {
    fn new(sets: &'a [&'a Fragments]) -> Self {
        Self {
            sets,
            windows: Windows::default(),
            in_a_row: 0,
            found: false,
        }
    }

    fn at(&mut self, byte: u8) {
        for fragment in self.windows.push(byte).into_iter().flatten() {
            self.found |= self.sets.iter().any(|set| set.contains(fragment));
        }
    }
}

impl Bytes for Look<'_> {
    fn push(&mut self, unit: u32, _: Range<usize>) {
        // The shortest escape takes one character more than what it stands for.
        const MAY_BE_PACKED: u8 = 7;
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_graphic() => {
                self.at(byte);
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.found |= self.in_a_row >= MAY_BE_PACKED;
            }
            // Blanks, and what stands between the letters of UTF-16.
            Ok(byte) if byte.is_ascii() => {}
            _ => self.end(),
        }
    }

    fn end(&mut self) {
        self.windows = Windows::default();
        self.in_a_row = 0;
    }
}
