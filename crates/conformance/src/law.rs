//! The laws.

use std::fmt;

use crate::Fault;

/// A law that every [`PasswordService`](repass_domain::PasswordService) obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Law {
    /// The outcome that the call reports is what the provider did. Applied: the password was set once, to the new
    /// one; not applied: it was not set; unknown: it was set at most once.
    Truth,
    /// The password was set at most once, and what the provider may have acted on was not sent again.
    Once,
    /// The outcome is unknown only where the fault can leave doubt.
    Doubt,
    /// A body in a foreign format never proves a refusal, nor does a status that may follow a change that was made: the
    /// outcome is unknown, whether or not the provider has acted. HTTP's own refusals, such as 404, are another matter.
    Foreign,
    /// Where the provider refuses a second copy of a change, see
    /// [`Capabilities::exactly_once`](repass_domain::Capabilities::exactly_once), the loss of one response leaves no
    /// doubt.
    Decided,
    /// The call returns within its budget.
    Budget,
    /// No password or other secret is in an error, in what it was caused by, in the service's `Debug` or in
    /// captured output.
    Secrets,
    /// Once the provider is back, `resolve` settles an unknown outcome rightly, with at most one probe.
    Settled,
    /// A call that is dropped in the middle sets the password at most once, and leaves a record that it was
    /// abandoned where there are records.
    Dropped,
    /// No other origin than the provider's receives anything, such as a redirected request.
    Astray,
    /// The change is made when no fault strikes.
    Works,
    /// A change whose mode the service does not support is refused without sending anything.
    Unsupported,
    /// A call with a budget of zero sends nothing.
    NoBudget,
    /// A service with the capability [`before_send`](repass_domain::CallContext::before_send) awaits it before it
    /// sends a change, and sends nothing that is withheld.
    Withheld,
    /// A new password that cannot be typed is refused with its reason and sends nothing.
    Typeable,
    /// Of several changes called for one user at once, the last one called is the one that stays.
    Order,
}

impl Law {
    /// Every law that a service is checked against.
    pub const ALL: &'static [Self] = &[
        Self::Truth,
        Self::Once,
        Self::Doubt,
        Self::Foreign,
        Self::Decided,
        Self::Budget,
        Self::Secrets,
        Self::Settled,
        Self::Dropped,
        Self::Astray,
        Self::Works,
        Self::Unsupported,
        Self::NoBudget,
        Self::Withheld,
        Self::Typeable,
        Self::Order,
    ];

    /// Whether this law is checked under this fault; some laws are checked without a fault only.
    pub fn concerns(self, fault: Fault) -> bool {
        match self {
            Self::Astray => matches!(fault, Fault::Redirected | Fault::SeeOther(_)),
            Self::Foreign => fault.proves_nothing(),
            Self::Decided => matches!(fault, Fault::ResponseCut(..)) && !fault.is_endless(),
            Self::Works
            | Self::Unsupported
            | Self::NoBudget
            | Self::Withheld
            | Self::Typeable
            | Self::Order => fault == Fault::None,
            _ => true,
        }
    }

    /// The name of the law, in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truth => "truth",
            Self::Once => "once",
            Self::Doubt => "doubt",
            Self::Foreign => "foreign",
            Self::Decided => "decided",
            Self::Budget => "budget",
            Self::Secrets => "secrets",
            Self::Settled => "settled",
            Self::Dropped => "dropped",
            Self::Astray => "astray",
            Self::Works => "works",
            Self::Unsupported => "unsupported",
            Self::NoBudget => "no-budget",
            Self::Withheld => "withheld",
            Self::Typeable => "typeable",
            Self::Order => "order",
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
