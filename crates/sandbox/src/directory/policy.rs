//! Password policies and the users they apply to.

const DAY: u64 = 24 * 3600;

/// A password policy. Ages and durations are in seconds; 0 is never.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent rules of a policy")]
pub(super) struct Policy {
    pub(super) name: &'static str,
    pub(super) min_length: usize,
    pub(super) max_length: usize,
    pub(super) history: usize,
    pub(super) min_age: u64,
    pub(super) max_age: u64,
    /// Wrong passwords in a row that lock an account.
    pub(super) max_failures: u32,
    pub(super) lockout: u64,
    pub(super) grace: u32,
    pub(super) is_checked: bool,
    pub(super) must_change: bool,
    pub(super) safe_modify: bool,
    pub(super) user_change: bool,
}

/// The policy of users without another one.
pub(super) const DEFAULT: Policy = Policy {
    name: "default",
    min_length: 8,
    max_length: 64,
    history: 3,
    min_age: 0,
    max_age: 0,
    max_failures: 5,
    lockout: 300,
    grace: 0,
    is_checked: true,
    must_change: false,
    safe_modify: false,
    user_change: true,
};

/// slapd's other policies, each for the user of the same name.
pub(super) const SLAPD: [Policy; 8] = [
    Policy {
        name: "minage",
        min_age: DAY,
        ..DEFAULT
    },
    Policy {
        name: "mustchange",
        must_change: true,
        ..DEFAULT
    },
    Policy {
        name: "safemodify",
        safe_modify: true,
        ..DEFAULT
    },
    Policy {
        name: "nochange",
        user_change: false,
        ..DEFAULT
    },
    Policy {
        name: "expired",
        max_age: DAY,
        ..DEFAULT
    },
    Policy {
        name: "grace",
        max_age: DAY,
        grace: 3,
        ..DEFAULT
    },
    Policy {
        name: "unchecked",
        is_checked: false,
        history: 0,
        ..DEFAULT
    },
    Policy {
        name: "reusable",
        history: 0,
        max_failures: 0,
        ..DEFAULT
    },
];

/// The policy of an Active Directory's domain.
pub(super) const DOMAIN: Policy = Policy {
    name: "",
    history: 24,
    max_length: 256,
    lockout: 1800,
    max_age: 0,
    ..DEFAULT
};

/// Its fine-grained policies, each for the user of the same name.
pub(super) const FINE_GRAINED: [Policy; 3] = [
    Policy {
        name: "minage",
        min_age: DAY,
        ..DOMAIN
    },
    Policy {
        name: "long",
        min_length: 20,
        ..DOMAIN
    },
    Policy {
        name: "expired",
        max_age: DAY,
        ..DOMAIN
    },
];
