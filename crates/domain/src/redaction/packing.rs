//! Ways to write bytes as text.

use super::escape::utf8;
use super::view::{GAP, Span, View};

#[derive(Clone, Copy)]
pub(super) enum Packing {
    /// Base64 in both alphabets, from this sextet of each stretch: it may have begun before.
    Base64(usize),
    /// Hexadecimal digits, from this digit of each stretch; `43:61`, `43-61` and `0x43, 0x61` too.
    Hex(usize),
    /// `[67, 97, 110]`, of bytes or UTF-16 units.
    Decimal,
}

impl Packing {
    pub(super) const ALL: [Self; 7] = [
        Self::Base64(0),
        Self::Base64(1),
        Self::Base64(2),
        Self::Base64(3),
        Self::Hex(0),
        Self::Hex(1),
        Self::Decimal,
    ];

    /// Adds to `undone` what each stretch of at least `least` bytes holds.
    pub(super) fn undo(self, view: &View, least: usize, undone: &mut Unpacked) {
        match self {
            Self::Base64(skip) => base64(view, skip, least, undone),
            Self::Hex(skip) => hex(view, skip, least, undone),
            Self::Decimal => decimal(view, least, undone),
        }
    }
}

/// What was packed, with gaps between the stretches.
#[derive(Default)]
pub(super) struct Unpacked {
    stretch: View,
    /// Whether `utf16` is wanted.
    pub(super) is_wide: bool,
    /// What can be text, byte by byte.
    pub(super) text: View,
    /// All of it, taken as UTF-16 in both byte orders from the first and from the second byte. Only for
    /// secrets whose UTF-16 is more than their letters with zeros in between.
    pub(super) utf16: View,
}

impl Unpacked {
    fn push(&mut self, unit: u32, span: Span) {
        self.stretch.push_code(unit, span);
    }

    /// Ends a stretch. Most of them are words and numbers that are not packed: only what can be
    /// text is kept of one.
    fn end(&mut self, least: usize) {
        let units = self.stretch.units();
        let mut at = 0;
        while at < units.len() {
            let from = at;
            while at < units.len()
                && let Some(length) = text_at(units, at)
            {
                at += length;
            }
            if at - from >= least {
                for (kept, unit) in (from..at).zip(&units[from..at]) {
                    self.text.push(*unit, self.stretch.span(kept..kept + 1));
                }
                gap(&mut self.text);
            }
            at += 1;
        }
        if self.is_wide && units.len() >= least {
            for (skip, low, high) in [(0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0)] {
                for at in (skip..units.len() - 1).step_by(2) {
                    let unit = (units[at + high] << 8 | units[at + low]) & 0xffff;
                    self.utf16.push_code(unit, self.stretch.span(at..at + 2));
                }
                gap(&mut self.utf16);
            }
        }
        self.stretch.clear();
    }
}

// How many bytes here are a character: of ASCII, controls included because a secret may have some, of UTF-8, or of latin-1 between letters of ASCII.
fn text_at(units: &[u32], at: usize) -> Option<usize> {
    let is_ascii = |unit: &u32| *unit < 0x80;
    match units[at] {
        unit if is_ascii(&unit) || unit > 0xff => Some(1),
        0x80..=0xff => {
            let (_, length) = utf8(&units[at..]).unwrap_or((None, 1));
            let beside = |at: Option<usize>| at.and_then(|at| units.get(at)).is_none_or(is_ascii);
            (length > 1 || beside(at.checked_sub(1)) && beside(Some(at + 1))).then_some(length)
        }
        _ => None,
    }
}

