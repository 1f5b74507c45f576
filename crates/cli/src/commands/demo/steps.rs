//! What the demo does. All passwords are made up; the current ones are those of the sandbox's users.

/// One call.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) title: &'static str,
    /// What there is to see.
    pub(super) remark: &'static str,
    /// `default_provider` in the configuration.
    pub(super) provider: &'static str,
    pub(super) user: &'static str,
    /// The current password, or `None` for an administrator's reset.
    pub(super) current: Option<&'static str>,
    pub(super) new: &'static str,
    /// Whether the configuration was edited since the step before.
    pub(super) swapped_from: Option<&'static str>,
    /// Whether the connection breaks when the provider has made the change, before it says so.
    pub(super) answer_lost: bool,
}

pub(super) const STEPS: [Step; 8] = [
    Step {
        title: "Zoom: an administrator sets a new password",
        remark: "The body is multipart/form-data, byte for byte what was given.",
        provider: "zoom",
        user: "alice@example.com",
        current: None,
        new: "Demo-Passw0rd-1",
        swapped_from: None,
        answer_lost: false,
    },
    Step {
        title: "The same call after one line of configuration: the identity portal",
        remark: "No code is touched. Another method, path, encoding and way to say yes; the same outcome.",
        provider: "portal",
        user: "alice@example.com",
        current: None,
        new: "Demo-Passw0rd-2",
        swapped_from: Some("zoom"),
        answer_lost: false,
    },
    Step {
        title: "The portal: a user changes the password, proved by the current one",
        remark: "A status of 200 proves nothing there; `succeeded` does.",
        provider: "portal",
        user: "bob@example.com",
        current: Some("Bob-Start-7"),
        new: "demo-passw0rd-3",
        swapped_from: None,
        answer_lost: false,
    },
    Step {
        title: "A weak password: every rule it fails, at once",
        remark: "Each rule has a stable code for programs.",
        provider: "portal",
        user: "bob@example.com",
        current: Some("demo-passw0rd-3"),
        new: "WEAK",
        swapped_from: None,
        answer_lost: false,
    },
    Step {
        title: "A wrong current password",
        remark: "StepResult apart from a bad new one.",
        provider: "portal",
        user: "carol@example.com",
        current: Some("Not-Carols-1"),
        new: "Demo-Passw0rd-4",
        swapped_from: None,
        answer_lost: false,
    },
    Step {
        title: "A user whom the provider does not know",
        remark: "The provider's own words stay at hand, without anything secret.",
        provider: "zoom",
        user: "nobody@example.com",
        current: None,
        new: "Demo-Passw0rd-5",
        swapped_from: Some("portal"),
        answer_lost: false,
    },
    Step {
        title: "A password that no account can take",
        remark: "What is known beforehand is not even sent.",
        provider: "zoom",
        user: "alice@example.com",
        current: None,
        new: "weak",
        swapped_from: None,
        answer_lost: false,
    },
    Step {
        title: "A lost answer: the connection breaks when Zoom has made the change",
        remark: "repass cannot know, so it says so; it does not send the change again, and `resolve` finds out.",
        provider: "zoom",
        user: "carol@example.com",
        current: None,
        new: "Demo-Passw0rd-6",
        swapped_from: None,
        answer_lost: true,
    },
];
