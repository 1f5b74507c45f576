//! Characters that a person cannot see or type.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// The class of a character that cannot be seen or typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CharClass {
    LineBreak,
    Tab,
    Control,
    ByteOrderMark,
    TextDirection,
    Invisible,
    Blank,
    Replacement,
    Private,
    Unassigned,
}

impl CharClass {
    /// The class of `c`; `None` if a login form accepts it.
    pub(crate) fn of(c: char) -> Option<Self> {
        if (' '..='~').contains(&c) {
            return None;
        }
        Some(match c {
            '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Self::LineBreak,
            '\t' => Self::Tab,
            '\u{feff}' => Self::ByteOrderMark,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                Self::TextDirection
            }
            // Letters, marks and symbols by general category, but invisible.
            '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2065}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e0fff}' => Self::Invisible,
            '\u{2800}' => Self::Blank,
            '\u{fffc}' | '\u{fffd}' => Self::Replacement,
            _ => match c.general_category() {
                GeneralCategory::Control => Self::Control,
                GeneralCategory::Format => Self::Invisible,
                GeneralCategory::SpaceSeparator => Self::Blank,
                GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => Self::LineBreak,
                GeneralCategory::PrivateUse => Self::Private,
                GeneralCategory::Unassigned | GeneralCategory::Surrogate => Self::Unassigned,
                _ => return None,
            },
        })
    }

    /// The name of the character in messages. Never the character itself, which could reverse the direction of a line.
    pub(crate) fn name(c: char) -> String {
        let name = match Self::of(c) {
            Some(Self::LineBreak) => "a line break",
            Some(Self::Tab) => "a tab",
            Some(Self::Control) if c == '\u{1b}' => "an escape character",
            Some(Self::Control) => "a control character",
            Some(Self::ByteOrderMark) => "a byte order mark",
            Some(Self::TextDirection) => "a character that sets the direction of text",
            Some(Self::Invisible) => "an invisible character",
            Some(Self::Blank) if matches!(c, '\u{a0}' | '\u{202f}') => "a no-break space",
            Some(Self::Blank) => "a blank other than the space",
            Some(Self::Replacement) => "a replacement character",
            Some(Self::Private) => "a private-use character",
            Some(Self::Unassigned) => "an unassigned character",
            None => "a character",
        };
        match c {
            '\n' | '\r' | '\t' => name.to_owned(),
            _ => format!("{name} (U+{:04X})", u32::from(c)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untypeable_characters_have_names() {
        for (c, name) in [
            ('\n', "a line break"),
            ('\r', "a line break"),
            ('\u{85}', "a line break (U+0085)"),
            ('\u{2028}', "a line break (U+2028)"),
            ('\u{2029}', "a line break (U+2029)"),
            ('\t', "a tab"),
            ('\u{7}', "a control character (U+0007)"),
            ('\u{1b}', "an escape character (U+001B)"),
            ('\u{7f}', "a control character (U+007F)"),
            ('\u{9b}', "a control character (U+009B)"),
            ('\u{a0}', "a no-break space (U+00A0)"),
            ('\u{202f}', "a no-break space (U+202F)"),
            ('\u{3000}', "a blank other than the space (U+3000)"),
            ('\u{2003}', "a blank other than the space (U+2003)"),
            ('\u{2800}', "a blank other than the space (U+2800)"),
            ('\u{feff}', "a byte order mark (U+FEFF)"),
            ('\u{ad}', "an invisible character (U+00AD)"),
            ('\u{200b}', "an invisible character (U+200B)"),
            ('\u{200d}', "an invisible character (U+200D)"),
            ('\u{2060}', "an invisible character (U+2060)"),
            ('\u{180e}', "an invisible character (U+180E)"),
            ('\u{3164}', "an invisible character (U+3164)"),
            ('\u{fe0f}', "an invisible character (U+FE0F)"),
            ('\u{e0041}', "an invisible character (U+E0041)"),
            ('\u{202e}', "a character that sets the direction of text (U+202E)"),
            ('\u{2067}', "a character that sets the direction of text (U+2067)"),
            ('\u{61c}', "a character that sets the direction of text (U+061C)"),
            ('\u{fffd}', "a replacement character (U+FFFD)"),
            ('\u{e000}', "a private-use character (U+E000)"),
            ('\u{10fffd}', "a private-use character (U+10FFFD)"),
            ('\u{fdd0}', "an unassigned character (U+FDD0)"),
            ('\u{ffff}', "an unassigned character (U+FFFF)"),
            ('\u{378}', "an unassigned character (U+0378)"),
        ] {
            assert!(CharClass::of(c).is_some(), "{name}");
            assert_eq!(CharClass::name(c), name);
        }
    }

    #[test]
    fn characters_of_keyboards_are_typeable() {
        let typed = (' '..='~').chain("äÄßéñçø€£§°·¿¡µ«»„“”’–—…жЖяאبकกあア漢한🔑🇺🇳👍🏽½²∞e\u{301}".chars());
        for c in typed {
            assert_eq!(CharClass::of(c), None, "{:?}", c.escape_unicode().to_string());
        }
    }
}
