//! The caller's own rules at one provider, by whose right and for which new passwords: what can be set, and how it
//! is read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use repass_domain::{PasswordPolicy, Preset, Rule};
use serde::Serialize;
use validator::Validate;

use super::problem::Problems;
use super::provider::{as_text, is_base_url, is_some_time, note};
use super::section::{Section, Shape};

/// The caller's own rules for changes at one provider, on top of the provider's.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct LocalRules {
    /// The only mode of change that is allowed; without it, every mode that the provider supports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Allow>,
    /// The caller's rules for new passwords, checked before anything is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<LocalPolicyConfig>,
    /// The breached-password service to ask about new passwords. Without it no service is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breach: Option<Breach>,
}

/// The only mode of change that the caller allows, where the provider supports more. All else is refused as
/// [`Unsupported`](repass_domain::ErrorKind::Unsupported) before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Allow {
    /// `change`: only by the user, with the current password. No administrator's reset.
    Change,
    /// `reset`: only by an administrator. No change by users with the current password.
    Reset,
}

/// The caller's rules for new passwords: the keys of [`PasswordPolicy`], and a list of passwords to refuse.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct LocalPolicyConfig {
    /// The rules for new passwords, other than the list of passwords to refuse.
    #[serde(flatten)]
    pub rules: PasswordPolicy,
    /// Passwords to refuse as [`Rule::NotCommon`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocklist: Option<BlocklistFile>,
}

impl LocalPolicyConfig {
    /// Creates a local policy of these rules, without a list of passwords to refuse.
    pub fn new(rules: PasswordPolicy) -> Self {
        Self {
            rules,
            blocklist: None,
        }
    }
}

/// A file of passwords to refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlocklistFile {
    /// The path of the file of passwords to refuse.
    pub file: PathBuf,
    /// What a line of the file is: a password or a hash.
    pub format: BlocklistFormat,
}

/// What a line of a [`BlocklistFile`] is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BlocklistFormat {
    /// `plain`: each line is a password as it is; case does not matter.
    #[default]
    Plain,
    /// `sha1`: each line is the hexadecimal SHA-1 hash of a password, with or without `:COUNT` behind it.
    Sha1,
}

/// A breached-password service that is asked by the range protocol. It gets the first five digits of a password's
/// hash, and answers with all that it knows under them.
#[derive(Debug, Clone, Validate, Serialize)]
#[non_exhaustive]
pub struct Breach {
    /// The URL of the breached-password service, without `/range`: https, or http to this machine.
    #[validate(custom(function = is_base_url))]
    pub url: String,
    /// The time limit for asking the breached-password service about one password.
    #[validate(custom(function = is_some_time))]
    #[serde(serialize_with = "as_text")]
    pub timeout: Duration,
    /// Whether a change is made when the breached-password service cannot be asked.
    pub on_failure: OnFailure,
}

impl Breach {
    /// Creates the settings of the service at this base URL, without `/range`: two seconds to answer, and no change
    /// without an answer.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: Duration::from_secs(2),
            on_failure: OnFailure::default(),
        }
    }
}

/// What happens to a change when the breached-password service cannot be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnFailure {
    /// The change is made without the check.
    Allow,
    /// The change is refused.
    #[default]
    Refuse,
}

impl LocalRules {
    pub(super) fn check(&self, path: &str, problems: &Problems) {
        if let Some(breach) = &self.breach {
            note(problems, &format!("{path}.breach"), breach.validate());
        }
        let Some(policy) = &self.policy else { return };
        let asks_for = |wanted: &Rule| policy.rules.rules().any(|(rule, _)| rule == wanted);
        // A rule that no one judges would only seem to be kept.
        if asks_for(&Rule::NotCommon) && policy.blocklist.is_none() {
            problems.add(
                &format!("{path}.policy"),
                "asks for passwords that are not common, but gives no `blocklist` of those that are; add one, or set \
                 `not_common = false`",
            );
        }
        if asks_for(&Rule::NotBreached) && self.breach.is_none() {
            problems.add(
                &format!("{path}.policy.not_breached"),
                format!("needs a section [{path}.breach] that says whom to ask"),
            );
        }
    }
}

