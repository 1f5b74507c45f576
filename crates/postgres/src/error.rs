//! What goes wrong with a database.

use std::error::Error;
use std::fmt;

use tokio_postgres::error::SqlState;

/// The error of a database that cannot be used now, or that refused a statement. Holds no parameter of a statement
/// and no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseError {
    message: String,
    cause: Cause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// It cannot be reached, or used, for a while.
    Unreachable,
    /// It cannot be used until its configuration or this program's is corrected.
    Misconfigured,
    /// It refused this statement.
    Refused,
}

impl DatabaseError {
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Cause::Unreachable, message)
    }

    pub(crate) fn misconfigured(message: impl Into<String>) -> Self {
        Self::new(Cause::Misconfigured, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Cause::Refused, message)
    }

    fn new(cause: Cause, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { message, cause }
    }

    /// Whether the database is gone, so that the same may succeed later. Otherwise its configuration or this program's
    /// needs a correction, or it refused a statement.
    pub fn is_unreachable(&self) -> bool {
        self.cause == Cause::Unreachable
    }

    #[cfg(feature = "sidecar")]
    pub(crate) fn is_misconfigured(&self) -> bool {
        self.cause == Cause::Misconfigured
    }

    /// The same error after these words.
    pub(crate) fn after(&self, words: &str) -> Self {
        Self::new(self.cause, format!("{words}: {}", self.message))
    }
}

// By its class: the first two characters.
fn cause(state: &SqlState) -> Cause {
    match state.code().get(..2).unwrap_or_default() {
        // The statement took too long; others may not.
        _ if *state == SqlState::QUERY_CANCELED => Cause::Refused,
        // A primary that has become a standby.
        _ if *state == SqlState::READ_ONLY_SQL_TRANSACTION => Cause::Unreachable,
        // Connections, rollbacks, resources, shutdowns, and the operating system.
        "08" | "40" | "53" | "57" | "58" => Cause::Unreachable,
        // Logins, databases, schemas; tables and rights.
        "28" | "3D" | "3F" | "42" => Cause::Misconfigured,
        _ => Cause::Refused,
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for DatabaseError {}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        // The details of a server's error may quote a row.
        if let Some(refusal) = error.as_db_error() {
            let message = format!("PostgreSQL says: {}", refusal.message());
            return Self::new(cause(refusal.code()), message);
        }
        let mut message = error.to_string();
        // The client has no other way to tell them from a server that is gone.
        let is_misconfigured = ["invalid configuration", "authentication error"].contains(&message.as_str());
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        if is_misconfigured {
            Self::misconfigured(message)
        } else {
            Self::unreachable(message)
        }
    }
}

/// The error for settings of a database that cannot be used, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSettings(pub(crate) String);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for InvalidSettings {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_of_the_server_is_judged_by_its_class() {
        for (code, expected) in [
            ("57P01", Cause::Unreachable),
            ("57P03", Cause::Unreachable),
            ("53300", Cause::Unreachable),
            ("25006", Cause::Unreachable),
            ("28P01", Cause::Misconfigured),
            ("3D000", Cause::Misconfigured),
            ("42501", Cause::Misconfigured),
            ("57014", Cause::Refused),
            ("23514", Cause::Refused),
            ("XX001", Cause::Refused),
        ] {
            assert_eq!(cause(&SqlState::from_code(code)), expected, "{code}");
        }
    }
}
