//! What `--version` tells.

use serde_json::{Value, json};

// What of the library is built in.
macro_rules! features {
    () => {
        "cli, identity, sandbox, zoom"
    };
}

/// Version, commit and features, a line each.
pub(super) const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("REPASS_BUILT_FROM"),
    "\nfeatures: ",
    features!(),
);

/// The same as a JSON object.
pub(super) fn object() -> Value {
    let features: Vec<&str> = features!().split(", ").collect();
    json!({ "version": env!("CARGO_PKG_VERSION"), "commit": env!("REPASS_BUILT_FROM"), "features": features })
}
