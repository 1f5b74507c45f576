//! Faults on demand: which requests they apply to, and what they do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::options::Provider;
use crate::word_enum::word_enum;

/// A fault of an emulated HTTP provider, armed until it has applied `times` times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The requests to which the fault applies. Control routes are exempt.
    #[serde(rename = "match", default)]
    pub matching: RequestMatcher,
    /// What the fault does to the matching requests.
    pub action: Action,
}

/// Selects the requests that a fault applies to: those that meet every condition given here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestMatcher {
    /// The provider that the request is for.
    pub provider: Option<Provider>,
    /// The HTTP method of the request, in capitals.
    pub method: Option<String>,
    /// A part of the request's path and query, as sent.
    pub path_contains: Option<String>,
    /// The user whom the request's path names, decoded, in any case.
    pub user: Option<String>,
    /// The first matching request that the fault applies to, counted from 1 since it was armed.
    pub nth: u32,
    /// The number of matching requests to which the fault applies from there on.
    pub times: u32,
}

impl Default for RequestMatcher {
    fn default() -> Self {
        Self {
            provider: None,
            method: None,
            path_contains: None,
            user: None,
            nth: 1,
            times: 1,
        }
    }
}

word_enum! {
    /// Whether a fault comes before or after the change.
    Timing {
        /// The request is read, but the provider never sees it.
        BeforeApply = "before-apply",
        /// The provider has handled the request before the fault applies.
        AfterApply = "after-apply",
    }
}

/// What a fault does to a request. The parts combine: a canned response can be late, slow and cut.
///
/// Before the change, a fault that responds or cuts keeps the request from the provider; one that only delays or drips
/// does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Action {
    /// Whether the fault strikes before or after the provider sees the request.
    pub when: Timing,
    /// The response to send in place of the provider's own.
    pub respond: Option<CannedResponse>,
    /// The delay in real milliseconds before the response; with `before-apply`, before the change.
    pub delay_ms: u64,
    /// Whether the provider makes a delayed change even if the client has disconnected. Otherwise a disconnect
    /// cancels the request.
    pub detach: bool,
    /// Whether a gateway sends the request twice, returns the second response, and announces that in
    /// `x-envoy-attempt-count`.
    pub twice: bool,
    /// Where the connection is cut, and how. Over HTTP/2 this comes before the response and ends every request of the
    /// connection.
    pub cut: Option<Cut>,
    /// How slowly the response is sent.
    pub drip: Option<Drip>,
    /// Whether the request's HTTP/2 stream is reset with `REFUSED_STREAM`; an HTTP/1 connection is closed. Only
    /// before the change, since it states that the request was not processed.
    pub refuse_stream: bool,
}

impl Default for Action {
    fn default() -> Self {
        Self {
            when: Timing::BeforeApply,
            respond: None,
            delay_ms: 0,
            detach: false,
            twice: false,
            cut: None,
            drip: None,
            refuse_stream: false,
        }
    }
}

/// A response that a fault sends in place of the provider's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CannedResponse {
    /// The HTTP status, from 200 to 999.
    pub status: u16,
    /// The headers of the response; only `content-length` is added.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body of the response, in which `%PASSWORD%` is replaced by the new password of the request.
    #[serde(default)]
    pub body: String,
    /// The length to which the body is padded with spaces, in bytes.
    #[serde(default)]
    pub pad_to: usize,
}

/// Where a fault cuts a connection, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Where in the exchange the connection is cut.
    pub at: CutPoint,
    /// How the connection is cut.
    pub how: CutKind,
}

word_enum! {
    /// The point of the exchange at which a connection is cut.
    CutPoint {
        /// The connection is cut after the head of the request; only before the change.
        RequestHead = "request-head",
        /// The connection is cut in the body of the request; only before the change.
        RequestBody = "request-body",
        /// The connection is cut after the complete request, before the response.
        Answer = "answer",
        /// The connection is cut in the middle of the response's status line.
        StatusLine = "status-line",
        /// The connection is cut after the head of the response.
        Head = "head",
        /// The connection is cut in the middle of the response's body, or after its head if there is none.
        Body = "body",
    }
}

word_enum! {
    /// How a connection is cut.
    CutKind {
        /// The connection is closed in order (TCP FIN).
        Fin = "fin",
        /// The connection is reset (TCP RST).
        Rst = "rst",
        /// The connection stays open and silent until the client leaves or the sandbox stops.
        Stall = "stall",
    }
}

/// The pace of a response that is sent slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drip {
    /// The number of bytes per write, at least 1.
    pub bytes: usize,
    /// The number of real milliseconds between writes.
    pub every_ms: u64,
}

