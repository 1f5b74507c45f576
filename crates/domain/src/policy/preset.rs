//! Published password policies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Counting, PasswordPolicy, PolicyBuilder};
use crate::Rule;

/// A published password policy that is built in, such as Zoom's or NIST's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Preset {
    /// `zoom-default`: the minimum for every Zoom login with a work e-mail address. It asks for 8 to 31 characters (32 in
    /// some of its documents, hence approximate), letter, digit, both cases, not one character throughout, no run
    /// such as `abcdef` (other runs are not documented, hence approximate). An account can require more.
    #[serde(rename = "zoom-default")]
    ZoomDefault,
    /// `uipath-default`: a new identity portal. 8 characters, lower case, digit; counted like ASP.NET Core. Whether recent
    /// passwords are rejected is a setting of the portal.
    #[serde(rename = "uipath-default")]
    UipathDefault,
    /// `aspnet-default`: the defaults of ASP.NET Core Identity. 6 characters, digit, both cases, special character.
    #[serde(rename = "aspnet-default")]
    AspnetDefault,
    /// `nist-800-63b-4`: NIST SP 800-63B-4 for a password that is the only factor. 15 characters after NFC, no rules about
    /// character classes, a blocklist (attach one: none is built in). With a second factor set `min_length = 8`. It has
    /// no maximum: the publication requires verifiers to accept at least 64 characters, and sets no limit.
    #[serde(rename = "nist-800-63b-4")]
    Nist80063b4,
}

impl Preset {
    /// Every published password policy that is built in.
    pub const ALL: [Self; 4] = [
        Self::ZoomDefault,
        Self::UipathDefault,
        Self::AspnetDefault,
        Self::Nist80063b4,
    ];

    /// The preset's name in configurations and other documents, such as `zoom-default`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZoomDefault => "zoom-default",
            Self::UipathDefault => "uipath-default",
            Self::AspnetDefault => "aspnet-default",
            Self::Nist80063b4 => "nist-800-63b-4",
        }
    }

    /// A policy builder with the preset's rules.
    pub fn builder(self) -> PolicyBuilder {
        let policy = PasswordPolicy::builder();
        match self {
            Self::ZoomDefault => policy
                .counting(Counting::Unpublished)
                .exact([Rule::MinLength(8), Rule::Letter, Rule::Digit, Rule::MixedCase])
                .exact([Rule::NotOneCharacter])
                .approximate([Rule::MaxLength(31), Rule::NoConsecutiveRun(Some(5))])
                .provider_only([Rule::NotCurrent, Rule::NotRecent(None), Rule::ChangesPerDay]),
            Self::UipathDefault => policy
                .counting(Counting::AspNet)
                .exact([Rule::MinLength(8), Rule::Lowercase, Rule::Digit])
                .provider_only([Rule::NotRecent(None)]),
            Self::AspnetDefault => policy
                .counting(Counting::AspNet)
                .exact([Rule::MinLength(6), Rule::Digit, Rule::Uppercase, Rule::Lowercase])
                .exact([Rule::Special]),
            Self::Nist80063b4 => policy
                .counting(Counting::Nfc)
                .exact([Rule::MinLength(15), Rule::NotCommon]),
        }
    }
}

impl From<Preset> for PasswordPolicy {
    fn from(preset: Preset) -> Self {
        preset.builder().build().expect("published rules can be met")
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|preset| preset.name() == name).ok_or(UnknownPreset(()))
    }
}

/// The error for a name that no [`Preset`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPreset(());

impl fmt::Display for UnknownPreset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Preset::ALL.map(Preset::name).join(", ");
        write!(f, "unknown preset; known presets: {names}")
    }
}

impl std::error::Error for UnknownPreset {}
