//! Enums that are written as kebab-case words in flags, configuration files and JSON.

use std::fmt;

/// The error for a word that names no variant of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    pub(crate) given: String,
    pub(crate) known: &'static [&'static str],
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is none of {}", self.given, self.known.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

/// Declares an enum with one word per variant, and `FromStr`, `Display` and serde in terms of those words.
macro_rules! word_enum {
    (
        $(#[$doc:meta])*
        $name:ident { $( $(#[$variant_doc:meta])* $variant:ident = $word:literal ),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $( $(#[$variant_doc])* #[serde(rename = $word)] $variant ),+
        }

        impl $name {
            /// Every word that [`FromStr`](std::str::FromStr) accepts, in the order of the variants.
            pub const NAMES: &'static [&'static str] = &[$($word),+];

            /// The word that stands for this variant in flags, files and JSON.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::word_enum::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $( $word => Ok(Self::$variant), )+
                    _ => Err($crate::word_enum::UnknownWord { given: word.to_owned(), known: Self::NAMES }),
                }
            }
        }
    };
}
pub(crate) use word_enum;
