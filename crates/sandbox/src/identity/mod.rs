//! The identity portal's user API.

mod change_password;
pub(crate) mod directory;
mod json_net;
mod problem;
mod refusal;
mod result;
pub(crate) mod route;
mod rules;
mod update_user;

use http::{Method, StatusCode};

use crate::message::content_type::media_type;
use crate::message::reply::{self, Received, Reply};
use crate::shared::Shared;

use json_net::Fields;
use problem::Problems;
use refusal::Refusal;
use route::Target;

/// What a path outside every API serves: the shell of a single-page application.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sandbox portal</title></head>\
                    <body><div id=\"app\"></div></body></html>\n";

/// Answers a request. The order: route, method, token, then binding the arguments, then the user.
pub(crate) fn answer(shared: &Shared, target: &Target, request: &Received) -> Reply {
    handle(shared, target, request).unwrap_or_else(|refusal| refusal.reply(&shared.options.identity))
}

fn handle(shared: &Shared, target: &Target, request: &Received) -> Result<Reply, Refusal> {
    match target {
        Target::ChangePassword(id) => {
            method(request, &Method::POST)?;
            authenticate(shared, request)?;
            change_password::handle(shared, id, request)
        }
        Target::User(id) => {
            method(request, &Method::PUT)?;
            authenticate(shared, request)?;
            update_user::handle(shared, id, request)
        }
        Target::Page => Ok(reply::with_body(StatusCode::OK, "text/html; charset=utf-8", PAGE)),
    }
}

fn method(request: &Received, allowed: &'static Method) -> Result<(), Refusal> {
    if request.method() == allowed {
        Ok(())
    } else {
        Err(Refusal::MethodNotAllowed(allowed.as_str()))
    }
}

fn authenticate(shared: &Shared, request: &Received) -> Result<(), Refusal> {
    match Shared::bearer(request.headers()) {
        Some(token) if shared.is_static_token(token) => Ok(()),
        Some(_) => Err(Refusal::Unauthorized("Bearer error=\"invalid_token\"")),
        None => Err(Refusal::Unauthorized("Bearer")),
    }
}

/// Binds the path's id and the body's fields as the framework does: every problem of both at once.
fn bind(
    shared: &Shared,
    id: &str,
    request: &Received,
    fields: &'static [json_net::Field],
) -> Result<(String, Fields), Refusal> {
    let media = media_type(request.headers()).unwrap_or_default();
    let is_json = matches!(media.as_str(), "application/json" | "text/json")
        || media.starts_with("application/") && media.ends_with("+json");
    if !is_json {
        return Err(Refusal::UnsupportedMediaType);
    }
    let mut problems = Problems::default();
    let key = directory::key(shared.options.identity.ids, id);
    if key.is_none() {
        problems.add("userId", format!("The value '{id}' is not valid."));
    }
    let body = json_net::object(&String::from_utf8_lossy(request.body()), fields)
        .map_err(|error| problems.add(&error.path, error.message));
    match (key, body) {
        (Some(key), Ok(fields)) => Ok((key, fields)),
        _ => Err(Refusal::Invalid(problems)),
    }
}
