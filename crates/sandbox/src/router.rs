//! Routes a path to Zoom, the portal or the control routes.

use http::Method;

use crate::identity::route::{self as identity_route, Target as IdentityTarget};
use crate::message::path::segments;
use crate::options::{Options, Provider};
use crate::request_counters::RouteLabel;
use crate::zoom::route::{self as zoom_route, Target as ZoomTarget};

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Control,
    Zoom(ZoomTarget),
    Identity(IdentityTarget),
}

impl Destination {
    pub(crate) fn of(options: &Options, method: &Method, path: &str) -> Self {
        let segments = segments(path);
        if segments.first() == Some(&"_sandbox") {
            return Self::Control;
        }
        match zoom_route::target(method, &segments) {
            Some(target) => Self::Zoom(target),
            None => Self::Identity(identity_route::target(options, &segments)),
        }
    }

    /// The user whom the path names.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Control => None,
            Self::Zoom(target) => target.user(),
            Self::Identity(target) => target.user(),
        }
    }

    /// What the request counts as; nothing for the sandbox's own routes.
    pub(crate) fn label(&self, method: &Method) -> Option<RouteLabel> {
        match self {
            Self::Control => None,
            Self::Zoom(target) => Some(RouteLabel::new(Provider::Zoom, method, target.label())),
            Self::Identity(target) => Some(RouteLabel::new(Provider::Identity, method, target.label())),
        }
    }
}
