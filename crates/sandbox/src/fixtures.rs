//! The users of a new sandbox. They are made up and printed at startup.

/// A user with an account at both providers.
pub(crate) struct Person {
    pub(crate) email: &'static str,
    pub(crate) guid: &'static str,
    pub(crate) password: &'static str,
}

pub(crate) const PEOPLE: [Person; 3] = [
    Person {
        email: "alice@example.com",
        guid: "a11ce000-0000-4000-8000-000000000001",
        password: "Alice-Start-7",
    },
    Person {
        email: "bob@example.com",
        guid: "b0b00000-0000-4000-8000-000000000002",
        password: "Bob-Start-7",
    },
    Person {
        email: "carol@example.com",
        guid: "ca401000-0000-4000-8000-000000000003",
        password: "Carol-Start-7",
    },
];

/// A user that only Zoom has, and its peculiarity.
pub(crate) struct ZoomOnly {
    pub(crate) email: &'static str,
    pub(crate) kind: ZoomKind,
    pub(crate) password: Option<&'static str>,
    pub(crate) note: &'static str,
}

/// What makes Zoom treat a user differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ZoomKind {
    /// Licensed, with a work e-mail login.
    Member,
    /// The same without a licence.
    Basic,
    /// The same with a Zoom Events event ahead.
    Host,
    Owner,
    Admin,
    /// Signs in by single sign-on only.
    Sso,
    /// A device.
    Room,
    /// Invited, not yet here.
    Pending,
}

pub(crate) const OWNER: &str = "owner@example.com";

pub(crate) const ZOOM_ONLY: [ZoomOnly; 7] = [
    ZoomOnly {
        email: OWNER,
        kind: ZoomKind::Owner,
        password: Some("Owner-Start-7"),
        note: "owns the Zoom account: a reset is refused with 1117",
    },
    ZoomOnly {
        email: "admin@example.com",
        kind: ZoomKind::Admin,
        password: Some("Admin-Start-7"),
        note: "administers the Zoom account: a reset is refused with 1117",
    },
    ZoomOnly {
        email: "sso@example.com",
        kind: ZoomKind::Sso,
        password: None,
        note: "signs in by single sign-on only: a reset is refused with 1123",
    },
    ZoomOnly {
        email: "basic@example.com",
        kind: ZoomKind::Basic,
        password: Some("Basic-Start-7"),
        note: "has no licence: an update of the PMI is refused with 1109, of the host key with 1108",
    },
    ZoomOnly {
        email: "host@example.com",
        kind: ZoomKind::Host,
        password: Some("Host-Start-7"),
        note: "has an event ahead: an update to type 1 is refused with 300",
    },
    ZoomOnly {
        email: "room@example.com",
        kind: ZoomKind::Room,
        password: None,
        note: "is a Zoom Room: an update to type 1 or 4 is refused with 200",
    },
    ZoomOnly {
        email: "pending@example.com",
        kind: ZoomKind::Pending,
        password: None,
        note: "has not accepted the invitation: an update is refused with 1120",
    },
];

/// From an external directory of the portal, without a local password.
pub(crate) const DIRECTORY: Person = Person {
    email: "directory@example.com",
    guid: "d17ec704-0000-4000-8000-000000000004",
    password: "",
};
/// The portal's only organization.
pub(crate) const PARTITION: &str = "0c6a0000-0000-4000-8000-00000000000a";

/// The most numbered users a sandbox can have.
pub(crate) const MOST_NUMBERED: u32 = 999_999;

const ZOOM_PREFIX: &str = "user";
const ZOOM_SUFFIX: &str = "@example.com";
const GUID_PREFIX: &str = "00000000-0000-4000-8000-";

/// Returns the initial password of numbered user `n` at both providers, such as `Start-000-001`. It is `Start-` and
/// the six digits of `n`, three and three with a hyphen between.
///
/// It meets every rule set of both providers for any `n` up to 999,999: the hyphen keeps runs of digits short.
pub fn numbered_password(n: u32) -> String {
    format!("Start-{:03}-{:03}", n / 1000, n % 1000)
}

pub(crate) fn numbered_zoom_id(n: u32) -> String {
    format!("{ZOOM_PREFIX}{n:06}{ZOOM_SUFFIX}")
}

pub(crate) fn numbered_guid(n: u32) -> String {
    format!("{GUID_PREFIX}{n:012}")
}

/// Which numbered user a lower-case e-mail address belongs to.
pub(crate) fn number_of_zoom_id(id: &str) -> Option<u32> {
    number(id.strip_prefix(ZOOM_PREFIX)?.strip_suffix(ZOOM_SUFFIX)?, 6)
}

/// Which numbered user a canonical GUID belongs to.
pub(crate) fn number_of_guid(id: &str) -> Option<u32> {
    number(id.strip_prefix(GUID_PREFIX)?, 12)
}

fn number(digits: &str, width: usize) -> Option<u32> {
    let plain = digits.len() == width && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().filter(|n| *n > 0)
}
