//! Rules, presets and violations.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use repass_domain::{
    Certainty, Counting, LayeredPolicy, Password, PasswordPolicy, PolicyBuilder, PolicyLayer, Preset, Rule,
    Violation,
};

fn codes(policy: &PasswordPolicy, text: &str) -> Vec<&'static str> {
    let broken = policy.check(&Password::new(text).unwrap());
    broken.iter().map(|violation| violation.rule().code()).collect()
}

fn accepts(counting: Counting, rule: &Rule, text: &str) -> bool {
    let policy = PasswordPolicy::builder().counting(counting).exact([rule.clone()]);
    codes(&policy.build().unwrap(), text).is_empty()
}

/// The counting, a rule, texts that meet it, texts that violate it.
type Row<'a> = (Counting, Rule, &'a [&'a str], &'a [&'a str]);

fn assert_rows(rows: &[Row<'_>]) {
    for (counting, rule, accepted, rejected) in rows {
        for text in *accepted {
            assert!(
                accepts(*counting, rule, text),
                "{counting:?} {rule:?} accepts {text:?}"
            );
        }
        for text in *rejected {
            assert!(
                !accepts(*counting, rule, text),
                "{counting:?} {rule:?} rejects {text:?}"
            );
        }
    }
}

#[test]
fn rules_accept_and_reject_examples() {
    use Counting::{AspNet, CodePoints, Nfc, Unpublished};
    assert_rows(&[
        (
            CodePoints,
            Rule::MinLength(4),
            &["abcd", "ñañá", "    "],
            &["abc", "ñoñ"],
        ),
        (
            CodePoints,
            Rule::MaxLength(4),
            &["abcd", "🔑🔑🔑🔑"],
            &["abcde", "e\u{301}e\u{301}e"],
        ),
        (Unpublished, Rule::MaxLength(4), &["abcd", "ñañá"], &["abcde"]),
        // Two code points, one after NFC.
        (
            Nfc,
            Rule::MaxLength(2),
            &["e\u{301}e\u{301}", "éé"],
            &["e\u{301}e\u{301}e"],
        ),
        (
            Nfc,
            Rule::MinLength(3),
            &["e\u{301}e\u{301}e\u{301}"],
            &["e\u{301}e\u{301}"],
        ),
        // The sum of its parts is two UTF-16 units each.
        (
            AspNet,
            Rule::MinLength(4),
            &["🔑🔑", "a b "],
            &["🔑a", "abc", "    ", "\u{3000}\t  \u{a0}"],
        ),
        (AspNet, Rule::MaxLength(4), &["🔑🔑"], &["🔑🔑a"]),
        (CodePoints, Rule::Letter, &["1a", "1é", "1ж"], &["12!", " "]),
        (AspNet, Rule::Letter, &["1a"], &["12!", "1é"]),
        (CodePoints, Rule::Digit, &["a1"], &["a", "a٣", "a²"]),
        (CodePoints, Rule::Uppercase, &["aB", "É"], &["a1!", "é"]),
        (AspNet, Rule::Uppercase, &["aB"], &["a", "É"]),
        (CodePoints, Rule::Lowercase, &["Ab", "é"], &["A1!", "É"]),
        (AspNet, Rule::Lowercase, &["Ab"], &["A", "ß"]),
        (CodePoints, Rule::MixedCase, &["aB", "éÉ"], &["ab", "AB", "12"]),
        (CodePoints, Rule::Special, &["a!", "a b", "a🔑"], &["a1", "aé"]),
        (AspNet, Rule::Special, &["a!", "aé", "aß"], &["a1"]),
        // A letter with its accent is a letter however it was typed.
        (Nfc, Rule::Special, &["a!"], &["e\u{301}"]),
        (
            CodePoints,
            Rule::DistinctCharacters(3),
            &["aabbcc", "aAb"],
            &["aabb", "🔑🔒🔑"],
        ),
        // Two keys that share their first UTF-16 unit.
        (AspNet, Rule::DistinctCharacters(3), &["🔑🔒"], &["🔑🔑"]),
        (
            CodePoints,
            Rule::NotOneCharacter,
            &["ab", "aA"],
            &["a", "aaaa", "éé"],
        ),
        (
            CodePoints,
            Rule::NoConsecutiveRun(Some(3)),
            &[
                "abc1x@8fdh",
                "abcABC",
                "aceg",
                "2468",
                "abcb",
                "xyzabc",
                "890",
                "aaaa",
                "qwe",
                "pas",
                "op[]",
                "0qwe",
                "éèé",
                "yz{|",
            ],
            &[
                "abcd", "xabcdx", "dcba", "4321", "6789", "7890", "aBcD", "qwert", "trewq", "asdf", "MNBV",
                "abcbcde",
            ],
        ),
        (
            CodePoints,
            Rule::NoConsecutiveRun(Some(1)),
            &["aca", "a"],
            &["ab", "21"],
        ),
        (
            CodePoints,
            Rule::CharacterCategories(3),
            &["aB1", "aB-", "a1 ", "aBあ"],
            &["ab12", "AB--", "ああ1"],
        ),
    ]);
}

#[test]
fn rules_that_the_password_alone_does_not_decide_accept_everything() {
    use Counting::CodePoints;
    assert_rows(&[
        (CodePoints, Rule::NoConsecutiveRun(None), &["abcdefgh"], &[]),
        (CodePoints, Rule::NotCommon, &["password"], &[]),
        (CodePoints, Rule::NotBreached, &["password"], &[]),
        (CodePoints, Rule::NotCurrent, &["x"], &[]),
        (CodePoints, Rule::NotRecent(Some(5)), &["x"], &[]),
        (CodePoints, Rule::ChangesPerDay, &["x"], &[]),
        (CodePoints, Rule::MinAge(None), &["x"], &[]),
        (CodePoints, Rule::NotUserData, &["x"], &[]),
        (CodePoints, Rule::Other("X".into()), &["x"], &[]),
    ]);
}

#[test]
fn presets_reject_what_their_publications_reject() {
    let rows: &[(&str, &str, &[&str])] = &[
        ("uipath-default", "patr0nu5", &[]),
        ("aspnet-default", "patr0nu5", &["uppercase", "special"]),
        ("zoom-default", "dolor Excepteur minim", &["digit"]),
        ("zoom-default", "if42!LfH@", &[]),
        ("zoom-default", "Sh0rt", &["min_length"]),
        (
            "zoom-default",
            "11111111",
            &["letter", "mixed_case", "not_one_character"],
        ),
        (
            "zoom-default",
            "12345678",
            &["letter", "mixed_case", "no_consecutive_run"],
        ),
        ("zoom-default", "Abcdef42", &["no_consecutive_run"]),
        ("zoom-default", "Abcde-42", &[]),
        (
            "zoom-default",
            "Aa1.Aa1.Aa1.Aa1.Aa1.Aa1.Aa1.Aa1.",
            &["max_length"],
        ),
        ("uipath-default", "PATRONUS", &["digit", "lowercase"]),
        ("uipath-default", "p4tronu", &["min_length"]),
        ("aspnet-default", "Passw0rd!", &[]),
        ("aspnet-default", "Passwörd1", &[]),
        (
            "aspnet-default",
            "      ",
            &["min_length", "digit", "uppercase", "lowercase"],
        ),
        ("nist-800-63b-4", "fourteen chars", &["min_length"]),
        ("nist-800-63b-4", "fifteen charact", &[]),
        ("nist-800-63b-4", "aaaaaaaaaaaaaaa", &[]),
        (
            "nist-800-63b-4",
            "e\u{301}teen e\u{301}teen e\u{301}t",
            &["min_length"],
        ),
    ];
    for (preset, text, broken) in rows {
        assert_eq!(
            codes(&PasswordPolicy::preset(preset).unwrap(), text),
            *broken,
            "{preset}: {text}"
        );
    }
}

#[test]
fn preset_round_trips_through_its_name() {
    for preset in Preset::ALL {
        assert_eq!(preset.to_string().parse(), Ok(preset));
        assert_eq!(PasswordPolicy::preset(preset.name()), Ok(preset.into()));
    }
    assert_eq!(
        PasswordPolicy::preset("zoom").unwrap_err().to_string(),
        "unknown preset; known presets: zoom-default, uipath-default, aspnet-default, nist-800-63b-4"
    );
}

#[test]
fn violations_of_unpublished_rules_are_approximate() {
    let zoom = PasswordPolicy::from(Preset::ZoomDefault);
    let marked: Vec<_> = zoom
        .rules()
        .filter(|(_, certainty)| *certainty != Certainty::Exact)
        .collect();
    assert_eq!(
        marked,
        [
            (&Rule::MaxLength(31), Certainty::Approximate),
            (&Rule::NoConsecutiveRun(Some(5)), Certainty::Approximate),
            (&Rule::NotCurrent, Certainty::ProviderOnly),
            (&Rule::NotRecent(None), Certainty::ProviderOnly),
            (&Rule::ChangesPerDay, Certainty::ProviderOnly),
        ]
    );
    let certainty = |text| {
        let broken = zoom.check(&Password::new(text).unwrap());
        broken.iter().map(Violation::certainty).collect::<Vec<_>>()
    };
    assert_eq!(certainty("Sh0rt"), [Certainty::Exact]);
    assert_eq!(certainty("Abcdef42"), [Certainty::Approximate]);
    // Five characters, seven bytes: Zoom does not document which it counts.
    assert_eq!(certainty("Ñ0ñtx"), [Certainty::Approximate]);
}

#[test]
fn rules_beyond_the_password_are_provider_only() {
    let rules = [
        Rule::NoConsecutiveRun(None),
        Rule::NotCommon,
        Rule::NotBreached,
        Rule::NotCurrent,
        Rule::NotRecent(Some(3)),
        Rule::ChangesPerDay,
        Rule::MinAge(None),
        Rule::NotUserData,
        Rule::Other("X".into()),
    ];
    let policy = PasswordPolicy::builder().exact(rules).build().unwrap();
    assert!(
        policy
            .rules()
            .all(|(_, certainty)| certainty == Certainty::ProviderOnly)
    );
    assert_eq!(policy.rules().count(), 9);
}

#[test]
fn provider_only_rules_are_listed_but_not_checked() {
    let policy = PasswordPolicy::builder()
        .provider_only([Rule::Digit])
        .build()
        .unwrap();
    assert!(codes(&policy, "none").is_empty());
    assert_eq!(
        policy.explain()[0].to_string(),
        "at least one digit (known only to the provider)"
    );
}

#[test]
fn violations_are_ordered_and_name_their_layer() {
    let own = [Rule::NotOneCharacter, Rule::Special, Rule::MinLength(12)];
    let both = PasswordPolicy::from(Preset::ZoomDefault)
        .and_local(PasswordPolicy::builder().exact(own).build().unwrap())
        .unwrap();
    let broken = both.check(&Password::new("1111").unwrap());
    let violations: Vec<_> = broken.iter().map(|v| (v.layer(), v.rule().clone())).collect();
    assert_eq!(
        violations,
        [
            (PolicyLayer::Provider, Rule::MinLength(8)),
            (PolicyLayer::Provider, Rule::Letter),
            (PolicyLayer::Provider, Rule::MixedCase),
            (PolicyLayer::Provider, Rule::NotOneCharacter),
            (PolicyLayer::Caller, Rule::MinLength(12)),
            (PolicyLayer::Caller, Rule::Special),
            (PolicyLayer::Caller, Rule::NotOneCharacter),
        ]
    );
}

#[test]
fn builder_replaces_a_rule_with_the_same_code() {
    let builder = || PasswordPolicy::builder().exact([Rule::MinLength(8), Rule::MinLength(10)]);
    let rules = |builder: PolicyBuilder| {
        let policy = builder.build().unwrap();
        policy.rules().map(|(rule, _)| rule.clone()).collect::<Vec<_>>()
    };
    assert_eq!(rules(builder()), [Rule::MinLength(10)]);
    assert_eq!(rules(builder().without(&Rule::MinLength(0))), []);
    let other = |code: &str| Rule::Other(code.into());
    assert_eq!(
        rules(builder().exact([other("B"), other("A"), other("B")])).len(),
        3
    );
}

#[test]
fn explain_describes_the_rules_of_both_layers() {
    let own = PasswordPolicy::builder()
        .exact([Rule::MinLength(12), Rule::NotBreached])
        .build()
        .unwrap();
    let both = PasswordPolicy::from(Preset::UipathDefault)
        .and_local(own)
        .unwrap();
    let words: Vec<_> = both
        .explain()
        .iter()
        .map(|rule| format!("{}: {rule}", rule.layer()))
        .collect();
    assert_eq!(
        words,
        [
            "provider: at least 8 characters",
            "provider: at least one digit",
            "provider: at least one lower-case letter",
            "provider: none of the recent passwords (known only to the provider)",
            "own policy: at least 12 characters",
            "own policy: not known from a breach (not judged by the policy alone)",
        ]
    );
    assert_eq!(
        serde_json::to_string(&both.explain()[0]).unwrap(),
        r#"{"code":"min_length","limit":8,"message":"at least 8 characters","layer":"provider","certainty":"exact"}"#
    );
    let nist = PasswordPolicy::from(Preset::Nist80063b4);
    assert_eq!(
        nist.to_string(),
        "at least 15 characters\nnot easy to guess (known only to the provider)\n\
         counted in Unicode code points after normalisation to NFC"
    );
}

#[test]
fn violation_serializes_its_certainty_only_if_approximate() {
    let zoom = LayeredPolicy::from(PasswordPolicy::from(Preset::ZoomDefault));
    let json = |text| serde_json::to_string(&zoom.check(&Password::new(text).unwrap())).unwrap();
    assert_eq!(
        json("Sh0rt"),
        r#"[{"code":"min_length","limit":8,"message":"at least 8 characters","layer":"provider"}]"#
    );
    assert!(json("Abcdef42").ends_with(r#""layer":"provider","certainty":"approximate"}]"#));
}
