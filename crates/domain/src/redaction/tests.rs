use base64ct::{Base64, Base64Unpadded, Base64Url, Base64UrlUnpadded, Encoding as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use unicode_normalization::UnicodeNormalization as _;

use super::*;

const PLAIN: &str = "Canary7New8Passw0rd9";
const MARKS: &str = "Canary'New+Passw0rd-77";
const WIDE: &str = "Cänary<Né&ß>\"Pässw0rd/77";
const GREEK: &str = "Κανάρι'Νέο+Κωδικός";

fn of(secret: &str) -> Redactor {
    Redactor::new().with(&SecretString::from(secret), "[redacted]")
}

fn hex(bytes: &[u8]) -> String {
    joined(bytes.iter().map(|byte| format!("{byte:02x}")), "")
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

// As .NET and Python write JSON.
fn escaped(text: &str, upper: bool) -> String {
    let unit = |unit: u16| match char::from_u32(unit.into()).filter(char::is_ascii_alphanumeric) {
        Some(plain) => plain.to_string(),
        None if upper => format!("\\u{unit:04X}"),
        None => format!("\\u{unit:04x}"),
    };
    text.encode_utf16().map(unit).collect()
}

fn references(text: &str, hexadecimal: bool, end: &str) -> String {
    let reference = |c: char| match (c.is_ascii_alphanumeric(), hexadecimal) {
        (true, _) => c.to_string(),
        (_, true) => format!("&#x{:X}{end}", u32::from(c)),
        (_, false) => format!("&#{}{end}", u32::from(c)),
    };
    text.chars().map(reference).collect()
}

fn named(text: &str) -> String {
    let names = [
        ("&", "&amp;"),
        ("'", "&apos;"),
        ("\"", "&quot;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("ä", "&auml;"),
        ("é", "&eacute;"),
        ("ß", "&szlig;"),
        ("+", "&plus;"),
    ];
    names
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn percent(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

fn percent_bytes(bytes: &[u8], sign: &str) -> String {
    let byte = |byte: &u8| {
        let plain = byte.is_ascii_alphanumeric();
        if plain {
            char::from(*byte).to_string()
        } else {
            format!("{sign}{byte:02X}")
        }
    };
    bytes.iter().map(byte).collect()
}

fn mojibake(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

fn joined(bytes: impl IntoIterator<Item = String>, with: &str) -> String {
    bytes.into_iter().collect::<Vec<_>>().join(with)
}

/// What servers are known to make of a text that they quote.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let body = format!("{{\"oldPassword\":\"x\",\"newPassword\":\"{}\"}}", json(secret));
    let letters = |with: &str| joined(secret.chars().map(String::from), with);
    let mut forms = vec![
        ("as it is", secret.to_owned()),
        ("JSON", json(secret)),
        ("JSON in JSON", json(&json(secret))),
        ("JSON with \\/", json(secret).replace('/', "\\/")),
        ("JSON of .NET", escaped(secret, true)),
        ("JSON of Python", escaped(secret, false)),
        ("JSON of .NET in JSON", json(&escaped(secret, true))),
        ("decimal references", references(secret, false, ";")),
        ("hexadecimal references", references(secret, true, ";")),
        ("names", named(secret)),
        ("names in names", named(&named(secret))),
        (
            "references in JSON of .NET",
            escaped(&references(secret, true, ";"), true),
        ),
        (
            "references, percent-encoded",
            percent(&references(secret, false, ";")),
        ),
        ("Rust", secret.escape_default().to_string()),
        ("percent", percent(secret)),
        ("percent, lower case", percent(secret).to_lowercase()),
        ("percent twice", percent(&percent(secret))),
        ("percent thrice", percent(&percent(&percent(secret)))),
        ("form", percent(secret).replace("%20", "+")),
        ("escape() of scripts", escaped(secret, true).replace("\\u", "%u")),
        ("bytes of C", percent_bytes(secret.as_bytes(), "\\x")),
        ("quoted-printable", percent_bytes(secret.as_bytes(), "=")),
        ("XML name", references(secret, true, "_").replace("&#x", "_x00")),
        ("base64", Base64::encode_string(secret.as_bytes())),
        ("base64url", Base64Url::encode_string(secret.as_bytes())),
        ("base64 of JSON", Base64::encode_string(body.as_bytes())),
        (
            "base64 of JSON of .NET",
            Base64::encode_string(format!("{{\"p\":\"{}\"}}", escaped(secret, true)).as_bytes()),
        ),
        (
            "base64 twice",
            Base64::encode_string(Base64::encode_string(secret.as_bytes()).as_bytes()),
        ),
        ("base64 of UTF-16", Base64::encode_string(&utf16(secret))),
        (
            "base64, percent-encoded",
            percent(&Base64::encode_string(secret.as_bytes())),
        ),
        (
            "base64, with \\/",
            Base64::encode_string(secret.as_bytes()).replace('/', "\\/"),
        ),
        ("hex", hex(secret.as_bytes())),
        ("HEX", hex(secret.as_bytes()).to_uppercase()),
        ("hex of UTF-16", hex(&utf16(secret))),
        (
            "hex of .NET",
            joined(secret.bytes().map(|byte| format!("{byte:02X}")), "-"),
        ),
        (
            "hex of C",
            joined(secret.bytes().map(|byte| format!("0x{byte:02x}")), ", "),
        ),
        ("bytes", joined(secret.bytes().map(|byte| byte.to_string()), ",")),
        (
            "bytes of Java",
            joined(secret.bytes().map(|byte| byte.cast_signed().to_string()), ", "),
        ),
        (
            "code units",
            joined(secret.encode_utf16().map(|unit| unit.to_string()), ", "),
        ),
        ("NFC", secret.nfc().collect()),
        ("NFD", secret.nfd().collect()),
        ("upper case", secret.to_uppercase()),
        ("lower case", secret.to_lowercase()),
        ("mojibake", mojibake(secret)),
        ("mojibake twice", mojibake(&mojibake(secret))),
        ("one letter per blank", letters(" ")),
        ("one letter per line", letters("\r\n")),
        ("zero-width spaces", letters("\u{200b}")),
        ("soft hyphens", letters("\u{ad}")),
    ];
    for before in 1..3 {
        let composite = format!("{}{secret}", &"u:"[..before]);
        forms.push((
            "base64 from inside",
            Base64Unpadded::encode_string(composite.as_bytes()),
        ));
    }
    if let Some(bytes) = latin1(secret) {
        forms.push(("percent of latin-1", percent_bytes(&bytes, "%")));
        forms.push(("base64 of latin-1", Base64::encode_string(&bytes)));
    }
    forms
}

/// No stretch of six letters of the secret, and none that reads so.
fn assert_clean(shown: &str, secret: &str, what: &str) {
    let letters: Vec<char> = secret.to_lowercase().chars().collect();
    for part in letters.windows(Redactor::MIN_PART) {
        let part: String = part.iter().collect();
        assert!(
            !shown.to_lowercase().contains(&part),
            "{what} of {secret}: {part} in {shown}"
        );
    }
}

#[test]
fn redact_removes_a_secret_in_every_form() {
    for secret in [PLAIN, MARKS, WIDE, GREEK, "naïve 🔑 p@ss w0rd"] {
        let redactor = of(secret);
        for (what, form) in forms(secret) {
            let shown = redactor.redact(&format!("(the value '{form}'. it is not valid)"));
            let (before, after) = ("(the value '", "'. it is not valid)");
            let middle = shown
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after));
            let middle = middle.unwrap_or_else(|| panic!("{what} of {secret}: {form} became {shown}"));
            assert!(
                middle.contains("[redacted]"),
                "{what} of {secret}: {form} became {shown}"
            );
            // Besides the mark there may be what a composite holds besides the secret.
            let least = form.chars().count() / 3;
            let left = middle.replace("[redacted]", "").chars().count();
            let composite = what.starts_with("base64 of JSON") || what == "base64 from inside";
            let padding = middle.replace("[redacted]", "");
            let is_padding = padding.chars().all(|c| "%3D=".contains(c));
            assert!(
                left <= 3 || is_padding || composite && left <= 3 * least,
                "{what} of {secret}: {form} became {shown}"
            );
            assert_clean(&shown, secret, what);
        }
    }
}

#[test]
fn redact_removes_six_characters_and_leaves_five() {
    let redactor = of(MARKS);
    for (text, shown) in [
        ("Canary'New+Passw0r...", "[redacted]..."),
        ("...y'New+Pa...", "...[redacted]..."),
        ("...ry'New...", "...[redacted]..."),
        ("...y'New...", "...y'New..."),
        ("Canary*New*Passw0rd*77", "[redacted]"),
        ("C-a-n-a-r-y-N-e-w-P-a-s-s", "[redacted]"),
        ("Canar, rd-77", "Canar, rd-77"),
        ("canary\\u0027n", "[redacted]"),
        // Cut in the middle of an escape.
        ("Canary&#x27;New&#x2B;Passw0&#", "[redacted]&#"),
        ("Canary%27New%2", "[redacted]%2"),
    ] {
        assert_eq!(redactor.redact(text), shown, "{text}");
    }
}

#[test]
fn redact_removes_a_short_secret_only_as_a_whole() {
    let redactor = of("p@s'1");
    for (text, shown) in [
        ("'p@s'1' is too short", "'[redacted]' is too short"),
        (
            "p@s&#39;1, p%40s%271, cEBzJzE=, 7040732731",
            "[redacted], [redacted], [redacted], [redacted]",
        ),
        ("p @ s ' 1", "[redacted]"),
        ("p@s", "p@s"),
    ] {
        assert_eq!(redactor.redact(text), shown, "{text}");
    }
}

#[test]
fn redact_leaves_what_providers_say() {
    let redactor = of(MARKS)
        .with(&SecretString::from("Old-Passw0rd-1"), "[redacted]")
        .with(
            &SecretString::from("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBhc3MifQ.c2lnbmF0dXJl"),
            "[token]",
        );
    for text in [
        "Have at least 10 characters",
        "New password can not match the old password.",
        "Passwords must have at least one non alphanumeric character.",
        "PasswordRequiresNonAlphanumeric",
        "v=2.0;clid=us02;rid=WEB_0123456789abcdef0123456789abcdef",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "User does not exist: 8f14e45f-ceea-467a-9f3c-0123456789ab.",
        "100% of 5 tries & 3 more = 8; see https://example.com/a?b=c&d=%20e",
        "Das Passwort enthält zu wenig Zeichen (mindestens 12).",
        "パスワードは8文字以上で入力してください",
    ] {
        assert_eq!(redactor.redact(text), text);
    }
}

#[test]
fn redact_removes_an_ordinary_word_that_the_secret_holds() {
    assert_eq!(
        of("Password1!").redact("password is too short"),
        "[redacted] is too short"
    );
}

#[test]
fn redact_finds_a_secret_that_itself_looks_encoded() {
    for secret in [
        "A&amp;b'cd",
        "x%2541bc'y",
        "\\u0041bc'd",
        "&#39;&#39;1",
        "=41=42=43",
        "Q2FuYXJ5",
    ] {
        let redactor = of(secret);
        for form in [
            secret.to_owned(),
            json(secret),
            references(secret, true, ";"),
            percent(secret),
            percent(&percent(secret)),
            Base64::encode_string(secret.as_bytes()),
        ] {
            let shown = redactor.redact(&form);
            assert_eq!(shown, "[redacted]", "{form} of {secret}");
        }
    }
}

#[test]
fn redact_finds_a_control_character_that_html_takes_for_another() {
    for text in ["ab\u{9b}cd", "\u{80}x\u{9f}y", "Ann\u{9b} Lee + Smith"] {
        for redactor in [of(text), Redactor::new().with_whole(text, "[redacted]")] {
            for form in [
                text.to_owned(),
                references(text, true, ";"),
                references(text, false, ";"),
                json(text),
            ] {
                assert_eq!(redactor.redact(&form), "[redacted]", "{form} of {text:?}");
            }
        }
    }
}

#[test]
fn redact_finds_a_secret_that_cannot_be_seen() {
    let redactor = of("\u{200b}\u{200d}");
    assert_eq!(
        redactor.redact("'\u{200b}\u{200d}' is bad, \\u200b\\u200d too"),
        "'[redacted]' is bad, [redacted] too"
    );
}

#[test]
fn redact_merges_what_overlaps_and_keeps_marks_apart() {
    let redactor = of("first-secret").with(&SecretString::from("secret-second"), "[token]");
    assert_eq!(redactor.redact("first-secret-second"), "[redacted]");
    let both = of("one-secret").with_whole("alice@example.com", "[user]");
    assert_eq!(
        both.redact("alice@example.com one-secretone-secret alice%40example.com; alice@example.co"),
        "[user] [redacted] [user]; alice@example.co"
    );
    let token = Redactor::new().with(&SecretString::from("a-token/01"), "[token]");
    assert_eq!(
        Redactor::redact_all(&[&both, &token], "one-secret, a-token\\/01"),
        "[redacted], [token]"
    );
}

#[test]
fn redact_reads_a_bounded_prefix_and_shows_no_more() {
    let redactor = of(MARKS);
    let text = format!("{}{MARKS}", "x".repeat(Redactor::MAX_INPUT - 3));
    assert_eq!(
        redactor.redact(&text),
        format!("{}Can…", "x".repeat(Redactor::MAX_INPUT - 3))
    );
    assert_eq!(Redactor::new().redact("any text"), "any text");
    assert_eq!(of("").redact("any text"), "any text");
}

// Without its bounds this would take days.
#[test]
fn redact_of_hostile_text_is_bounded() {
    let redactor = of(WIDE).with(&SecretString::from("k".repeat(1024)), "[redacted]");
    let alternating = "&amp;#x25;\\u0025=25%25".repeat(3000);
    let nested = (0..12).fold("a".repeat(64), |text, _| Base64::encode_string(text.as_bytes()));
    for text in [
        "a".repeat(65_536),
        "%25".repeat(20_000),
        "&amp;".repeat(13_000),
        "\\".repeat(65_536),
        "\\u005c".repeat(10_000),
        "1,".repeat(32_000),
        "9".repeat(65_536),
        "-".repeat(65_536),
        "0x".repeat(32_000),
        "&#".repeat(32_000),
        "&#0000000".repeat(7_000),
        "Ã".repeat(32_000),
        "\u{301}".repeat(32_000),
        "k".repeat(65_536),
        "4142=26%26&amp;".repeat(4_000),
        alternating,
        nested,
    ] {
        assert!(redactor.redact(&text).len() <= 4 * Redactor::MAX_INPUT + 64);
    }
}

#[test]
fn sanitize_is_one_line_and_cut() {
    let redactor = of("long-secret-9");
    let shown = redactor.sanitize(&format!(
        "  \u{1b}[31m{}long-secret-9",
        "x".repeat(Redactor::MAX_CHARS - 8)
    ));
    assert!(!shown.contains("long"), "{shown}");
    assert_eq!(shown.chars().count(), Redactor::MAX_CHARS + 1);
    assert!(shown.starts_with("[31mx") && shown.ends_with('…'), "{shown}");
}

// What gateways name their exchanges by.
const IDS: [&str; 5] = [
    "WEB_0f3a4b5c6d7e8f901234567890abcdef",
    "9c1fa2e0-83b7-4d95-b1c8-0ae6f3d287b4",
    "v=2.0;clid=us04;rid=WEB_5d1e2f3a4b5c",
    "0HN4B2L8Q7R5T:00000003",
    "Zx9_Qm-27.kd",
];

fn passes(text: &str, secret: &str) -> bool {
    let secret = SecretString::from(secret);
    let mut of_call = CallTrigrams::default();
    of_call.add_secret(&secret);
    let of_redactor = of_secret(&secret);
    let is_clean = is_clean(text, &[of_call.table()]);
    // The table of a call is less exact.
    assert!(
        is_clean <= super::is_clean(text, &[of_redactor.trigrams()]),
        "{text}"
    );
    is_clean
}

fn of_secret(secret: &SecretString) -> Redactor {
    Redactor::new().with(secret, "[redacted]")
}

#[test]
fn is_clean_passes_ordinary_request_ids() {
    for id in IDS {
        assert!(passes(id, "Tr0ub4dor&3-xyzzy"), "{id}");
    }
}

#[test]
fn is_clean_passes_most_random_ids() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u128;
    let mut seldom = 0;
    for _ in 0..5_000 {
        random = random.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645) + 1;
        let base64 = Base64UrlUnpadded::encode_string(&(random ^ random >> 64).to_le_bytes());
        for id in [
            format!("v=2.0;clid=us02;rid=WEB_{:032x}", random ^ random >> 64),
            base64,
        ] {
            seldom += usize::from(!passes(&id, "Passw0rd-1-2500"));
        }
    }
    assert!(seldom < 100, "{seldom} of 10000");
}

#[test]
fn is_clean_never_passes_a_hidden_secret() {
    for secret in [
        PLAIN,
        MARKS,
        WIDE,
        GREEK,
        "ab12cd",
        "p%41ss%77ord9",
        "a_x0041_bcdef",
        "&lt;&gt;quoted",
    ] {
        let bytes = secret.as_bytes();
        let mut forms = vec![
            secret.to_owned(),
            secret.to_uppercase(),
            hex(bytes),
            hex(bytes).to_uppercase(),
            joined(bytes.iter().map(|byte| format!("{byte:02x}")), "-"),
            hex(&utf16(secret)),
            Base64::encode_string(bytes),
            Base64Url::encode_string(bytes),
            Base64::encode_string(&utf16(secret)),
            Base64::encode_string(hex(bytes).as_bytes()),
            Base64::encode_string(Base64::encode_string(bytes).as_bytes()),
            Base64::encode_string(escaped(secret, true).as_bytes()),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            joined(secret.chars().map(String::from), "-"),
        ];
        // Packed again, or with what says nothing in between.
        for inner in [
            joined(bytes.iter().map(ToString::to_string), ","),
            joined(bytes.iter().map(ToString::to_string), " "),
            joined(bytes.iter().map(|byte| format!("{byte:02x}")), ":"),
            joined(secret.chars().map(String::from), "\r\n"),
            joined(secret.chars().map(String::from), "=\n"),
            joined(secret.chars().map(String::from), "."),
            percent_bytes(bytes, "="),
            percent_bytes(bytes, "\\x"),
            references(secret, false, ""),
        ] {
            forms.push(Base64::encode_string(inner.as_bytes()));
            forms.push(hex(inner.as_bytes()));
        }
        let from = secret
            .char_indices()
            .nth(secret.chars().count() - Redactor::MIN_PART);
        forms.push(Base64::encode_string(&bytes[from.unwrap().0..]));
        for form in forms {
            for before in ["", "a", "id-", "WEB_", "0f3"] {
                let text = format!("{before}{form}");
                let is_redacted = of(secret).redact(&text) != text;
                assert!(!(is_redacted && passes(&text, secret)), "{secret}: {text}");
            }
        }
    }
}

#[test]
fn is_clean_agrees_with_redact() {
    // Every id with every stretch of a secret in every place.
    for id in IDS {
        let secret = &PLAIN;
        for (from, to) in (0..secret.len()).flat_map(|from| (from..=secret.len()).map(move |to| (from, to))) {
            for at in 0..=id.len() {
                let text = format!("{}{}{}", &id[..at], &secret[from..to], &id[at..]);
                if passes(&text, secret) {
                    assert_eq!(of_plain().redact(&text), text);
                }
            }
        }
    }
}

fn of_plain() -> &'static Redactor {
    static REDACTOR: std::sync::OnceLock<Redactor> = std::sync::OnceLock::new();
    REDACTOR.get_or_init(|| of(PLAIN))
}
