//! The steps of the demo. All passwords are fictitious; the current ones are those of the sandbox's users.

/// One call.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) title: &'static str,
    /// An explanation.
    pub(super) remark: &'static str,
    /// `default_provider` in the configuration.
    pub(super) provider: &'static str,
    pub(super) user: &'static str,
    /// The current password, or `None` for an administrator's reset.
    pub(super) current: Option<&'static str>,
    pub(super) new: &'static str,
    /// The former `default_provider`, if this step changes it.
    pub(super) swapped_from: Option<&'static str>,
    /// Whether the connection is cut after the provider applies the change, before it responds.
    pub(super) answer_lost: bool,
}

pub(super) const STEPS: [Step; 8] = [
    Step {
        title: "Zoom: an administrator sets a new password",
        remark: "The request body is multipart/form-data; the password is sent unchanged.",
        provider: "zoom",
        user: "alice@example.com",
        current: None,
        new: "Demo-Passw0rd-1",
        swapped_from: None,
        answer_lost: false,
    },
    Step {
        title: "The same call after one line of configuration: the identity portal",
        remark: "No code changes. Method, path, encoding and success response differ; the outcome is the same.",
        provider: "portal",
        user: "alice@example.com",
        current: None,
        new: "Demo-Passw0rd-2",
        swapped_from: Some("zoom"),
        answer_lost: false,
    },
    Step {
        title: "The portal: a user changes the password, authorized by the current one",
        remark: "A status of 200 proves nothing there; `succeeded` does.",
        provider: "portal",
        user: "bob@example.com",
        current: Some("Bob-Start-7"),
        new: "demo-passw0rd-3",
        swapped_from: None,
        answer_lost: false,
    },
    Step {
        title: "A weak password: all violated rules at once",
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
        title: "An unknown user",
        remark: "The provider's error text is preserved, with secrets redacted.",
        provider: "zoom",
        user: "nobody@example.com",
        current: None,
        new: "Demo-Passw0rd-5",
        swapped_from: Some("portal"),
        answer_lost: false,
    },
    Step {
        title: "A password that no account accepts",
        remark: "A violation that is known beforehand is reported without sending anything.",
        provider: "zoom",
        user: "alice@example.com",
        current: None,
        new: "weak",
        swapped_from: None,
        answer_lost: false,
    },
    Step {
        title: "A lost response: the connection breaks after Zoom has applied the change",
        remark: "The outcome is reported as unknown; repass does not resend the change, and `resolve` finds out.",
        provider: "zoom",
        user: "carol@example.com",
        current: None,
        new: "Demo-Passw0rd-6",
        swapped_from: None,
        answer_lost: true,
    },
];
