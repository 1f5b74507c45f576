//! The identity portal: its user API, its settings, its token endpoint.

mod access;
mod change_password;
mod connect;
pub(crate) mod directory;
mod newtonsoft_json;
mod problem;
mod refusal;
mod result;
pub(crate) mod route;
mod rules;
mod setting;
mod update_user;
mod user;

use http::Method;

use crate::message::content_type::media_type;
use crate::message::response::{FullRequest, FullResponse};
use crate::options::{BadId, IdentityOptions};
use crate::shared::Shared;

use newtonsoft_json::Fields;
use problem::Problems;
use refusal::Refusal;
use route::Target;

/// What a path outside every API serves: the shell of a single-page application.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sandbox portal</title></head>\
                    <body><div id=\"app\"></div></body></html>\n";

/// Whether the rules let this be a new password.
pub(crate) fn permits(options: &IdentityOptions, password: &str) -> bool {
    rules::Policy::of(options).broken(password).is_empty()
}

/// Answers a request. The order: route, method, token, scope, rate limit, then binding the arguments, then the
/// user.
pub(crate) fn answer(shared: &Shared, target: &Target, request: &FullRequest) -> FullResponse {
    handle(shared, target, request).unwrap_or_else(|refusal| refusal.response(shared))
}

fn handle(shared: &Shared, target: &Target, request: &FullRequest) -> Result<FullResponse, Refusal> {
    let options = &shared.options.identity;
    let is_bad = |id| directory::key(options.ids, id).is_none();
    if options.bad_id == BadId::NotFound && target.user().is_some_and(is_bad) {
        return Err(Refusal::NoSuchRoute);
    }
    let pass = || access::pass(shared, target, request);
    match (target, request.method()) {
        (Target::Token, &Method::POST) => Ok(connect::token(shared, request)),
        (Target::ChangePassword(id), &Method::POST) => {
            pass()?;
            change_password::handle(shared, id, request)
        }
        (Target::User(id), &Method::PUT) => {
            pass()?;
            update_user::handle(shared, id, request)
        }
        (Target::User(id), &Method::GET) => {
            pass()?;
            user::read(shared, id)
        }
        (Target::Search(partition), &Method::GET) => {
            pass()?;
            user::search(shared, partition, request)
        }
        (Target::Setting, &Method::GET) => {
            pass()?;
            Ok(setting::read(shared, request))
        }
        (Target::Token | Target::ChangePassword(_), _) => Err(Refusal::MethodNotAllowed("POST")),
        (Target::User(_), _) => Err(Refusal::MethodNotAllowed("GET, PUT")),
        (Target::Search(_) | Target::Setting, _) => Err(Refusal::MethodNotAllowed("GET")),
        (Target::UnsupportedVersion, method) => Err(Refusal::UnsupportedVersion(
            method.to_string(),
            request.uri().path().to_owned(),
        )),
        (Target::Unknown, _) => Err(Refusal::UnknownPath),
    }
}

/// The new password in a request, whatever the route would make of it.
pub(crate) fn sent_password(request: &FullRequest) -> Option<String> {
    const FIELDS: &[newtonsoft_json::Field] = &[
        ("newPassword", newtonsoft_json::Kind::Text),
        ("password", newtonsoft_json::Kind::Text),
    ];
    let fields = newtonsoft_json::object(&String::from_utf8_lossy(request.body()), FIELDS).ok()?;
    FIELDS
        .iter()
        .find_map(|(name, _)| fields.text(name))
        .map(str::to_owned)
}

/// A path's id, as the directory looks it up.
fn bind_id(shared: &Shared, id: &str, problems: &mut Problems) -> Option<String> {
    let key = directory::key(shared.options.identity.ids, id);
    if key.is_none() {
        problems.add("userId", format!("The value '{id}' is not valid."));
    }
    key
}

/// Binds the path's id and the body's fields as the framework does: every problem of both at once.
fn bind(
    shared: &Shared,
    id: &str,
    request: &FullRequest,
    fields: &'static [newtonsoft_json::Field],
) -> Result<(String, Fields), Refusal> {
    let media = media_type(request.headers()).unwrap_or_default();
    let is_json = matches!(media.as_str(), "application/json" | "text/json")
        || media.starts_with("application/") && media.ends_with("+json");
    if !is_json {
        return Err(Refusal::UnsupportedMediaType);
    }
    let mut problems = Problems::default();
    let key = bind_id(shared, id, &mut problems);
    let body = newtonsoft_json::object(&String::from_utf8_lossy(request.body()), fields)
        .map_err(|error| problems.add(&error.path, error.message));
    match (key, body) {
        (Some(key), Ok(fields)) => Ok((key, fields)),
        _ => Err(Refusal::Invalid(problems)),
    }
}
