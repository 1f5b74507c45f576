//! The fields of `PATCH /v2/users/{id}`: what each may hold.

use serde_json::Value;

/// What a field may hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// At most this many characters.
    Text(usize),
    /// The same, with at most five Chinese ones.
    Name(usize),
    /// From this number of digits to that, as text.
    Digits(usize, usize),
    Email,
    Flag,
    /// One of these numbers.
    OneOf(&'static [u64]),
    /// A number of exactly this many digits.
    Number(usize),
    /// `none`, or a power of two up to 131072, as text.
    Plan,
    /// Powers of two up to 2^59, added up.
    PlanBits,
    /// A list of objects with these keys, each a text.
    Objects(&'static [&'static str]),
    Texts,
    /// An object with these keys.
    Object,
    /// A list of objects of any kind.
    List,
}

/// Lengths which are documented nowhere.
const UNSTATED: usize = 4096;

pub(super) const FIELDS: [(&str, Kind); 31] = [
    ("first_name", Kind::Name(64)),
    ("last_name", Kind::Name(64)),
    ("display_name", Kind::Text(UNSTATED)),
    ("type", Kind::OneOf(&[1, 2, 3, 4, 99])),
    ("pmi", Kind::Number(10)),
    ("use_pmi", Kind::Flag),
    ("timezone", Kind::Text(UNSTATED)),
    ("language", Kind::Text(UNSTATED)),
    ("dept", Kind::Text(128)),
    ("vanity_name", Kind::Text(UNSTATED)),
    ("host_key", Kind::Digits(6, 10)),
    ("cms_user_id", Kind::Text(UNSTATED)),
    ("job_title", Kind::Text(128)),
    ("company", Kind::Text(255)),
    ("location", Kind::Text(256)),
    ("cost_center", Kind::Text(UNSTATED)),
    ("manager", Kind::Email),
    ("custom_attributes", Kind::Objects(&["key", "name", "value"])),
    (
        "phone_numbers",
        Kind::Objects(&["code", "country", "label", "number"]),
    ),
    ("phone_number", Kind::Text(UNSTATED)),
    ("phone_country", Kind::Text(UNSTATED)),
    ("group_id", Kind::Text(UNSTATED)),
    ("division_ids", Kind::Texts),
    ("pronouns", Kind::Text(UNSTATED)),
    ("pronouns_option", Kind::OneOf(&[1, 2, 3])),
    ("plan_united_type", Kind::Plan),
    ("zoom_one_type", Kind::PlanBits),
    ("feature", Kind::Object),
    ("about_me", Kind::Text(UNSTATED)),
    ("linkedin_url", Kind::Text(UNSTATED)),
    ("license_info_list", Kind::List),
];

impl Kind {
    /// The value of a form's text; `None` when the text is none of this kind.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::Text(_) | Self::Name(_) | Self::Digits(..) | Self::Email | Self::Plan => Some(text.into()),
            _ => serde_json::from_str(text).ok(),
        }
    }

    pub(super) fn holds(self, value: &Value) -> bool {
        match self {
            Self::Text(most) => is_text(value, |text| text.chars().count() <= most),
            Self::Name(most) => is_text(value, |text| {
                text.chars().count() <= most && text.chars().filter(|c| is_chinese(*c)).count() <= 5
            }),
            Self::Digits(least, most) => is_text(value, |text| {
                (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
            }),
            Self::Email => is_text(value, |text| {
                text.is_empty()
                    || text
                        .split_once('@')
                        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
            }),
            Self::Flag => value.is_boolean(),
            Self::OneOf(known) => value.as_u64().is_some_and(|number| known.contains(&number)),
            Self::Number(digits) => value
                .as_u64()
                .is_some_and(|number| number.to_string().len() == digits),
            Self::Plan => is_text(value, |text| {
                text == "none"
                    || text
                        .parse()
                        .is_ok_and(|plan: u32| plan.is_power_of_two() && plan <= 131_072)
            }),
            Self::PlanBits => value.as_u64().is_some_and(|bits| bits < 1 << 60),
            Self::Objects(keys) => is_list(value, |item| {
                item.as_object().is_some_and(|members| {
                    members
                        .iter()
                        .all(|(key, value)| keys.contains(&key.as_str()) && value.is_string())
                })
            }),
            Self::Texts => is_list(value, Value::is_string),
            Self::Object => value.is_object(),
            Self::List => is_list(value, Value::is_object),
        }
    }
}

fn is_text(value: &Value, holds: impl FnOnce(&str) -> bool) -> bool {
    value.as_str().is_some_and(holds)
}

fn is_list(value: &Value, holds: impl FnMut(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(holds))
}

/// The unified ideographs, which is what such checks commonly look for.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{2ffff}')
}
