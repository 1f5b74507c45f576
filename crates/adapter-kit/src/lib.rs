//! What every adapter does alike: turning answers and failures of the transport into outcomes of
//! the domain.
//!
//! The domain knows no HTTP and the transport no passwords; this is where the two meet. An adapter
//! reads an answer into a [`Verdict`], one row of its error table, and a [`Reader`] makes the
//! outcome of it: the effect always follows from [`Observed`]'s table, never from the adapter's
//! own opinion, and no text of the provider's passes unscrubbed.
//!
//! What others must know of the adapter, it says by [`Kind`].
//!
//! [`Observed`]: repass_transport::Observed

mod kind;
mod number;
mod reader;
mod verdict;

pub use kind::{Kind, Nobody, Offer, Right, Setting, Word};
pub use number::only_number;
pub use reader::Reader;
pub use verdict::Verdict;
