//! Profile updates at Zoom: `PATCH /v2/users/{userId}`.
//!
//! In the order in which an update passes through: `given` (values become typed fields), `fields`
//! (the list of them) with their `limits`, `checked` (all problems at once), `request`, `classification`.

mod checked;
mod errors;
mod fields;
mod given;
mod limits;
mod request;

use async_trait::async_trait;
use repass_domain::{CallContext, CallRedactor, ChangeReceipt, Error, ProfileUpdate, UserProfileService};
use repass_provider::OutcomeMapper;

use crate::ZoomService;
use crate::service::TRACKING_HEADER;

/// Takes the fields of Zoom's *update a user*, by their names there, and in the same map the query
/// parameters `login_type` (a number: which of the user's logins is meant) and
/// `remove_tsp_credentials`.
///
/// A field is cleared by the empty text or list, which is also what `null` and
/// [`ProfileUpdate::clear`] become (inferred: Zoom documents no way). Numbers, truth values and
/// objects cannot be cleared. `plan_united_type` has the value `none`.
///
/// As form data, each field is one part; lists and objects are JSON text in it (inferred: the
/// published collection shows plain values alone).
///
/// The codes of field problems: `unknown_field`, `type`, `length`, `range`, `format`, `one_of`,
/// `email`, `chinese_characters`, `not_clearable`, `read_only`, `elsewhere` (changed by another
/// call), `required` (by another field), `exclusive` (of another field); and by Zoom's response
/// `taken` and `refused`.
#[async_trait]
impl UserProfileService for ZoomService {
    fn provider(&self) -> &str {
        self.name()
    }

    fn check(&self, update: &ProfileUpdate) -> Result<(), Error> {
        checked::check(update).map(drop)
    }

    async fn update_profile(&self, cx: &CallContext, update: &ProfileUpdate) -> Result<ChangeReceipt, Error> {
        let checked = checked::check(update)?;
        let redactor = CallRedactor::for_profile(update);
        let mapper = OutcomeMapper::new(self.name(), TRACKING_HEADER, redactor).for_profile();
        let request = |encoding| request::update(update.user(), &checked, encoding);
        let (response, classification) = self.send(cx, &mapper, request, errors::profile).await?;
        mapper.change_response(&response, classification)
    }
}