/// Why a fault cannot be armed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// The fault does nothing.
    Nothing,
    /// The fault would detach a change that is not delayed, or that the provider never sees.
    NothingToDetach,
    /// The fault would duplicate a request that the provider never sees, or that is detached.
    NothingToRepeat,
    /// The fault would cut or refuse before the provider sees the request, but has `after-apply`.
    NotAfterApply,
    /// The fault's `nth`, `times` or drip's `bytes` is 0.
    Zero,
    /// The status or a header of the fault's response is invalid.
    BadResponse,
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "the fault's action does nothing",
            Self::NothingToDetach => "detach needs a delay_ms before-apply, without respond and cut",
            Self::NothingToRepeat => "twice needs a request that the provider sees, and no detach",
            Self::NotAfterApply => "request-head, request-body and refuse_stream are before-apply only",
            Self::Zero => "nth, times and a drip's bytes are at least 1",
            Self::BadResponse => "the response's status or one of its headers is invalid",
        })
    }
}

impl std::error::Error for FaultError {}

impl Fault {
    fn check(&self) -> Result<(), FaultError> {
        let Action {
            when,
            respond,
            delay_ms,
            detach,
            twice,
            cut,
            drip,
            refuse_stream,
        } = &self.action;
        let changes_answer = respond.is_some() || cut.is_some() || drip.is_some();
        if !changes_answer && *delay_ms == 0 && !twice && !refuse_stream {
            return Err(FaultError::Nothing);
        }
        let is_seen = *when == Timing::AfterApply || respond.is_none() && cut.is_none();
        if *twice && (!is_seen || *detach || *refuse_stream) {
            return Err(FaultError::NothingToRepeat);
        }
        let is_delayed = *when == Timing::BeforeApply && *delay_ms > 0;
        if *detach && !(is_delayed && respond.is_none() && cut.is_none() && !refuse_stream) {
            return Err(FaultError::NothingToDetach);
        }
        let early = cut.is_some_and(|cut| matches!(cut.at, CutPoint::RequestHead | CutPoint::RequestBody));
        if *when == Timing::AfterApply && (early || *refuse_stream) {
            return Err(FaultError::NotAfterApply);
        }
        if self.matching.nth == 0 || self.matching.times == 0 || drip.is_some_and(|drip| drip.bytes == 0) {
            return Err(FaultError::Zero);
        }
        let bad = |respond: &CannedResponse| {
            let header = |(name, value): (&String, &String)| {
                HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value).is_err()
            };
            respond.status < 200
                || StatusCode::from_u16(respond.status).is_err()
                || respond.headers.iter().any(header)
        };
        if respond.as_ref().is_some_and(bad) {
            Err(FaultError::BadResponse)
        } else {
            Ok(())
        }
    }
}

/// What a matcher sees of a request.
#[derive(Debug)]
pub(crate) struct RequestInfo<'a> {
    pub(crate) provider: Provider,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) user: Option<&'a str>,
}

impl RequestMatcher {
    fn holds(&self, info: &RequestInfo<'_>) -> bool {
        let Self {
            provider,
            method,
            path_contains,
            user,
            ..
        } = self;
        provider.is_none_or(|provider| provider == info.provider)
            && method
                .as_deref()
                .is_none_or(|method| method == info.method.as_str())
            && path_contains
                .as_deref()
                .is_none_or(|part| info.path.contains(part))
            && user.as_deref().is_none_or(|user| {
                info.user
                    .is_some_and(|given| given.to_lowercase() == user.to_lowercase())
            })
    }
}

/// An armed fault and its counters.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ArmedFault {
    #[serde(flatten)]
    fault: Fault,
    /// Matching requests since it was armed.
    seen: u32,
    /// Those that it applied to.
    struck: u32,
}

/// Every armed fault. If two match a request, the one armed first applies.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Mutex<Vec<ArmedFault>>,
    /// Lets a request skip the lock if no fault is armed.
    any: AtomicBool,
}

impl Faults {
    pub(crate) fn arm(&self, fault: Fault) -> Result<(), FaultError> {
        fault.check()?;
        self.armed().push(ArmedFault {
            fault,
            seen: 0,
            struck: 0,
        });
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn disarm_all(&self) {
        self.armed().clear();
        self.any.store(false, Ordering::Release);
    }

    pub(crate) fn snapshot(&self) -> Vec<ArmedFault> {
        self.armed().clone()
    }

    /// The action to apply to this request, if any. Each call counts as a request.
    pub(crate) fn take(&self, info: &RequestInfo<'_>) -> Option<Action> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut armed = self.armed();
        let mut action = None;
        for it in armed.iter_mut().filter(|it| it.fault.matching.holds(info)) {
            it.seen += 1;
            if action.is_none() && it.seen >= it.fault.matching.nth {
                it.struck += 1;
                action = Some(it.fault.action.clone());
            }
        }
        armed.retain(|it| it.struck < it.fault.matching.times);
        self.any.store(!armed.is_empty(), Ordering::Release);
        action
    }

    fn armed(&self) -> MutexGuard<'_, Vec<ArmedFault>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
