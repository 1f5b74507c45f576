//! Enums that are written and read by a stable code.

use std::fmt;

/// The error for a text that is none of the stable codes, such as those of [`ErrorKind`](crate::ErrorKind). The error
/// does not quote the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownCode {
    pub(crate) subject: &'static str,
}

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {}", self.subject)
    }
}

impl std::error::Error for UnknownCode {}

/// Implements `Display`, `FromStr`, `Serialize` and `Deserialize` with the type's `as_str` and `ALL`.
macro_rules! impl_code {
    ($type:ty, $subject:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownCode;

            fn from_str(code: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.into_iter().find(|known| known.as_str() == code);
                found.ok_or($crate::UnknownCode { subject: $subject })
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code = std::borrow::Cow::<str>::deserialize(deserializer)?;
                code.parse().map_err(|unknown: $crate::UnknownCode| {
                    let known = Self::ALL.map(|known| known.as_str()).join(", ");
                    serde::de::Error::custom(format_args!("{unknown}; it is one of {known}"))
                })
            }
        }
    };
}

pub(crate) use impl_code;
