//! Logging in: the request for a session token, and where its response has it.

use std::time::{Duration, SystemTime};

use repass_transport::{
    HeaderName, Idempotency, Json, Request, Response, TokenError, TokenResponse, oauth::Endpoint,
    parse_timestamp,
};
use secrecy::SecretString;
use zeroize::Zeroize as _;

use crate::condition::Pointer;
use crate::request::{self, Unsendable};
use crate::table::{Exchange, Table};
use crate::template::Values;

/// How the configured account logs in.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) exchange: Exchange,
    pub(crate) status: u16,
    pub(crate) token: TokenPlace,
    pub(crate) expiry: Option<Expiry>,
    /// Where requests show the token, and the value with `{token}` in it.
    pub(crate) header: HeaderName,
    pub(crate) value: String,
}

/// Where the response has the token.
#[derive(Debug, Clone)]
pub(crate) enum TokenPlace {
    Body(Pointer),
    Header(HeaderName),
}

/// Where the response says how long the token is valid.
#[derive(Debug, Clone)]
pub(crate) enum Expiry {
    /// An instant.
    At(Pointer),
    /// Seconds from now on.
    In(Pointer),
}

const ENDPOINT: Endpoint = Endpoint {
    whose: "the provider's",
    elsewhere: "check `base_url` and the table's `login`",
    hint: |_, _| Some("the provider does not let this account log in; check `username` and `password`"),
};

impl Login {
    /// The request, whose body holds the password of the account.
    pub(crate) fn request(
        &self,
        table: &Table,
        username: &str,
        password: &SecretString,
    ) -> Result<Request, Unsendable> {
        let values = Values {
            password: Some(password),
            ..Values::of(username)
        };
        // A failed login counts towards a lock-out.
        request::of(
            "http.login",
            table,
            &self.exchange,
            Idempotency::NonIdempotent,
            &values,
        )
    }

    pub(crate) fn read(&self, response: &Response) -> Result<TokenResponse, TokenError> {
        if response.status().as_u16() != self.status {
            return Err(ENDPOINT.denied(response));
        }
        let mut body = response.json_value();
        let token = match &self.token {
            TokenPlace::Header(name) => response.header(name.as_str()).map(SecretString::from),
            TokenPlace::Body(pointer) => text(body.as_ref(), pointer).map(SecretString::from),
        };
        let lifetime = match &self.expiry {
            None => None,
            Some(Expiry::In(pointer)) => {
                text(body.as_ref(), pointer).and_then(|text| text.parse().ok().map(Duration::from_secs))
            }
            Some(Expiry::At(pointer)) => {
                let until = text(body.as_ref(), pointer).as_deref().and_then(parse_timestamp);
                // By the provider's clock, where it says its time.
                let now = response.header("date").and_then(parse_timestamp);
                let now = now.unwrap_or_else(SystemTime::now);
                until.map(|until| until.duration_since(now).unwrap_or_default())
            }
        };
        if let Some(body) = &mut body {
            wipe(body);
        }
        let token = token.ok_or_else(|| ENDPOINT.denied(response))?;
        Ok(TokenResponse { token, lifetime })
    }
}

fn text(body: Option<&Json>, pointer: &Pointer) -> Option<String> {
    match pointer.find(body?) {
        Ok(Some(found @ (Json::Text(_) | Json::Number(_)))) => Some(found.plain()),
        _ => None,
    }
}

// It holds the token.
fn wipe(body: &mut Json) {
    match body {
        Json::Text(text) => text.zeroize(),
        Json::List(items) => items.iter_mut().for_each(wipe),
        Json::Object(members) => members.iter_mut().for_each(|(_, value)| wipe(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
