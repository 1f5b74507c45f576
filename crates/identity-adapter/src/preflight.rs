//! What the portal reports of a user before a password is set: `GET {base}/api/User/{userId}`, or the search where
//! the user is named by e-mail address.

use async_trait::async_trait;
use repass_domain::{CallContext, CallRedactor, Error, PreflightService, ProfileUpdate, UserId};
use repass_provider::Classification;
use repass_transport::{AttemptOutcome, Idempotency, Method, Request, Response};

use crate::IdentityService;
use crate::errors;

fn request(user: &UserId) -> Request {
    Request::new("identity.preflight", Method::GET, Idempotency::Idempotent)
        .segment("api")
        .segment("User")
        .segment(user.expose())
        .counted_as("get")
        .reading(|response| errors::read(response).outcome)
}

fn read(response: &Response) -> Result<(), Classification> {
    let classification = errors::read(response);
    if classification.outcome != AttemptOutcome::Done {
        return Err(classification);
    }
    let body = response.json().ok_or_else(Classification::unreadable)?;
    body.text("id").map(drop).ok_or_else(Classification::unreadable)
}

#[async_trait]
impl PreflightService for IdentityService {
    fn provider(&self) -> &str {
        self.name()
    }

    async fn preflight(&self, cx: &CallContext, user: &UserId) -> Result<(), Error> {
        let nothing = ProfileUpdate::new(user.clone());
        let mapper = self.mapper(CallRedactor::for_profile(&nothing));
        if let Some(organization) = self.organization_for(user) {
            return self.look_up(cx, &mapper, organization, user).await.map(drop);
        }
        let response = self.deliver(&request(user).budget(cx.budget())).await;
        let response = response.map_err(|failure| mapper.read_failure(&failure))?;
        read(&response).map_err(|classification| mapper.read_response(&response, classification))
    }
}
