//! What all adapters share: turning responses and failures of the transport into outcomes of
//! the domain.
//!
//! The domain knows no HTTP and the transport no passwords; this is where the two meet. An adapter
//! reads a response into a [`Classification`], one row of its error table, and a [`OutcomeMapper`] makes the
//! outcome of it: the outcome always follows from [`AttemptOutcome`]'s table, never from the adapter's
//! own opinion, and every text of the provider is redacted.
//!
//! What others must know of the adapter, it says by [`ProviderKind`].
//!
//! [`AttemptOutcome`]: repass_transport::AttemptOutcome

mod classification;
mod number;
mod outcome_mapper;
mod provider_kind;
mod server_inspector;

pub use classification::Classification;
pub use number::only_number;
pub use outcome_mapper::{OutcomeMapper, ProviderResponse};
pub use provider_kind::{
    ClientsOver, EnumValue, NonexistentUser, PermissionProbe, ProviderClients, ProviderKind, Setting, Wire,
};
pub use server_inspector::ServerInspector;
