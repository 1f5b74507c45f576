//! What is the same to a reader: letter case, accents, ways to compose them, kinds of blanks and quotes.

use unicode_normalization::char::{canonical_combining_class, decompose_compatible};

use super::view::{GAP, Span, View};

/// Three foldings of one view, in this order: blanks as one kind; without blanks; letters and digits only.
/// The later ones find what stands apart, or with other marks in between.
#[derive(Default)]
pub(super) struct Folded([View; 3]);

impl Folded {
    pub(super) const BLANKS_KEPT: usize = 0;
    pub(super) const WITHOUT_BLANKS: usize = 1;
    pub(super) const LETTERS: usize = 2;

    pub(super) fn fill(&mut self, view: &View) {
        self.0.iter_mut().for_each(|folded| folded.clear_for(view.len()));
        for (at, unit) in view.units().iter().enumerate() {
            self.fold(*unit, view.span(at..at + 1));
        }
    }

    /// Each with its number, the ones that say nothing new left out.
    pub(super) fn views(&self) -> impl Iterator<Item = (usize, &View)> {
        let news = |at: usize| at == 0 || self.0[at].len() < self.0[at - 1].len();
        self.0.iter().enumerate().filter(move |(at, _)| news(*at))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0[0].len() == 0
    }

    fn fold(&mut self, unit: u32, span: Span) {
        match u8::try_from(unit) {
            // Between the bytes of UTF-16.
            Ok(0) => self.belongs_to_last(span),
            Ok(byte) if byte.is_ascii() => self.push(u32::from(byte.to_ascii_lowercase()), span),
            _ => match char::from_u32(unit) {
                Some(character) if is_ignorable(character) => self.belongs_to_last(span),
                Some(character) => decompose_compatible(character, |part| self.fold_part(part, span)),
                None => self.push(unit, span),
            },
        }
    }

    fn fold_part(&mut self, part: char, span: Span) {
        if canonical_combining_class(part) != 0 {
            return self.belongs_to_last(span);
        }
        let part = match part {
            '‘' | '’' | '‚' | '‛' | '′' => '\'',
            '“' | '”' | '„' | '‟' | '″' => '"',
            '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => '-',
            '⁄' | '∕' => '/',
            // What a decoder puts in the place of what it cannot read.
            char::REPLACEMENT_CHARACTER => '?',
            other => other,
        };
        // By upper case, because `ß` and `SS` are reported apart in lower case only.
        for lower in part.to_uppercase().flat_map(char::to_lowercase) {
            self.push(u32::from(lower), span);
        }
    }

    fn push(&mut self, unit: u32, span: Span) {
        let character = char::from_u32(unit);
        let is_blank = character.is_some_and(|c| c.is_whitespace() || c.is_control());
        let [all, joined, letters] = &mut self.0;
        all.push(if is_blank { u32::from(' ') } else { unit }, span);
        if !is_blank {
            joined.push(unit, span);
        }
        if unit == GAP || character.is_some_and(char::is_alphanumeric) {
            letters.push(unit, span);
        }
    }

    fn belongs_to_last(&mut self, span: Span) {
        self.0.iter_mut().for_each(|view| view.extend_to(span.1));
    }
}

// Unicode's `Default_Ignorable_Code_Point`, and the marks of reading order.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}
