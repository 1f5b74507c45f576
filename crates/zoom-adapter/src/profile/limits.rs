//! Limits that are more than a length or a range.

use std::borrow::Cow;

use validator::{ValidateEmail as _, ValidationError};

type Checked = Result<(), ValidationError>;

fn check(holds: bool, code: &'static str, takes: &'static str) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(ValidationError::new(code).with_message(Cow::Borrowed(takes)))
    }
}

pub(super) fn login_type(login: u64) -> Checked {
    check(
        matches!(login, 0 | 1 | 11 | 21 | 23 | 24 | 27 | 97..=101),
        "one_of",
        "takes 0 (Facebook), 1 (Google), 11 (phone), 21 (WeChat), 23 (Alipay), 24 (Apple), 27 (Microsoft), \
         97 (mobile device), 98 (RingCentral), 99 (API user), 100 (Zoom work e-mail) or 101 (single sign-on)",
    )
}

// Which characters count as Chinese is inferred: those that Unicode has for Chinese writing.
pub(super) fn few_chinese_characters(name: &str) -> Checked {
    let chinese = |c: &char| {
        matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}')
    };
    check(
        name.chars().filter(chinese).count() <= 5,
        "chinese_characters",
        "takes at most 5 Chinese characters",
    )
}

pub(super) fn user_type(user: u64) -> Checked {
    check(
        matches!(user, 1..=4 | 99),
        "one_of",
        "takes 1 (Basic), 2 (Licensed), 3 (On-prem), 4 (no meetings licence) or 99 (none)",
    )
}

pub(super) fn host_key(key: &str) -> Checked {
    let digits = key.bytes().all(|byte| byte.is_ascii_digit());
    check(
        digits && (6..=10).contains(&key.len()),
        "format",
        "takes 6 to 10 digits",
    )
}

pub(super) fn email(address: &str) -> Checked {
    let good = address.is_empty() || address.validate_email();
    check(good, "email", "takes an e-mail address")
}

pub(super) fn plan_united_type(plan: &str) -> Checked {
    // The text itself is compared, so that `+1` and `01` are not taken.
    let listed = (0..=17).any(|bit| (1_u32 << bit).to_string() == plan);
    check(
        listed || plan == "none",
        "one_of",
        "takes \"none\" or a power of two from \"1\" to \"131072\"",
    )
}

pub(super) fn zoom_one_type(plan: u64) -> Checked {
    check(
        plan == 0 || (plan.is_power_of_two() && (1 << 4..=1 << 59).contains(&plan)),
        "one_of",
        "takes 0 or a power of two from 16 to 2^59",
    )
}

pub(super) fn phone_label(label: &str) -> Checked {
    check(
        matches!(label, "Mobile" | "Office" | "Home" | "Fax"),
        "one_of",
        "takes Mobile, Office, Home or Fax",
    )
}

pub(super) fn license_type(license: &str) -> Checked {
    check(
        matches!(license, "MEETING" | "ZOOM_WORKPLACE_BUNDLE"),
        "one_of",
        "takes MEETING or ZOOM_WORKPLACE_BUNDLE",
    )
}
