//! Ways to write single characters by others.

use super::entities::{NAMES, WITHOUT_SEMICOLON};
use super::view::View;

#[derive(Clone, Copy)]
pub(super) enum Escape {
    /// `&#39;`, `&#x27;`, `&apos;` of HTML and XML; `_x0027_` of XML names.
    Markup,
    /// `\u0027`, `\'`, `\x27`, `\u{27}`, `\047` of JSON, scripts and C.
    Backslash,
    /// `%27`, `%u0027` of URLs and forms.
    Percent,
    /// `=27` of mail.
    QuotedPrintable,
    /// UTF-8 that was read as latin-1 or Windows-1252.
    Utf8,
}

impl Escape {
    pub(super) const ALL: [Self; 5] = [
        Self::Markup,
        Self::Backslash,
        Self::Percent,
        Self::QuotedPrintable,
        Self::Utf8,
    ];

    /// The view with each of these undone, once. `None` if there is none.
    pub(super) fn undone(self, view: &View) -> Option<View> {
        let step = match self {
            Self::Markup => markup,
            Self::Backslash => backslash,
            Self::Percent => percent,
            Self::QuotedPrintable => quoted_printable,
            Self::Utf8 => utf8,
        };
        let units = view.units();
        let first = (0..units.len()).find(|at| step(&units[*at..]).is_some())?;
        let mut undone = View::with_room(units.len());
        let mut at = 0;
        while at < units.len() {
            let decoded = if at < first { None } else { step(&units[at..]) };
            let (unit, used) = decoded.unwrap_or((Some(units[at]), 1));
            let span = view.span(at..at + used);
            match unit {
                Some(unit) => undone.push_code(unit, span),
                None => undone.extend_to(span.1),
            }
            at += used;
        }
        Some(undone)
    }
}

/// What stands at the start of these units, if it is an escape: the unit that it means, or nothing,
/// and how many units it takes.
pub(super) type Decoded = Option<(Option<u32>, usize)>;

fn markup(units: &[u32]) -> Decoded {
    match ascii(units, 0)? {
        b'&' if ascii(units, 1) == Some(b'#') => {
            let (value, end) = match ascii(units, 2)? {
                b'x' | b'X' => number(units, 3, 16, 1..=12)?,
                _ => number(units, 2, 10, 1..=12)?,
            };
            Some((
                Some(referenced(value)),
                end + usize::from(ascii(units, end) == Some(b';')),
            ))
        }
        b'&' => named(units),
        b'_' if matches!(ascii(units, 1), Some(b'x' | b'X')) => {
            let (value, end) = number(units, 2, 16, 4..=8)?;
            (ascii(units, end) == Some(b'_')).then_some((Some(value), end + 1))
        }
        _ => None,
    }
}

/// The character that browsers take a reference to this code point for.
pub(super) fn referenced(code_point: u32) -> u32 {
    match code_point {
        0x80..=0x9f => WINDOWS[code_point as usize - 0x80],
        other => other,
    }
}

fn named(units: &[u32]) -> Decoded {
    const LONGEST: usize = 16;
    let mut name = String::with_capacity(LONGEST);
    while let Some(byte) = ascii(units, 1 + name.len()).filter(u8::is_ascii_alphanumeric) {
        if name.len() == LONGEST {
            break;
        }
        name.push(char::from(byte));
    }
    let meant = |name: &str| {
        let at = NAMES.binary_search_by_key(&name, |(name, _)| name).ok()?;
        Some(Some(u32::from(NAMES[at].1)))
    };
    if ascii(units, 1 + name.len()) == Some(b';')
        && let Some(meant) = meant(&name)
    {
        return Some((meant, name.len() + 2));
    }
    (2..=name.len()).rev().find_map(|length| {
        let name = &name[..length];
        WITHOUT_SEMICOLON.binary_search(&name).ok()?;
        Some((meant(name)?, length + 1))
    })
}

