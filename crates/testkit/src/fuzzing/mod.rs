//! Laws that hold for any input: a file for each parser of foreign input and each encoder of requests.
//!
//! Each has a `target`, a function that takes any bytes and panics if a law is broken. `fuzz` runs it with coverage
//! guidance; the test `properties` runs it over the seeds in `fuzz/corpus` and over mutations of them, within seconds
//! and on any toolchain.
//!
//! A new target takes a file here, a row in [`TARGETS`], and what `fuzz/README.md` lists.

#![expect(clippy::unwrap_used, reason = "a panic reports a broken law")]

pub mod base_url;
pub mod breach;
pub mod bulk_input;

mod changes;
pub mod config;
mod fake_transport;
mod fields;
pub mod form;
mod forms;
pub mod identity_change;
pub mod identity_lookup;
pub mod identity_reset;
pub mod json;
pub mod ldap_message;
pub mod multipart;
mod outcome;
pub mod password;
pub mod path;

pub mod policy_document;
pub mod profile_update;
pub mod provider_policy;
pub mod raw_response;
pub mod redactor;
pub mod retry_after;
mod shown;
pub mod token_response;
pub mod user_id;
pub mod zoom_password;
pub mod zoom_profile;

/// Takes any bytes and panics if a law is broken.
pub type Target = fn(&[u8]);

/// Every target and its name in `fuzz`.
pub const TARGETS: &[(&str, Target)] = &[
    ("base_url", base_url::target),
    ("breach", breach::target),
    ("bulk_input", bulk_input::target),
    ("config", config::target),
    ("form", form::target),
    ("identity_change", identity_change::target),
    ("identity_lookup", identity_lookup::target),
    ("identity_reset", identity_reset::target),
    ("json", json::target),
    ("ldap_message", ldap_message::target),
    ("multipart", multipart::target),
    ("password", password::target),
    ("path", path::target),
    ("policy_document", policy_document::target),
    ("profile_update", profile_update::target),
    ("provider_policy", provider_policy::target),
    ("retry_after", retry_after::target),
    ("redactor", redactor::target),
    ("token_response", token_response::target),
    ("user_id", user_id::target),
    ("zoom_password", zoom_password::target),
    ("zoom_profile", zoom_profile::target),
];
