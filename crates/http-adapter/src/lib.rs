//! Password changes at any HTTP API that a table describes: a look-up that is compared, one request with the password
//! in its body, and rows that say what a response means. The tables of well-known providers come with it.
//!
//! Nothing is guessed: *applied* and *not applied* are what a row says of this status and this body, and what no row
//! describes is *unknown*. A table that could report a wrong outcome or put a password where it is logged is refused
//! when it is loaded, with the reason.

mod condition;
mod discovery;
mod errors;
mod jwt;
mod kind;
mod lint;
mod login;
mod lookup;
mod presets;
mod request;
mod row;
mod service;
mod settings;
mod table;
mod template;
mod timestamp;
mod token;

pub use jwt::{InvalidKey, SigningKey};
pub use presets::PRESET_NAMES;
pub use service::HttpService;
pub use settings::HttpSettings;
pub use table::{Table, TableProblem};
pub use token::{client_credentials, login, private_key_jwt, service_account};
