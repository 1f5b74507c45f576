//! Changing what a provider knows of a user besides the password.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use crate::{CallContext, ChangeReceipt, Error, UserId};

/// New values for some fields of one user's profile. Fields that are not named stay as they are.
///
/// Fields are named as the provider names them, since no two agree on what a profile is. A value is
/// what JSON can say: text, number, truth value, list or object; and "nothing", which
/// [`clear`](Self::clear) stands for.
///
/// A profile is personal data: `Debug` tells the names of the fields and no value.
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
    /// An update that changes nothing yet.
    pub fn new(user: UserId) -> Self {
        Self {
            user,
            fields: BTreeMap::new(),
        }
    }

    /// Gives a field a new value, in place of what was said of it before.
    pub fn set(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(field.into(), value.into());
        self
    }

    /// Takes a field's value away. The same as setting [`Value::Null`].
    pub fn clear(self, field: impl Into<String>) -> Self {
        self.set(field, Value::Null)
    }

    /// Whose profile.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Every field that is to change, in alphabetical order; [`Value::Null`] where it is to be
    /// cleared.
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

/// One thing that is wrong with one field of a [`ProfileUpdate`]. Says what the field takes and
/// never what it was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct FieldProblem {
    field: String,
    code: &'static str,
    message: String,
}

impl FieldProblem {
    /// A problem of `field`. `code` is stable, for programs; `message` goes on from the field's
    /// name, as in "takes at most 64 characters".
    pub fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code,
            message: message.into(),
        }
    }

    /// Which field, with the way into a list or object: `phone_numbers[0].label`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The stable code, for programs and translations: `unknown_field`, `length`, … Each provider's
    /// adapter lists its own.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong, for people.
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
/// Every implementation keeps these promises:
///
/// - `Ok` means that the provider has taken the update; an error whose [`outcome`](Error::outcome) is
///   `NotApplied` means that it has not. Neither is ever a guess; all else is `Unknown`.
/// - What [`check`](Self::check) finds wrong is never sent. A field that the provider would ignore in
///   silence is wrong.
/// - A call returns within its budget, and a budget of zero sends nothing.
/// - No value of the profile is in any error, log or `Debug` output.
///
/// Values are absolute, so that the same update made twice leads to the same profile: it may be
/// sent again inside, and an unknown outcome is settled by making it once more.
///
/// Where a field takes something other than text, a text stands for what it spells in JSON
/// (`"true"`, `"[1, 2]"`): it may come from a command line or a form, where all is text.
///
/// Share it as `Arc<dyn UserProfileService>`; with the feature `mock` there is a
/// `MockUserProfileService` for tests.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait UserProfileService: fmt::Debug + Send + Sync + 'static {
    /// The provider's configured name. It is of low cardinality: fit for a label in metrics.
    fn provider(&self) -> &str;

    /// Judges an update as far as that is possible without the provider, and sends nothing.
    /// [`update_profile`](Self::update_profile) does so by itself.
    ///
    /// # Errors
    /// [`Error::field_problems`] tells all that is wrong at once.
    fn check(&self, update: &ProfileUpdate) -> Result<(), Error>;

    /// Makes one update.
    ///
    /// # Errors
    /// [`Error::outcome`] says whether it may have happened, [`Error::kind`] what to do.
    ///
    /// # Cancellation
    /// Dropping the future leaves the outcome unknown. Give the call a budget instead of wrapping
    /// it in a timeout.
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
    fn the_last_word_on_a_field_counts() {
        let update = ProfileUpdate::new("alice@example.com".parse().unwrap())
            .set("company", "Acme")
            .set("dept", "R&D")
            .clear("company");
        assert_eq!(update.fields()["company"], Value::Null);
        assert_eq!(update.fields().len(), 2);
    }

    #[test]
    fn debug_shows_names_and_no_value() {
        let update = ProfileUpdate::new("alice@example.com".parse().unwrap()).set("host_key", "canary-1");
        let shown = format!("{update:?}");
        assert!(
            shown.contains("host_key") && !shown.contains("canary") && !shown.contains("alice"),
            "{shown}"
        );
    }

    #[cfg(feature = "mock")]
    #[tokio::test]
    async fn pointers_forward_to_the_service() {
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
