//! What `--version` tells.

use serde_json::{Value, json};

/// Version, commit and features, a line each.
pub(super) const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("REPASS_BUILT_FROM"),
    "\nfeatures: ",
    env!("REPASS_FEATURES"),
);

/// The same as a JSON object.
pub(super) fn object() -> Value {
    let features: Vec<&str> = env!("REPASS_FEATURES").split(", ").collect();
    json!({ "version": env!("CARGO_PKG_VERSION"), "commit": env!("REPASS_BUILT_FROM"), "features": features })
}
