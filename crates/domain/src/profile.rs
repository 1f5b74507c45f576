//! Updates of a user's profile.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use crate::{CallContext, ChangeReceipt, Error, UserId};

/// New values for some fields of one user's profile. Other fields are not changed.
///
/// Field names are the provider's own, since profiles differ between providers. A value is any JSON value; `null`
/// [clears](Self::clear) the field.
///
/// A profile is personal data: `Debug` shows field names but no values.
///
/// ```
/// use repass_domain::ProfileUpdate;
/// use serde_json::json;
///
/// let update = ProfileUpdate::new("alice@example.com".parse()?)
///     .set("first_name", "Ann")
///     .set("use_pmi", true)
///     .set("phone_numbers", json!([{"country": "US", "number": "5550100"}]))
///     .clear("company");
/// assert_eq!(update.fields().len(), 4);
/// assert!(!format!("{update:?}").contains("Ann"));
/// # Ok::<(), repass_domain::InvalidUserId>(())
/// ```
#[derive(Clone)]
pub struct ProfileUpdate {
    user: UserId,
    fields: BTreeMap<String, Value>,
}

impl ProfileUpdate {
    /// Creates an update of this user without fields.
    pub fn new(user: UserId) -> Self {
        Self {
            user,
            fields: BTreeMap::new(),
        }
    }

    /// Sets a profile field to this value. Replaces an earlier value for the same field.
    pub fn set(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(field.into(), value.into());
        self
    }

    /// Clears a profile field. The same as setting [`Value::Null`].
    pub fn clear(self, field: impl Into<String>) -> Self {
        self.set(field, Value::Null)
    }

    /// The user whose profile is updated.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The fields to change, in alphabetical order; [`Value::Null`] clears a field.
    pub fn fields(&self) -> &BTreeMap<String, Value> {
        &self.fields
    }
}

impl fmt::Debug for ProfileUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileUpdate")
            .field("user", &self.user)
            .field("fields", &self.fields.keys())
            .finish()
    }
}

/// A problem with one field of a [`ProfileUpdate`]. Says what the field accepts, never the given value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct FieldProblem {
    field: String,
    code: &'static str,
    message: String,
}

impl FieldProblem {
    /// Creates a problem with `field`. `code` is stable, for programs; `message` continues after the field's name, as
    /// in "takes at most 64 characters".
    pub fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code,
            message: message.into(),
        }
    }

    /// The name of the invalid field, with the path into a list or object: `phone_numbers[0].label`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The stable code, for programs and translations: `unknown_field`, `length`, … Each adapter documents its codes.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong with the field, in words for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.message)
    }
}

/// Updates users' profiles at one provider.
///
/// # Contract
/// Every implementation guarantees the following:
///
/// - `Ok` means that the provider accepted the update. An error with the [`outcome`](Error::outcome) `NotApplied` means
///   that it did not. Both are proven, never guessed; everything else is `Unknown`.
/// - An update that [`check`](Self::check) rejects is never sent. A field that the provider would silently ignore is
///   rejected.
/// - A call returns within its budget. With a budget of zero it sends nothing.
/// - No value of the profile appears in an error, log or `Debug` output.
///
/// Updates are idempotent: the same update made twice gives the same profile. An implementation may therefore retry it,
/// and a caller resolves an unknown outcome by making the update again.
///
/// For a field that is not text, a string is read as JSON (`"true"`, `"[1, 2]"`), because values may come from a command
/// line or a form.
///
/// Share it as `Arc<dyn UserProfileService>`; with the feature `mock` there is a
/// `MockUserProfileService` for tests.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait UserProfileService: fmt::Debug + Send + Sync + 'static {
    /// The provider's configured name. It has low cardinality, so it can be a metric label.
    fn provider(&self) -> &str;

    /// Validates an update as far as possible without the provider. Sends nothing.
    /// [`update_profile`](Self::update_profile) calls it.
    ///
    /// # Errors
    /// [`Error::field_problems`] lists every problem.
    fn check(&self, update: &ProfileUpdate) -> Result<(), Error>;

    /// Updates one user's profile.
    ///
    /// # Errors
    /// [`Error::outcome`] says whether the update may have been applied, [`Error::kind`] what went wrong.
    ///
    /// # Cancellation
    /// Dropping the future leaves the outcome unknown. Use a budget instead of a timeout around the call.
    async fn update_profile(&self, cx: &CallContext, update: &ProfileUpdate) -> Result<ChangeReceipt, Error>;
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<S: UserProfileService + ?Sized> UserProfileService for $pointer<S> {
            fn provider(&self) -> &str {
                (**self).provider()
            }

            fn check(&self, update: &ProfileUpdate) -> Result<(), Error> {
                (**self).check(update)
            }

            async fn update_profile(
                &self,
                cx: &CallContext,
                update: &ProfileUpdate,
            ) -> Result<ChangeReceipt, Error> {
                (**self).update_profile(cx, update).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_update_keeps_the_last_value_of_a_field() {
        let update = ProfileUpdate::new("alice@example.com".parse().unwrap())
            .set("company", "Acme")
            .set("dept", "R&D")
            .clear("company");
        assert_eq!(update.fields()["company"], Value::Null);
        assert_eq!(update.fields().len(), 2);
    }

    #[test]
    fn profile_update_debug_shows_names_without_values() {
        let update = ProfileUpdate::new("alice@example.com".parse().unwrap()).set("host_key", "canary-1");
        let shown = format!("{update:?}");
        assert!(
            shown.contains("host_key") && !shown.contains("canary") && !shown.contains("alice"),
            "{shown}"
        );
    }

    #[cfg(feature = "mock")]
    #[tokio::test]
    async fn service_pointers_forward_every_method() {
        let mut mock = MockUserProfileService::new();
        mock.expect_provider().return_const("mock".to_owned());
        mock.expect_check().times(1).returning(|_| Ok(()));
        mock.expect_update_profile()
            .times(1)
            .returning(|_, _| Ok(ChangeReceipt::new()));
        let service: Arc<dyn UserProfileService> = Arc::new(Box::new(mock));
        let update = ProfileUpdate::new("alice".parse().unwrap());
        assert_eq!(service.provider(), "mock");
        assert!(service.check(&update).is_ok());
        assert!(
            service
                .update_profile(&CallContext::default(), &update)
                .await
                .is_ok()
        );
    }
}
