//! What `--version` tells.

/// Version, commit and features, a line each.
pub(super) const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("REPASS_BUILT_FROM"),
    "\nfeatures: ",
    env!("REPASS_FEATURES"),
);
