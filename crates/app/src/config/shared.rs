//! `[shared]`: the state that several processes share.

use std::path::Path;

use serde::Serialize;

use super::provider::Tls;
use super::section::Section;
use crate::secrets::SecretRef;

/// State that several processes share, so that they act as one.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SharedConfig {
    /// The database that holds it.
    pub postgres: PostgresConfig,
    /// The secret of the hashes of idempotency keys: 32 bytes or more, the same for every process.
    pub idempotency_secret: SecretRef,
}

/// A PostgreSQL database.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PostgresConfig {
    /// Its URL, which may hold a password.
    pub url: SecretRef,
    /// Certificates. TLS is required except on Unix sockets and loopback addresses.
    #[serde(skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// The schema that holds the tables.
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
    let idempotency_secret = section.required_secret("idempotency_secret", folder);
    section.finish();
    Some(SharedConfig {
        postgres: postgres?,
        idempotency_secret,
    })
}
