//! The fields of a profile: the one list of their names, types and limits.
//!
//! A value is refused only if no document of Zoom's allows it; where two documents differ, either
//! is taken. Limits are *documented* unless a comment says otherwise; what has none here has no
//! published limit.

use repass_domain::FieldProblem;
use serde::Serialize;
use serde_json::Value;
use validator::Validate;

use super::given::{Field, Given, object};
use super::limits;

/// Declares structs of optional fields that can be taken from what was given.
macro_rules! fields {
    ($($(#[$about:meta])* struct $type:ident {
        $($(#[$limit:meta])* $name:ident: $holds:ty,)*
    })*) => {$(
        $(#[$about])*
        #[derive(Debug, Default, Serialize, Validate)]
        pub(super) struct $type {
            $(
                $(#[$limit])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub(super) $name: Option<$holds>,
            )*
        }

        impl $type {
            pub(super) fn take(given: &mut Given<'_>) -> Self {
                Self { $($name: given.take(stringify!($name).trim_start_matches("r#")),)* }
            }
        }

        impl Field for $type {
            fn read(value: Value, place: &str, problems: &mut Vec<FieldProblem>) -> Option<Self> {
                object(value, place, problems, Self::take)
            }
        }
    )*};
}

fields! {
    /// What goes into the query.
    struct Query {
        #[validate(custom(function = "limits::login_type"))]
        login_type: u64,
        remove_tsp_credentials: bool,
    }

    /// What goes into the body.
    struct Body {
        #[validate(length(max = 64), custom(function = "limits::few_chinese_characters"))]
        first_name: String,
        #[validate(length(max = 64), custom(function = "limits::few_chinese_characters"))]
        last_name: String,
        display_name: String,
        #[validate(custom(function = "limits::user_type"))]
        r#type: u64,
        #[validate(range(min = 1_000_000_000, max = 9_999_999_999_u64, message = "takes exactly 10 digits"))]
        pmi: u64,
        use_pmi: bool,
        timezone: String,
        language: String,
        // Documented for reading.
        #[validate(length(max = 128))]
        dept: String,
        vanity_name: String,
        #[validate(custom(function = "limits::host_key"))]
        host_key: String,
        cms_user_id: String,
        #[validate(length(max = 128))]
        job_title: String,
        #[validate(length(max = 255))]
        company: String,
        #[validate(length(max = 256))]
        location: String,
        cost_center: String,
        #[validate(custom(function = "limits::email"))]
        manager: String,
        custom_attributes: Vec<CustomAttribute>,
        #[validate(nested)]
        phone_numbers: Vec<PhoneNumber>,
        phone_number: String,
        phone_country: String,
        group_id: String,
        division_ids: Vec<String>,
        pronouns: String,
        #[validate(range(min = 1, max = 3, message = "takes 1 (ask), 2 (always) or 3 (never)"))]
        pronouns_option: u64,
        #[validate(custom(function = "limits::plan_united_type"))]
        plan_united_type: String,
        #[validate(custom(function = "limits::zoom_one_type"))]
        zoom_one_type: u64,
        feature: Feature,
        about_me: String,
        linkedin_url: String,
        #[validate(nested)]
        license_info_list: Vec<Licence>,
    }

    /// One of `custom_attributes`.
    struct CustomAttribute {
        key: String,
        name: String,
        value: String,
    }

    /// One of `phone_numbers`.
    struct PhoneNumber {
        code: String,
        country: String,
        #[validate(custom(function = "limits::phone_label"))]
        label: String,
        number: String,
    }

    /// `feature`.
    struct Feature {
        zoom_phone: bool,
    }

    /// One of `license_info_list`.
    struct Licence {
        #[validate(custom(function = "limits::license_type"))]
        license_type: String,
        license_option: u64,
        subscription_id: String,
    }
}
