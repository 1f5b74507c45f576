//! A name that stands for no service.

use std::fmt;

/// The error for a provider that is not configured, or that was not chosen among several. `Debug` is the sentence
/// too, for a `main` that returns it.
#[derive(Clone, PartialEq, Eq)]
pub struct UnknownProvider {
    asked: Option<String>,
    configured: Vec<String>,
}

impl UnknownProvider {
    /// Creates the error: the provider `asked` is not among the `configured` names.
    pub fn new<'a>(asked: Option<&str>, configured: impl Iterator<Item = &'a str>) -> Self {
        Self {
            asked: asked.map(str::to_owned),
            configured: configured.map(str::to_owned).collect(),
        }
    }

    /// The names of the configured providers.
    pub fn configured(&self) -> &[String] {
        &self.configured
    }
}

impl fmt::Display for UnknownProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let configured = self.configured.join(", ");
        let Some(asked) = &self.asked else {
            return write!(
                f,
                "no provider was chosen (`-p` on the command line) and there is no `default_provider`; configured: {configured}"
            );
        };
        let hint = crate::config::did_you_mean(asked, self.configured.iter().map(String::as_str));
        let separator = if hint.is_empty() { ";" } else { "" };
        write!(
            f,
            "no provider is called `{}`{hint}{separator} configured: {configured}",
            asked.escape_debug()
        )
    }
}

impl fmt::Debug for UnknownProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for UnknownProvider {}
