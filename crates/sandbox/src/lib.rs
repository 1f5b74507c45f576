//! Zoom and a UiPath identity portal, emulated over real HTTP on one listener, with a ledger of every
//! password change that was really applied.
//!
//! The ledger is an oracle: an entry is appended in the same critical section in which the password is set,
//! and by the only function that can set one. What a client believes never enters it.
//!
//! Whatever the providers do not document is a switch in [`Options`], with the likeliest answer as its
//! default. Passwords in here are made up; the ledger still holds keyed fingerprints only.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use repass_sandbox::{Provider, Sandbox};
//!
//! let sandbox = Sandbox::start_default().await?;
//! assert!(sandbox.zoom_base_url().ends_with("/v2"));
//! assert!(sandbox.accepts(Provider::Zoom, "alice@example.com", "Alice-Start-7"));
//! assert!(sandbox.ledger().changes.is_empty());
//! sandbox.shutdown().await;
//! # Ok::<(), repass_sandbox::StartError>(())
//! # }).unwrap();
//! ```

mod switch;

mod announcement;
mod clock;
mod control;
mod exchange;
mod faults;
mod fingerprint;
mod gate;
mod identity;
mod ledger;
mod limits;
mod message;
mod options;
mod people;
mod router;
mod sandbox;
mod server;
mod shared;
mod tls;
mod tokens;
mod traffic;
mod wire;
mod zoom;

pub use announcement::{
    AnnouncedIdentity, AnnouncedUser, AnnouncedZoom, Announcement, NumberedExample, NumberedUsers,
};
pub use faults::{Action, Cut, CutAt, CutHow, Drip, Fault, FaultError, Matching, Respond, When};
pub use ledger::{Change, Ledger, Operation, Total};
pub use options::{
    FailureStatus, IdentityIds, IdentityOptions, IdentityRules, JsonTokenRequest, LengthUnit, LicenseRefusal,
    Lockout, MissingScope, OAuthClient, Options, Provider, RetryAfter, SeedError, SeededUser, SettingsShape,
    UnknownPath, UnknownUser, ZoomBody, ZoomOptions, ZoomPlan, ZoomRules,
};
pub use people::numbered_password;
pub use sandbox::{Sandbox, StartError};
pub use switch::UnknownName;
pub use traffic::{Requests, RouteCount};
