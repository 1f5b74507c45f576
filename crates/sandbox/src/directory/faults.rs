//! Faults of a directory: which requests they apply to, and what they do.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::faults::{CutKind, Timing};
use crate::word_enum::word_enum;

word_enum! {
    /// The LDAP operation that a request asks for.
    DirectoryOperation {
        /// The operation is a bind.
        Bind = "bind",
        /// The operation is a search, of the root DSE too.
        Search = "search",
        /// A password change, by Modify or by the extended operation, or any other Modify.
        Change = "change",
        /// The operation is the start of TLS (`StartTLS`).
        StartTls = "start-tls",
    }
}

/// A fault of an emulated directory, armed until it has applied `times` times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirectoryFault {
    /// The LDAP operation to which the fault applies.
    pub operation: DirectoryOperation,
    /// The login name of the user whose entry the request names; any user if absent.
    pub user: Option<String>,
    /// The first matching request to which the fault applies, counted from 1.
    pub nth: u32,
    /// The number of matching requests to which the fault applies from there on.
    pub times: u32,
    /// Whether the fault strikes before or after the directory acts.
    pub when: Timing,
    /// How long the fault delays the directory's action or response, in real milliseconds. Before the change, the
    /// directory acts after it even if the client has left, as real servers do with every request that has arrived.
    pub delay_ms: u64,
    /// The response to send in place of the directory's own.
    pub respond: Option<DirectoryResponse>,
    /// Where in the response the connection ends, and how.
    pub cut: Option<DirectoryCut>,
}

impl Default for DirectoryFault {
    /// A fault that does nothing to the next change.
    fn default() -> Self {
        Self {
            operation: DirectoryOperation::Change,
            user: None,
            nth: 1,
            times: 1,
            when: Timing::BeforeApply,
            delay_ms: 0,
            respond: None,
            cut: None,
        }
    }
}

/// The response that a fault sends in place of the directory's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DirectoryResponse {
    /// An LDAP result.
    Result {
        /// The LDAP result code.
        code: i32,
        /// The diagnostic message of the result.
        #[serde(default)]
        text: String,
        /// The URL of the server to which the result refers.
        #[serde(default)]
        referral: Option<String>,
    },
    /// The directory's response, with this number added to its message id, so that it seems to answer another
    /// request.
    MessageId(i32),
    /// These raw bytes.
    Bytes(Vec<u8>),
}

/// Where in a response a fault ends the connection, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryCut {
    /// The number of bytes of the response that are still sent.
    pub after: usize,
    /// How the connection ends.
    pub how: CutKind,
}

impl DirectoryFault {
    /// Whether the directory acts on a request that this applies to.
    pub(super) fn acts(&self) -> bool {
        self.when == Timing::AfterApply || self.respond.is_none() && self.cut.is_none()
    }

    fn matches(&self, operation: DirectoryOperation, user: Option<&str>) -> bool {
        let names_user = |wanted: &str| user.is_some_and(|user| user.eq_ignore_ascii_case(wanted));
        self.operation == operation && self.user.as_deref().is_none_or(names_user)
    }
}

/// Every armed fault, with the matching requests so far. If two match a request, the one armed first applies.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<(DirectoryFault, u32)>>);

impl Faults {
    pub(super) fn arm(&self, fault: DirectoryFault) {
        self.armed().push((fault, 0));
    }

    pub(super) fn disarm_all(&self) {
        self.armed().clear();
    }

    /// The fault of this request, if any. Each call counts as a request.
    pub(super) fn take(&self, operation: DirectoryOperation, user: Option<&str>) -> Option<DirectoryFault> {
        let mut armed = self.armed();
        let mut taken = None;
        for (fault, seen) in armed
            .iter_mut()
            .filter(|(fault, _)| fault.matches(operation, user))
        {
            *seen += 1;
            if taken.is_none() && *seen >= fault.nth {
                taken = Some(fault.clone());
            }
        }
        armed.retain(|(fault, seen)| *seen < fault.nth.saturating_add(fault.times).saturating_sub(1));
        taken
    }

    fn armed(&self) -> MutexGuard<'_, Vec<(DirectoryFault, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