fn backslash(units: &[u32]) -> Decoded {
    if ascii(units, 0)? != b'\\' {
        return None;
    }
    let braced = || {
        let (value, end) = number(units, 3, 16, 1..=8)?;
        let whole = ascii(units, 2) == Some(b'{') && ascii(units, end) == Some(b'}');
        whole.then_some((value, end + 1))
    };
    let Some(next) = ascii(units, 1) else {
        // What needs no escape, as some regular expressions quote it.
        return units.get(1).map(|unit| (Some(*unit), 2));
    };
    let coded = match next {
        b'u' => number(units, 2, 16, 4..=4).or_else(braced),
        b'x' => number(units, 2, 16, 2..=2).or_else(braced),
        b'U' => number(units, 2, 16, 8..=8),
        b'0'..=b'7' => number(units, 1, 8, 1..=3).filter(|(value, _)| *value <= 0xff),
        _ => None,
    };
    Some(match (coded, next) {
        (Some((value, end)), _) => (Some(value), end),
        (None, b'\n') => (None, 2),
        (None, b'a' | b'b' | b'e' | b'f' | b'n' | b'r' | b't' | b'v') => (Some(u32::from(b' ')), 2),
        (None, other) => (Some(u32::from(other)), 2),
    })
}

fn percent(units: &[u32]) -> Decoded {
    if ascii(units, 0)? != b'%' {
        return None;
    }
    let (value, end) = match ascii(units, 1)? {
        b'u' | b'U' => number(units, 2, 16, 4..=4)?,
        _ => number(units, 1, 16, 2..=2)?,
    };
    Some((Some(value), end))
}

fn quoted_printable(units: &[u32]) -> Decoded {
    if ascii(units, 0)? != b'=' {
        return None;
    }
    match (ascii(units, 1)?, ascii(units, 2)) {
        (b'\n', _) => Some((None, 2)),
        (b'\r', Some(b'\n')) => Some((None, 3)),
        _ => number(units, 1, 16, 2..=2).map(|(value, end)| (Some(value), end)),
    }
}

pub(super) fn utf8(units: &[u32]) -> Decoded {
    let lead = byte(*units.first()?)?;
    let (mut value, more) = match lead {
        0xc2..=0xdf => (lead & 0x1f, 1),
        0xe0..=0xef => (lead & 0x0f, 2),
        0xf0..=0xf4 => (lead & 0x07, 3),
        _ => return None,
    };
    for unit in units.get(1..=more)? {
        let next = byte(*unit).filter(|byte| byte & 0xc0 == 0x80)?;
        value = value << 6 | next & 0x3f;
    }
    char::from_u32(value).map(|_| (Some(value), 1 + more))
}

// The byte that latin-1 or Windows-1252 shows so, if it is none of ASCII.
fn byte(unit: u32) -> Option<u32> {
    match unit {
        0x80..=0xff => Some(unit),
        0x100.. => (0x80..)
            .zip(WINDOWS)
            .find(|(_, shown)| *shown == unit)
            .map(|(byte, _)| byte),
        _ => None,
    }
}

// What Windows-1252 has where latin-1 has control characters.
const WINDOWS: [u32; 32] = [
    0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152,
    0x8d, 0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161,
    0x203a, 0x0153, 0x9d, 0x017e, 0x0178,
];

fn ascii(units: &[u32], at: usize) -> Option<u8> {
    let byte = u8::try_from(*units.get(at)?).ok()?;
    byte.is_ascii().then_some(byte)
}

// A code point or UTF-16 unit in a number of digits, and where it ends.
fn number(
    units: &[u32],
    from: usize,
    radix: u32,
    digits: std::ops::RangeInclusive<usize>,
) -> Option<(u32, usize)> {
    let (mut value, mut at) = (0_u32, from);
    while at - from < *digits.end()
        && let Some(digit) = ascii(units, at).and_then(|byte| char::from(byte).to_digit(radix))
    {
        value = value.saturating_mul(radix).saturating_add(digit);
        at += 1;
    }
    (at - from >= *digits.start() && value <= 0x10_ffff).then_some((value, at))
}
