//! The caller's own rules.

use super::*;

const OWN: &str = r#"
[providers.zoom.policy]
preset = "nist-800-63b-4"
counting = "code-points"
min_length = 12
max_length = 30
letter = true
digit = true
uppercase = true
lowercase = true
mixed_case = true
special = false
distinct_characters = 5
not_one_character = true
no_consecutive_run = 3
not_common = true
not_breached = true
not_current = true
not_recent = true
changes_per_day = false
other = ["Expired"]
approximate = ["digit"]
provider_only = ["letter"]
generate = { length = 24, alphabet = "abcdefghABCDEFGH0123456789" }
blocklist = { file = "/words.txt", format = "sha1" }
[providers.zoom.breach]
url = "https://range.example.com"
timeout = "750ms"
on_failure = "allow"
"#;

#[test]
fn every_key_of_the_own_rules_is_read_and_shown() {
    let config = Config::from_toml(&format!("{ZOOM}{OWN}")).unwrap();
    let shown = toml::to_string(&config).unwrap();
    for line in [
        "min_length = 12",
        "not_recent = true",
        "no_consecutive_run = 3",
        "approximate = [\"digit\"]",
        "length = 24",
        "file = \"/words.txt\"",
        "format = \"sha1\"",
        "timeout = \"750ms\"",
        "on_failure = \"allow\"",
    ] {
        assert!(shown.contains(line), "{line} in:\n{shown}");
    }
    let again = Config::from_toml(&shown).unwrap();
    assert_eq!(toml::to_string(&again).unwrap(), shown);
}

#[test]
fn what_is_wrong_with_the_own_rules_is_told_key_by_key() {
    let found = problems(&format!(
        "{ZOOM}[providers.zoom.policy]\n\
         preset = \"zoom\"\n\
         min_lenght = 12\n\
         max_length = \"20\"\n\
         digit = 1\n\
         not_recent = -1\n\
         other = [\"a\", 1]\n\
         generate = {{ length = true, alphabets = \"\" }}\n\
         blocklist = {{ format = \"csv\" }}\n\
         [providers.zoom.breach]\n\
         url = \"http://range.example.com\"\n\
         timeout = \"0s\"\n\
         on_failure = \"ask\"\n"
    ));
    let policy = "providers.zoom.policy";
    let expected = [
        format!(
            "config:5: {policy}.preset: must be \"zoom-default\", \"uipath-default\", \"aspnet-default\" or \
             \"nist-800-63b-4\""
        ),
        format!("config:6: {policy}.min_lenght: unknown key; did you mean `min_length`?"),
        format!("config:7: {policy}.max_length: must be a number, not a string"),
        format!("config:8: {policy}.digit: must be true or false, not a number"),
        format!(
            "config:9: {policy}.not_recent: must be a number, true or false, not a number below 0 or above 4,294,967,295"
        ),
        format!("config:10: {policy}.other: must be an array of strings, not an array"),
        format!("config:11: {policy}.generate.alphabets: unknown key; did you mean `alphabet`?"),
        format!("config:11: {policy}.generate.length: must be a number, not a boolean"),
        format!("config:12: {policy}.blocklist.file: is missing"),
        format!("config:12: {policy}.blocklist.format: must be \"plain\" or \"sha1\""),
        "config:14: providers.zoom.breach.url: is plain http to another machine; passwords go over https only"
            .to_owned(),
        "config:15: providers.zoom.breach.timeout: must be longer than nothing".to_owned(),
        "config:16: providers.zoom.breach.on_failure: must be \"allow\" or \"refuse\"".to_owned(),
    ];
    assert_eq!(found, expected);
}

#[test]
fn rules_that_cannot_be_met_or_judged_are_refused() {
    let of = |rules: &str| problems(&format!("{ZOOM}[providers.zoom.policy]\n{rules}\n"));
    assert_eq!(
        of("min_length = 9\nmax_length = 8\napproximate = [\"digit\"]"),
        [
            "config:4: providers.zoom.policy: the password policy cannot be met: `approximate` names `digit`, which is not a \
          rule of this policy; at least 9 characters are required, but at most 8 are allowed"
        ]
    );
    let common = &of("preset = \"nist-800-63b-4\"")[0];
    assert!(common.contains("gives no `blocklist`"), "{common}");
    assert_eq!(
        of("not_breached = true"),
        [
            "config:5: providers.zoom.policy.not_breached: needs a section [providers.zoom.breach] that says whom to ask"
        ]
    );
}

#[test]
fn a_rule_can_come_from_a_variable() {
    let config = load(
        ZOOM,
        [
            ("REPASS__PROVIDERS__ZOOM__POLICY__MIN_LENGTH", "14"),
            ("REPASS__PROVIDERS__ZOOM__POLICY__DIGIT", "true"),
            ("REPASS__PROVIDERS__ZOOM__POLICY__NO_CONSECUTIVE_RUN", "4"),
        ],
    )
    .unwrap();
    let (_, zoom) = config.providers().next().unwrap();
    let policy = &zoom.local.policy.as_ref().unwrap().rules;
    let reported: Vec<_> = policy.rules().map(|(rule, _)| rule.code()).collect();
    assert_eq!(reported, ["min_length", "digit", "no_consecutive_run"]);
    let bad = load(ZOOM, [("REPASS__PROVIDERS__ZOOM__POLICY__DIGIT", "yes")]).unwrap_err();
    assert_eq!(
        bad.to_string(),
        "REPASS__PROVIDERS__ZOOM__POLICY__DIGIT: providers.zoom.policy.digit: must be true or false, not a string"
    );
}
