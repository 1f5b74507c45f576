//! Policies as documents: deserialization, every reason for a rejection, serialization.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use repass_domain::{
    Certainty, Counting, ImpossiblePolicy, Password, PasswordPolicy, PolicyLayer, Preset, Rule,
};

fn read(text: &str) -> Result<PasswordPolicy, toml::de::Error> {
    toml::from_str(text)
}

#[test]
fn document_keys_become_rules() {
    let policy = read(
        r#"
        counting = "asp-net"
        min_length = 12
        max_length = 64
        letter = true
        digit = true
        uppercase = true
        lowercase = true
        mixed_case = true
        special = true
        distinct_characters = 5
        not_one_character = true
        no_consecutive_run = 3
        not_common = true
        not_breached = true
        not_current = true
        not_recent = 5
        changes_per_day = true
        other = ["PasswordExpired"]
        approximate = ["special"]
        provider_only = ["letter"]
        generate = { length = 24, alphabet = "abcDEF123!?" }
        "#,
    )
    .unwrap();
    let (exact, only) = (Certainty::Exact, Certainty::ProviderOnly);
    let rules: Vec<_> = policy.rules().collect();
    assert_eq!(
        rules,
        [
            (&Rule::MinLength(12), exact),
            (&Rule::MaxLength(64), exact),
            (&Rule::Letter, only),
            (&Rule::Digit, exact),
            (&Rule::Uppercase, exact),
            (&Rule::Lowercase, exact),
            (&Rule::MixedCase, exact),
            (&Rule::Special, Certainty::Approximate),
            (&Rule::DistinctCharacters(5), exact),
            (&Rule::NotOneCharacter, exact),
            (&Rule::NoConsecutiveRun(Some(3)), exact),
            (&Rule::NotCommon, only),
            (&Rule::NotBreached, only),
            (&Rule::NotCurrent, only),
            (&Rule::NotRecent(Some(5)), only),
            (&Rule::ChangesPerDay, only),
            (&Rule::Other("PasswordExpired".into()), only),
        ]
    );
    assert_eq!(
        (policy.counting(), policy.generated_length()),
        (Counting::AspNet, 24)
    );
    let written = toml::to_string(&policy).unwrap();
    assert_eq!(read(&written).unwrap(), policy, "{written}");
}

#[test]
fn document_keys_override_the_preset() {
    let policy = read(
        "preset = 'zoom-default'\nmin_length = 12\nmax_length = 32\nnot_recent = 5\n\
         mixed_case = false\nno_consecutive_run = 0\nnot_current = false",
    )
    .unwrap();
    let expected = Preset::ZoomDefault
        .builder()
        .exact([Rule::MinLength(12), Rule::MaxLength(32), Rule::NotRecent(Some(5))])
        .without(&Rule::MixedCase)
        .without(&Rule::NoConsecutiveRun(None))
        .without(&Rule::NotCurrent);
    assert_eq!(policy, expected.build().unwrap());
}

#[test]
fn presets_round_trip_through_documents() {
    for preset in Preset::ALL {
        let policy = PasswordPolicy::from(preset);
        let text = toml::to_string(&policy).unwrap();
        assert_eq!(read(&text).unwrap(), policy, "{text}");
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(
            serde_json::from_str::<PasswordPolicy>(&json).unwrap(),
            policy,
            "{json}"
        );
        assert_eq!(read(&format!("preset = '{preset}'")).unwrap(), policy);
    }
    let zoom = toml::to_string(&PasswordPolicy::from(Preset::ZoomDefault)).unwrap();
    assert!(
        zoom.contains("no_consecutive_run = 5") && zoom.contains("not_recent = true"),
        "{zoom}"
    );
    let nothing = "min_length = 0\nmax_length = 0\ndigit = false";
    for text in ["", nothing] {
        assert_eq!(read(text).unwrap(), PasswordPolicy::default());
    }
}

#[test]
fn invalid_document_is_rejected() {
    for (text, complaint) in [
        ("digits = true", "unknown field `digits`"),
        ("generate = { lenght = 5 }", "unknown field `lenght`"),
        ("preset = 'zoom'", "unknown variant `zoom`"),
        ("counting = 'bytes'", "unknown variant `bytes`"),
        ("min_length = -1", "invalid value"),
        (
            "not_recent = 'some'",
            "expected a number, `true` (a limit exists but is unknown) or `false`",
        ),
        (
            "approximate = ['digit']",
            "`approximate` names `digit`, which is not a rule of this policy",
        ),
        (
            "min_length = 9\nmax_length = 8",
            "at least 9 characters are required, but at most 8 are allowed",
        ),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(complaint), "{text}: {error}");
    }
}

fn reasons(text: &str) -> Vec<String> {
    let message = read(text).unwrap_err().message().to_owned();
    let all = message
        .strip_prefix("the password policy cannot be met: ")
        .unwrap();
    all.split("; ").map(str::to_owned).collect()
}

