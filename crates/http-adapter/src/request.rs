//! From a table's exchange to a request.

use repass_domain::ErrorKind;
use repass_transport::{Authorization, HeaderName, HeaderValue, Idempotency, Request, SecretBody, Token};
use secrecy::SecretString;
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use zeroize::Zeroizing;

use crate::table::{Authentication, Body, Exchange, Table};
use crate::template::{Name, Template, Values};

/// Why no request can be made of these values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsendable(pub(crate) &'static str);

impl Unsendable {
    pub(crate) const KIND: ErrorKind = ErrorKind::InvalidRequest;
}

/// The request of this exchange, with the values of one call.
pub(crate) fn of(
    operation: &'static str,
    table: &Table,
    exchange: &Exchange,
    idempotency: Idempotency,
    values: &Values<'_>,
) -> Result<Request, Unsendable> {
    let request = Request::new(operation, exchange.method.clone(), idempotency);
    let request = headed(request, table, values)?;
    let request = request.target(target(&exchange.path, values)?);
    let request = match authorization(exchange.authentication, values)? {
        Some(authorization) => request.authorization(authorization),
        None => request,
    };
    Ok(match &exchange.body {
        None => request,
        Some(body) if exchange.is_form => request.body(form(body, values)),
        Some(body) => request.body(SecretBody::json(&Filled { body, values })),
    })
}

/// A request that reads, without a body.
pub(crate) fn reading(
    operation: &'static str,
    table: &Table,
    path: &Template,
    values: &Values<'_>,
) -> Result<Request, Unsendable> {
    let request = Request::new(operation, repass_transport::Method::GET, Idempotency::Idempotent);
    Ok(headed(request, table, values)?.target(target(path, values)?))
}

fn target(path: &Template, values: &Values<'_>) -> Result<String, Unsendable> {
    path.fill_path(values).ok_or(Unsendable(
        "the user's id cannot be a segment of a path; name the user otherwise",
    ))
}

fn headed(request: Request, table: &Table, values: &Values<'_>) -> Result<Request, Unsendable> {
    table.headers.iter().try_fold(request, |request, (name, value)| {
        let value = HeaderValue::from_str(&value.fill(values));
        let name = HeaderName::try_from(name.as_str());
        match (name, value) {
            (Ok(name), Ok(value)) => Ok(request.header_value(name, value)),
            _ => Err(Unsendable("a header of the table cannot hold this value")),
        }
    })
}

// `None`: the configured credentials.
fn authorization(
    authentication: Authentication,
    values: &Values<'_>,
) -> Result<Option<Authorization>, Unsendable> {
    let basic = |name: Name| {
        let password = Template::of(name).fill(values);
        let secret = SecretString::from(password.as_str());
        let token = Token::basic(values.user, &secret);
        token
            .map(|token| Some(Authorization::Token(token)))
            .map_err(|_| Unsendable("this password cannot be sent as HTTP Basic"))
    };
    match authentication {
        Authentication::Configured => Ok(None),
        Authentication::None => Ok(Some(Authorization::None)),
        Authentication::NewPassword => basic(Name::New),
        Authentication::CurrentPassword => basic(Name::Current),
    }
}

fn form(body: &Body, values: &Values<'_>) -> SecretBody {
    let Body::Object(members) = body else {
        return SecretBody::form(&[]);
    };
    let filled: Vec<(&str, Zeroizing<String>)> = members
        .iter()
        .map(|(name, value)| {
            let text = match value {
                Body::Text(text) => text.fill(values),
                Body::Constant(value) => Zeroizing::new(value.to_string()),
                Body::List(_) | Body::Object(_) => Zeroizing::default(),
            };
            (name.as_str(), text)
        })
        .collect();
    let fields: Vec<(&str, &str)> = filled.iter().map(|(name, text)| (*name, text.as_str())).collect();
    SecretBody::form(&fields)
}

/// A body with its names filled in while it is written, so that a password is copied into the request's own buffer
/// and nowhere else.
struct Filled<'a> {
    body: &'a Body,
    values: &'a Values<'a>,
}

impl Serialize for Filled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let filled = |body| Filled {
            body,
            values: self.values,
        };
        match self.body {
            Body::Constant(value) => value.serialize(serializer),
            Body::Text(text) => match text.as_name() {
                // A kept list or number keeps its type.
                Some(Name::Keep(kept)) => match self.values.kept.get(kept) {
                    Some(value) => value.serialize(serializer),
                    None => serializer.serialize_none(),
                },
                _ => serializer.serialize_str(&text.fill(self.values)),
            },
            Body::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&filled(item))?;
                }
                list.end()
            }
            Body::Object(members) => {
                let mut object = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    object.serialize_entry(name, &filled(value))?;
                }
                object.end()
            }
        }
    }
}