// The document's keys, but for `preset`, `counting` and `generate`.
const RULES: &[(&str, Shape)] = &[
    ("min_length", Shape::Number),
    ("max_length", Shape::Number),
    ("letter", Shape::Flag),
    ("digit", Shape::Flag),
    ("uppercase", Shape::Flag),
    ("lowercase", Shape::Flag),
    ("mixed_case", Shape::Flag),
    ("special", Shape::Flag),
    ("distinct_characters", Shape::Number),
    ("not_one_character", Shape::Flag),
    ("no_consecutive_run", Shape::NumberOrFlag),
    ("not_common", Shape::Flag),
    ("not_breached", Shape::Flag),
    ("not_current", Shape::Flag),
    ("not_recent", Shape::NumberOrFlag),
    ("changes_per_day", Shape::Flag),
    ("other", Shape::Texts),
    ("approximate", Shape::Texts),
    ("provider_only", Shape::Texts),
];
const COUNTINGS: &[(&str, &str)] = &[
    ("code-points", "code-points"),
    ("nfc", "nfc"),
    ("asp-net", "asp-net"),
    ("unpublished", "unpublished"),
];

pub(super) fn read(section: &mut Section<'_>, folder: &Path, problems: &Problems) -> LocalRules {
    let choices = [("change", Allow::Change), ("reset", Allow::Reset)];
    LocalRules {
        allow: section.choice("allow", &choices),
        policy: section
            .section("policy")
            .and_then(|section| policy(section, folder, problems)),
        breach: section.section("breach").map(breach),
    }
}

// The shapes are judged here, key by key; what they mean together is for the policy to say.
fn policy(mut section: Section<'_>, folder: &Path, problems: &Problems) -> Option<LocalPolicyConfig> {
    let mut document = serde_json::Map::new();
    let presets = Preset::ALL.map(|preset| (preset.name(), preset.name()));
    for (key, choices) in [("preset", &presets[..]), ("counting", COUNTINGS)] {
        if let Some(word) = section.choice(key, choices) {
            document.insert(key.to_owned(), word.into());
        }
    }
    section.take(RULES, &mut document);
    if let Some(mut generate) = section.section("generate") {
        let mut inner = serde_json::Map::new();
        generate.take(
            &[("length", Shape::Number), ("alphabet", Shape::Text)],
            &mut inner,
        );
        generate.finish();
        document.insert("generate".to_owned(), inner.into());
    }
    let blocklist = section
        .section("blocklist")
        .map(|section| blocklist(section, folder));
    let path = section.path().to_owned();
    section.finish();
    if problems.any_under(&path) {
        return None;
    }
    let rules: PasswordPolicy = problems.keep(&path, serde_json::from_value(document.into()))?;
    Some(LocalPolicyConfig { rules, blocklist })
}

fn blocklist(mut section: Section<'_>, folder: &Path) -> BlocklistFile {
    let formats = [("plain", BlocklistFormat::Plain), ("sha1", BlocklistFormat::Sha1)];
    let file = section.required_text("file");
    let format = section.choice("format", &formats).unwrap_or_default();
    section.finish();
    BlocklistFile {
        file: folder.join(file),
        format,
    }
}

fn breach(mut section: Section<'_>) -> Breach {
    let mut breach = Breach::new(section.required_text("url"));
    if let Some(timeout) = section.duration("timeout") {
        breach.timeout = timeout;
    }
    let choices = [("allow", OnFailure::Allow), ("refuse", OnFailure::Refuse)];
    if let Some(on_failure) = section.choice("on_failure", &choices) {
        breach.on_failure = on_failure;
    }
    section.finish();
    breach
}
