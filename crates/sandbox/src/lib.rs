//! Emulates Zoom and a UiPath identity portal over real HTTP on one listener, with a ledger of every password change
//! that was applied.
//!
//! The ledger is an oracle: the only function that sets a password appends the entry in the same critical section. What
//! a client believes never enters it.
//!
//! Behavior that the providers do not document is an option in [`Options`], with the likeliest behavior as the default.
//! Passwords in the sandbox are made up; the ledger still contains only keyed fingerprints.
//!
//! # Control routes
//!
//! Under `/_sandbox`, in JSON, without a token. They are never counted and exempt from faults.
//!
//! | route | does |
//! | --- | --- |
//! | `GET ledger` | [`Ledger`]: every password that was set, and the counts per user |
//! | `POST verify` | `{"provider","user","password"}` → `{"current":true}` when that is the current password |
//! | `GET requests` | [`Requests`]: the received requests by route and status |
//! | `POST faults` | arms a [`Fault`]; `GET` lists the armed ones, `DELETE` disarms them |
//! | `POST connections` | `{"close_next":3}` closes connections when accepted, `{"refuse_ms":500}` stops listening |
//! | `POST revoke-tokens` | `{"provider":"zoom"}` revokes every issued token |
//! | `POST clock` | `{"advance_seconds":60}` advances the clock of token lifetimes, caps, lockouts and rate limits |
//! | `POST reset` | restores the initial state, except the clock |
//!
//! A fault that applies a change and then loses the response:
//! `{"match":{"user":"alice@example.com","nth":2,"times":1},"action":{"when":"after-apply","cut":{"at":"answer","how":"rst"}}}`.
//!
//! # Example
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use repass_sandbox::{Provider, Sandbox};
//!
//! let sandbox = Sandbox::start().await?;
//! assert!(sandbox.zoom_base_url().ends_with("/v2"));
//! assert!(sandbox.accepts(Provider::Zoom, "alice@example.com", "Alice-Start-7"));
//! assert!(sandbox.ledger().changes.is_empty());
//! sandbox.shutdown().await;
//! # Ok::<(), repass_sandbox::StartError>(())
//! # }).unwrap();
//! ```

mod clock;
mod control;
mod directory;
mod exchange;
mod faults;
mod faulty_stream;
mod fingerprint;
mod fixtures;
mod identity;
mod ledger;
mod limits;
mod listener_faults;
mod message;
mod options;
mod request_counters;
mod response_progress;
mod router;
mod sandbox;
mod server;
mod shared;
mod startup_info;
mod tls;
mod tokens;
mod word_enum;
mod zoom;

pub use directory::{
    Directory, DirectoryChange, DirectoryCut, DirectoryFault, DirectoryKind, DirectoryOperation,
    DirectoryOptions, DirectoryResponse, DirectoryTexts,
};
pub use faults::{
    Action, CannedResponse, Cut, CutKind, CutPoint, Drip, Fault, FaultError, RequestMatcher, Timing,
};
pub use fixtures::numbered_password;
pub use ledger::{Change, Ledger, Operation, Total};
pub use options::{
    BadId, FailureStatus, IdentityIds, IdentityOptions, IdentityRules, JsonTokenRequest, LengthUnit,
    LicenseRefusal, Lockout, MissingScope, NullPassword, OAuthClient, Options, Provider, RetryAfter,
    ScopeStatus, SeedError, SeededUser, SettingsShape, UnknownPath, UnknownUser, ZoomBody, ZoomOptions,
    ZoomPlan, ZoomRules,
};
pub use request_counters::{Requests, RouteCount};
pub use sandbox::{Sandbox, StartError};
pub use startup_info::{IdentityInfo, NumberedExample, NumberedUsers, StartupInfo, UserInfo, ZoomInfo};
pub use word_enum::UnknownWord;
