//! What goes wrong with a database.

use std::error::Error;
use std::fmt;

/// The error of a database that cannot be used now, or that refused a statement. Holds no parameter of a statement
/// and no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseError(pub(crate) String);

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for DatabaseError {}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        // The details of a server's error may quote a row.
        if let Some(refusal) = error.as_db_error() {
            return Self(format!("PostgreSQL says: {}", refusal.message()));
        }
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self(message)
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