#[test]
fn impossible_policy_is_rejected_with_every_reason() {
    assert_eq!(
        reasons(
            "min_length = 9\nmax_length = 3\ndigit = true\nmixed_case = true\nspecial = true\n\
             distinct_characters = 5\nprovider_only = ['digits']\n\
             generate = { length = 2, alphabet = 'aabc é' }"
        ),
        [
            "`provider_only` names `digits`, which is not a rule of this policy",
            "the generator's alphabet contains ` `, which is not visible ASCII",
            "the generator's alphabet contains `\\u{e9}`, which is not visible ASCII",
            "the generator's alphabet cannot satisfy: at least one digit",
            "the generator's alphabet cannot satisfy: both upper-case and lower-case letters",
            "the generator's alphabet cannot satisfy: at least one special character",
            "the generator's alphabet cannot satisfy: at least 5 different characters",
            "at least 9 characters are required, but at most 3 are allowed",
            "one character of each required class makes 4, but at most 3 are allowed",
            "at least 5 different characters are required, but at most 3 are allowed",
        ]
    );
    assert_eq!(
        reasons("generate = { alphabet = '' }"),
        ["the generator's alphabet is empty"]
    );
    assert_eq!(
        reasons("generate = { alphabet = 'xxx' }\nnot_one_character = true"),
        ["the generator's alphabet cannot satisfy: not one character throughout"]
    );
    assert_eq!(
        reasons("max_length = 1\nnot_one_character = true"),
        ["at least 2 different characters are required, but at most 1 are allowed"]
    );
    assert_eq!(
        reasons("min_length = 2000"),
        ["at least 2000 characters are required, but at most 1024 are allowed"]
    );
    assert_eq!(
        reasons("min_length = 8\nmax_length = 12\ngenerate = { length = 13 }"),
        ["generated passwords must have 13 characters, but the rules require 8 to 12"]
    );
}

#[test]
fn policy_without_valid_passwords_is_rejected_after_random_tries() {
    let refused = "none of 10000 random passwords of 20 characters meets all rules";
    for text in [
        // Every `a` beside a `b` is a run of two, so only one character throughout is left.
        "no_consecutive_run = 1\nnot_one_character = true\ngenerate = { alphabet = 'ab' }",
        // Possible, but too unlikely to generate.
        "min_length = 20\nmax_length = 20\ndistinct_characters = 20\ngenerate = { alphabet = 'abcdefghijklmnopqrst' }",
    ] {
        assert_eq!(reasons(text), [refused], "{text}");
    }
}

#[test]
fn builder_rejects_a_zero_length_run() {
    let rules = [Rule::NoConsecutiveRun(Some(0)), Rule::MaxLength(0)];
    let refused: ImpossiblePolicy = PasswordPolicy::builder().exact(rules).build().unwrap_err();
    assert_eq!(
        refused.reasons(),
        [
            "each character is a run of 1, and runs of at most 0 are allowed",
            "at least 1 characters are required, but at most 0 are allowed",
        ]
    );
}

#[test]
fn layered_policy_rejects_contradictory_layers() {
    let zoom = PasswordPolicy::from(Preset::ZoomDefault);
    let own = read("min_length = 40\ngenerate = { alphabet = 'abcdefgh1' }").unwrap();
    assert_eq!(
        zoom.and_local(own).unwrap_err().reasons(),
        [
            "the generator's alphabet cannot satisfy: both upper-case and lower-case letters",
            "at least 40 characters are required, but at most 31 are allowed",
        ]
    );
    let letters = read("generate = { alphabet = 'abc' }").unwrap();
    let digits = read("generate = { alphabet = '123' }").unwrap();
    assert_eq!(
        letters.and_local(digits).unwrap_err().reasons(),
        ["the generator's alphabet is empty"]
    );
}

#[test]
fn layered_policy_reports_a_shared_reason_once() {
    let ones = read("digit = true\ngenerate = { alphabet = 'abc1' }").unwrap();
    let twos = read("digit = true\ngenerate = { alphabet = 'abc2' }").unwrap();
    assert_eq!(
        ones.and_local(twos).unwrap_err().reasons(),
        ["the generator's alphabet cannot satisfy: at least one digit"]
    );
}

#[test]
fn letter_rule_is_met_by_an_upper_case_alphabet() {
    let policy = read("max_length = 2\nletter = true\nuppercase = true\ndigit = true").unwrap();
    assert_eq!(policy.generated_length(), 2);
}

#[test]
fn provider_only_rules_never_make_a_policy_impossible() {
    let policy = read("min_length = 9\nmax_length = 8\nprovider_only = ['max_length']").unwrap();
    assert_eq!(policy.generated_length(), 20);
}

#[test]
fn local_policy_combines_with_an_empty_provider_policy() {
    let own = read("preset = 'nist-800-63b-4'").unwrap();
    let both = PasswordPolicy::default().and_local(own).unwrap();
    let broken = both.check(&Password::new("short").unwrap());
    assert_eq!((broken.len(), broken[0].layer()), (1, PolicyLayer::Caller));
}
