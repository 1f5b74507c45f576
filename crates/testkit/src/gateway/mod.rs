//! Answers that stand in for the provider's: what firewalls, proxies, load balancers and API gateways write.
//!
//! Two kinds, by what they prove:
//!
//! - [`foreign`] answers prove nothing. A gateway may write one before the provider has seen the request or after
//!   it has acted, so a change that ends in one is *unknown*.
//! - [`unprocessed`] answers carry a status that HTTP itself defines as "not processed", so a change that ends in
//!   one is *not applied*. A gateway that writes one after the provider has acted lies, and no client can tell:
//!   the campaigns write them only before.
//!
//! The same holds for a gateway that sends a request twice without saying so: the refusal of the second sending is
//! the provider's own, documented answer. The campaigns send twice with `x-envoy-attempt-count`, or end such an
//! exchange in a foreign answer.

pub(crate) mod proxy;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::simulation::Kind;

/// A response as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatewayResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl GatewayResponse {
    fn new(status: u16, content_type: &'static str, body: &str) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self {
            status,
            headers,
            body: body.to_owned(),
        }
    }

    fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

fn one_of<T: Copy>(random: &mut StdRng, all: &[T]) -> T {
    all[random.random_range(0..all.len())]
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const XML: &str = "application/xml";
const PROBLEM: &str = "application/problem+json";

const PAGES: [&str; 6] = [
    "<!DOCTYPE html><title>Service unavailable</title><p>We will be back soon.</p>",
    "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with \
     your administrator. Your support ID is: 7204551190322</body></html>",
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center>\
     <hr><center>nginx</center></body></html>",
    "\n<!doctype HTML><html><form action=\"/login\" method=\"post\"><input name=\"user\"></form></html>",
    "<h1>Forbidden</h1>",
    "\u{feff}<!DOCTYPE html><html lang=\"de\"><p>Zugriff verweigert</p></html>",
];

/// XML that is neither provider's error format.
const XMLS: [&str; 4] = [
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
    "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault>\
     <faultstring>Policy Falsified</faultstring></soap:Fault></soap:Body></soap:Envelope>",
    "<IdentityResult><Succeeded>true</Succeeded></IdentityResult>",
    "<ams:fault xmlns:ams=\"http://wso2.org/apimanager/security\"><ams:code>900908</ams:code></ams:fault>",
];

/// Error objects of Kong, API Management, Spring, AWS, Google, Apigee and Envoy.
const OBJECTS: [&str; 10] = [
    r#"{"message":"You cannot consume this service"}"#,
    r#"{"message":"An invalid response was received from the upstream server","request_id":"0a1b2c"}"#,
    r#"{"statusCode":403,"message":"Access denied due to invalid subscription key."}"#,
    r#"{"timestamp":"2026-11-27T00:20:00.000+00:00","status":500,"error":"Internal Server Error","path":"/v2/users"}"#,
    r#"{"message":"Endpoint request timed out"}"#,
    r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#,
    r#"{"error":{"code":403,"message":"The request is blocked.","status":"PERMISSION_DENIED"}}"#,
    r#"{"fault":{"faultstring":"Execution of policy failed","detail":{"errorcode":"steps.raisefault.RaiseFault"}}}"#,
    r#"["upstream connect error or disconnect/reset before headers"]"#,
    "\"forbidden\"",
];

/// Problem documents of others.
const PROBLEMS: [&str; 2] = [
    r#"{"type":"https://errors.gateway.example/blocked","title":"Blocked by policy","detail":"rule 4711"}"#,
    r#"{"type":"https://errors.gateway.example/upstream","title":"Upstream failed","instance":"/requests/77"}"#,
];

const TEXTS: [&str; 3] = [
    "upstream request timeout",
    "error code: 1020",
    "no healthy upstream",
];

/// The provider's own words where it does not say them: under another status, or against themselves.
const ZOOM_OUT_OF_PLACE: [(u16, &str); 8] = [
    (
        200,
        r#"{"code":300,"message":"Your new password can not match the old password."}"#,
    ),
    (200, r#"{"code":1001,"message":"User does not exist."}"#),
    (200, r#"{"code":124,"message":"Access token is expired."}"#),
    (
        200,
        r#"{"code":429,"message":"You have reached the maximum per-second rate limit."}"#,
    ),
    (200, r#"{"code":300,"message":"Unsupported Content Type"}"#),
    (202, r#"{"code":0}"#),
    (500, r#"{"code":1001,"message":"User does not exist."}"#),
    (
        503,
        r#"{"code":300,"message":"Your new password can not match the old password."}"#,
    ),
];
const IDENTITY_OUT_OF_PLACE: [(u16, &str); 8] = [
    (200, r#"{"succeeded":false,"succeeded":true,"errors":[]}"#),
    (200, r#"{"succeeded":true,"succeeded":false,"errors":[]}"#),
    (
        200,
        r#"{"succeeded":true,"errors":[{"code":"PasswordTooShort","description":"Too short."}]}"#,
    ),
    (202, r#"{"succeeded":true,"errors":[]}"#),
    (206, r#"{"succeeded":true,"errors":[]}"#),
    (
        500,
        r#"{"succeeded":false,"errors":[{"code":"PasswordMismatch","description":"Incorrect password."}]}"#,
    ),
    (400, r#"{"succeeded":true,"errors":[]}"#),
    (
        200,
        r#"{"id":"7","userName":"alice","errorMessage":"Mail could not be sent"}"#,
    ),
];

/// Statuses under which gateways write what they like. None that HTTP defines as "not processed", no 429, and none
/// by which a provider says that it has done it.
const STATUSES: [u16; 13] = [200, 400, 403, 409, 422, 500, 502, 503, 504, 520, 201, 203, 402];

/// A response that proves nothing.
pub(crate) fn foreign(random: &mut StdRng, provider: Kind) -> GatewayResponse {
    let status = one_of(random, &STATUSES);
    let response = match random.random_range(0..9) {
        0 | 1 => GatewayResponse::new(status, HTML, one_of(random, &PAGES)),
        2 => GatewayResponse::new(status, XML, one_of(random, &XMLS)),
        // Some call what they write by another name.
        3 => GatewayResponse::new(status, JSON, one_of(random, &PAGES)),
        4 => GatewayResponse::new(status, JSON, one_of(random, &OBJECTS)),
        5 => GatewayResponse::new(status, PROBLEM, one_of(random, &PROBLEMS)),
        6 => GatewayResponse::new(status, "text/plain", one_of(random, &TEXTS)),
        7 => match random.random_range(0..4) {
            // What a bare 403 means is the provider's to say.
            0 => GatewayResponse::empty(one_of(random, &[200, 400, 409, 422, 500, 502, 503, 504])),
            1 => GatewayResponse::new(401, HTML, one_of(random, &PAGES)),
            _ => GatewayResponse::empty(one_of(random, &[300, 302, 303, 202, 206]))
                .header("location", "https://login.example.com/sorry"),
        },
        _ => {
            let rows = match provider {
                Kind::Zoom => &ZOOM_OUT_OF_PLACE,
                Kind::Identity => &IDENTITY_OUT_OF_PLACE,
            };
            let (status, body) = one_of(random, rows);
            GatewayResponse::new(status, JSON, body)
        }
    };
    if random.random_bool(0.1) {
        return response.header("retry-after", "0");
    }
    response
}

/// A response that says by its status that the request was not processed.
pub(crate) fn unprocessed(random: &mut StdRng) -> GatewayResponse {
    let status = one_of(
        random,
        &[
            301, 307, 308, 404, 404, 404, 405, 406, 411, 413, 414, 417, 421, 426, 428, 431,
        ],
    );
    let response = match random.random_range(0..4) {
        0 => GatewayResponse::new(status, HTML, one_of(random, &PAGES)),
        1 => GatewayResponse::new(
            status,
            JSON,
            r#"{"message":"no Route matched with those values"}"#,
        ),
        2 => GatewayResponse::new(status, XML, one_of(random, &XMLS)),
        _ => GatewayResponse::empty(status),
    };
    if status < 400 {
        return response.header("location", "https://elsewhere.example.com/");
    }
    response
}
