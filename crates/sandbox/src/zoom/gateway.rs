//! The checks before a route: token, scope, rate limit.

use std::time::Duration;

use super::error::Refusal;
use super::route::Target;
use crate::message::response::FullRequest;
use crate::options::{ZoomOptions, ZoomPlan};
use crate::shared::Shared;
use crate::tokens::TokenStatus;

pub(super) fn pass(shared: &Shared, target: &Target, request: &FullRequest) -> Result<(), Refusal> {
    let token = Shared::bearer(request.headers()).ok_or(Refusal::InvalidToken)?;
    let has_scope = |scopes: &[String]| {
        scopes
            .iter()
            .any(|scope| target.scopes().contains(&scope.as_str()))
    };
    let permitted = if shared.is_static_token(token) {
        has_scope(&shared.options.zoom.scopes)
    } else {
        match shared.state().zoom.tokens.status(token, shared.clock.elapsed()) {
            TokenStatus::Valid(scopes) => has_scope(&scopes),
            TokenStatus::Expired => return Err(Refusal::ExpiredToken),
            TokenStatus::Unknown => return Err(Refusal::InvalidToken),
        }
    };
    if !permitted {
        return Err(Refusal::MissingScope(target.scopes()));
    }
    within_limits(shared, target)
}

fn within_limits(shared: &Shared, target: &Target) -> Result<(), Refusal> {
    let options = &shared.options.zoom;
    let (Some(plan), Some(category)) = (options.rate_limits, target.category()) else {
        return Ok(());
    };
    let (per_second, per_day) = limits(options, plan, category);
    // The clock is read under the lock: instants read before it could enter the window out of order.
    let mut state = shared.state();
    let second = Duration::from_secs(1);
    if let Some(per_day) = per_day
        && let Err(reopens) = state.zoom.days.admit(category, shared.clock.now(), per_day)
    {
        return Err(Refusal::PerDay(per_day, reopens));
    }
    let admitted = state
        .zoom
        .seconds
        .admit(category, shared.clock.elapsed(), second, per_second);
    admitted.map_err(|wait| Refusal::PerSecond(per_second, wait))
}

fn limits(options: &ZoomOptions, plan: ZoomPlan, category: &str) -> (usize, Option<usize>) {
    let (per_second, per_day) = match (plan, category) {
        (ZoomPlan::Free, "Light") => (4, Some(6000)),
        (ZoomPlan::Free, _) => (2, Some(2000)),
        (ZoomPlan::Pro, "Light") => (30, None),
        (ZoomPlan::Pro, _) => (20, None),
        (ZoomPlan::Business, "Light") => (80, None),
        (ZoomPlan::Business, _) => (60, None),
    };
    (per_second, options.daily_limit.or(per_day))
}
