//! Who exists in a fresh sandbox. All of it is made up, and all of it is printed at start.

/// Someone with an account at both providers.
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

/// Zoom's account owner, whose password the API does not set.
pub(crate) const ADMIN: &str = "admin@example.com";
pub(crate) const ADMIN_PASSWORD: &str = "Admin-Start-7";
/// Signs in to Zoom by single sign-on only.
pub(crate) const SSO: &str = "sso@example.com";
/// Known to the portal through an outside directory, so without a local password.
pub(crate) const DIRECTORY: Person = Person {
    email: "directory@example.com",
    guid: "d17ec704-0000-4000-8000-000000000004",
    password: "",
};
/// The portal's one organisation.
pub(crate) const PARTITION: &str = "0c6a0000-0000-4000-8000-00000000000a";

/// The most numbered users a sandbox can have.
pub(crate) const MOST_NUMBERED: u32 = 999_999;

const ZOOM_PREFIX: &str = "user";
const ZOOM_SUFFIX: &str = "@example.com";
const GUID_PREFIX: &str = "00000000-0000-4000-8000-";

/// The first password of numbered user `n` at both providers: `Start-` and the six digits of `n`, three and
/// three with a hyphen between. User 1 has `Start-000-001`.
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
