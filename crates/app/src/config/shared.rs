//! `[shared]`: the state that several processes share.

use std::path::Path;

use serde::Serialize;

use super::provider::Tls;
use super::section::Section;
use crate::secrets::SecretRef;

/// The settings of state that several processes share, so that they act as one.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SharedConfig {
    /// The database that holds the shared state.
    pub postgres: PostgresConfig,
    /// The secret for hashing idempotency keys and users: 32 bytes or more, the same for every process.
    pub secret: SecretRef,
}

/// How to reach a PostgreSQL database.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PostgresConfig {
    /// Where the URL of the database comes from; it may hold a password.
    pub url: SecretRef,
    /// The certificate authorities to trust. TLS is required except on Unix sockets and loopback addresses.
    #[serde(skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// The database schema that holds the tables.
    pub schema: String,
}

pub(super) fn read(mut section: Section<'_>, folder: &Path) -> Option<SharedConfig> {
    let postgres = section.section("postgres").map(|mut postgres| {
        let url = postgres.required_secret("url", folder);
        let mut tls = Tls::default();
        if let Some(mut section) = postgres.section("tls") {
            tls.ca_file = section.file("ca_file", folder);
            section.finish();
        }
        let schema = postgres.text("schema");
        postgres.finish();
        PostgresConfig {
            url,
            tls,
            schema: schema.unwrap_or_else(|| repass_postgres::Settings::DEFAULT_SCHEMA.to_owned()),
        }
    });
    if postgres.is_none() {
        section.is_missing("postgres", "; it says where the state is");
    }
    let secret = section.required_secret("secret", folder);
    section.finish();
    Some(SharedConfig {
        postgres: postgres?,
        secret,
    })
}