fn base64(view: &View, skip: usize, least: usize, undone: &mut Unpacked) {
    let units = view.units();
    let is_line_end = |unit: u32| unit == 10 || unit == 13;
    let mut stretch = Vec::new();
    let mut at = 0;
    while at < units.len() {
        if sextet(units[at]).is_none() {
            at += 1;
            continue;
        }
        stretch.clear();
        while at < units.len() && (sextet(units[at]).is_some() || is_line_end(units[at])) {
            if !is_line_end(units[at]) {
                stretch.push(at);
            }
            at += 1;
        }
        let held = stretch.get(skip..).unwrap_or_default();
        if held.len() * 6 / 8 < least {
            continue;
        }
        // One byte at a time: a quicker decoder leaves more of a secret on the stack.
        for bit in (0..held.len() * 6 - 7).step_by(8) {
            let (first, second) = (held[bit / 6], held[bit / 6 + 1]);
            let pair =
                sextet(units[first]).unwrap_or_default() << 6 | sextet(units[second]).unwrap_or_default();
            undone.push(pair >> (4 - bit % 6) & 0xff, view.span(first..second + 1));
        }
        while at < units.len() && units[at] == u32::from(b'=') {
            undone.stretch.extend_to(view.span(at..at + 1).1);
            at += 1;
        }
        undone.end(least);
    }
}

fn sextet(unit: u32) -> Option<u32> {
    Some(match u8::try_from(unit).ok()? {
        letter @ b'A'..=b'Z' => u32::from(letter - b'A'),
        letter @ b'a'..=b'z' => u32::from(letter - b'a') + 26,
        digit @ b'0'..=b'9' => u32::from(digit - b'0') + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn hex(view: &View, skip: usize, least: usize, undone: &mut Unpacked) {
    let units = view.units();
    let digit = |at: usize| {
        let unit = u8::try_from(*units.get(at)?).ok()?;
        char::from(unit).to_digit(16)
    };
    let is_one_of = |at: usize, these: &[u8]| {
        let unit = units.get(at).and_then(|unit| u8::try_from(*unit).ok());
        unit.is_some_and(|unit| these.contains(&unit))
    };
    let mut pairs = Vec::new();
    let mut at = 0;
    while at < units.len() {
        if digit(at).is_none() {
            at += 1;
            continue;
        }
        let from = at;
        at += skip;
        pairs.clear();
        loop {
            if is_one_of(at, b"0\\") && is_one_of(at + 1, b"xX") {
                at += 2;
            }
            if digit(at).is_none() || digit(at + 1).is_none() {
                break;
            }
            pairs.push(at);
            at += 2;
            for _ in 0..2 {
                at += usize::from(is_one_of(at, b" ,;:-\r\n"));
            }
        }
        at = at.max(from + 1);
        if pairs.len() >= least {
            for pair in &pairs {
                let value = digit(*pair).unwrap_or_default() << 4 | digit(pair + 1).unwrap_or_default();
                undone.push(value, view.span(*pair..pair + 2));
            }
            undone.end(least);
        }
    }
}

fn decimal(view: &View, least: usize, undone: &mut Unpacked) {
    let units = view.units();
    let ascii = |at: usize| units.get(at).and_then(|unit| u8::try_from(*unit).ok());
    let mut numbers: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while at < units.len() {
        numbers.clear();
        loop {
            let from = at;
            let digits = from + usize::from(ascii(from) == Some(b'-'));
            let mut end = digits;
            while ascii(end).is_some_and(|byte| byte.is_ascii_digit()) {
                end += 1;
            }
            if !(1..=5).contains(&(end - digits)) {
                // Each digit is looked at once, however long a number is.
                at = if end > digits { end } else { at };
                break;
            }
            numbers.push((from, end));
            at = end;
            while matches!(ascii(at), Some(b' ' | b',' | b';' | b'\r' | b'\n')) {
                at += 1;
            }
            if at == end {
                break;
            }
        }
        if numbers.len() >= least {
            for (from, end) in &numbers {
                let digits = (*from..*end).filter_map(ascii).filter(u8::is_ascii_digit);
                let value = digits.fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'));
                // The bytes of Java have a sign.
                let is_negative = ascii(*from) == Some(b'-');
                let value = if is_negative {
                    256_u32.saturating_sub(value)
                } else {
                    value
                };
                undone.push(value, view.span(*from..*end));
            }
            undone.end(least);
        }
        at += 1;
    }
}

fn gap(undone: &mut View) {
    if let Some(last) = undone.len().checked_sub(1) {
        let (_, end) = undone.span(last..last + 1);
        undone.push(GAP, (end, end));
    }
}
