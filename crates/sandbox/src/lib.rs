//! Zoom and a UiPath identity portal, emulated over real HTTP on one listener, with a ledger of every
//! password change that was really applied.
//!
//! The ledger is an oracle: an entry is appended in the same critical section in which the password is set,
//! and by the only function that can set one. What a client believes never enters it.
//!
//! Whatever the providers do not document is a switch in [`Options`], with the likeliest answer as its
//! default. Passwords in here are made up; the ledger still holds keyed fingerprints only.
//!
//! # Control routes
//!
//! Under `/_sandbox`, without a token, in JSON; they are never counted and never struck by a fault.
//!
//! | route | does |
//! | --- | --- |
//! | `GET ledger` | [`Ledger`]: every password really set, and how often whose |
//! | `POST verify` | `{"provider","user","password"}` → `{"current":true}` when that is the current password |
//! | `GET requests` | [`Requests`]: what has arrived, by route and status |
//! | `POST faults` | arms a [`Fault`]; `GET` lists the armed ones, `DELETE` disarms them |
//! | `POST connections` | `{"close_next":3}` closes connections when accepted, `{"refuse_ms":500}` stops listening |
//! | `POST revoke-tokens` | `{"provider":"zoom"}` ends every issued token |
//! | `POST clock` | `{"advance_seconds":60}` moves the clock that lifetimes, caps, lock-outs and limits follow |
//! | `POST reset` | everything back to the start, but for the clock |
//!
//! A fault that applies a change and then loses the answer:
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
