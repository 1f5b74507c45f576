//! What the portal tells of a user before a password is set: `GET {base}/api/User/{userId}`, or the search where
//! the user is named by e-mail address.

use async_trait::async_trait;
use repass_adapter_kit::Verdict;
use repass_domain::{CallContext, Error, PreflightService, ProfileUpdate, Scrubber, UserId};
use repass_transport::{Answer, Method, Observed, Replay, Request};

use crate::IdentityService;
use crate::verdict;

fn request(user: &UserId) -> Request {
    Request::new("identity.preflight", Method::GET, Replay::Convergent)
        .segment("api")
        .segment("User")
        .segment(user.expose())
        .counted_as("get")
        .reading(|answer| verdict::read(answer).observed)
}

fn read(answer: &Answer) -> Result<(), Verdict> {
    let verdict = verdict::read(answer);
    if verdict.observed != Observed::Done {
        return Err(verdict);
    }
    let body = answer.json().ok_or_else(Verdict::unreadable)?;
    body.text("id").map(drop).ok_or_else(Verdict::unreadable)
}

#[async_trait]
impl PreflightService for IdentityService {
    fn provider(&self) -> &str {
        self.name()
    }

    async fn preflight(&self, cx: &CallContext, user: &UserId) -> Result<(), Error> {
        let nothing = ProfileUpdate::new(user.clone());
        let reader = self.reader(Scrubber::for_profile(&nothing));
        if let Some(organization) = self.organization_for(user) {
            return self.look_up(cx, &reader, organization, user).await.map(drop);
        }
        let answer = self.deliver(&request(user).budget(cx.budget())).await;
        let answer = answer.map_err(|failure| reader.unread(&failure))?;
        read(&answer).map_err(|verdict| reader.refused(&answer, verdict))
    }
}
