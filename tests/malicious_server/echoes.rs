//! Providers that echo the request, in the encodings of frameworks and gateways.

use std::fmt::Write as _;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use repass::{CallContext, Password, PasswordChange, Services};
use repass_testkit::fault_server::{FaultServer, RawResponse};
use serde_json::json;

const NEW: &str = "Canary'New+Pässw0rd<77>";
const OLD: &str = "Vorher&\"Geheim\"/66 ok";
const TOKEN: &str = "tokCANARY/ab+cd=xyz0123456789";
const USER: &str = "a11ce000-0000-4000-8000-000000000001";

// Each fits between the quotes of a JSON string.
fn encoded(secret: &str) -> Vec<String> {
    let inside = |text: &str| {
        let quoted = json!(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let all = |of: fn(char) -> String| secret.chars().map(of).collect::<String>();
    let net = all(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '/' => c.to_string(),
        other => format!("\\u{:04X}", u32::from(other)),
    });
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let base64 = |text: String| Base64::encode_string(text.as_bytes());
    let hex = secret.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    vec![
        inside(secret),
        net.clone(),
        net.replace("\\u00E4", "\\u00e4").replace("\\u003C", "\\u003c"),
        inside(&net),
        inside(secret).replace('/', "\\/"),
        all(|c| format!("&#x{:X};", u32::from(c))),
        all(|c| format!("&#{}", u32::from(c))),
        percent.clone(),
        utf8_percent_encode(&percent, NON_ALPHANUMERIC).to_string(),
        inside(&secret.bytes().map(char::from).collect::<String>()),
        inside(&secret.to_uppercase()),
        inside(&secret[..secret.len() - 4]) + "...",
        base64(secret.to_owned()),
        base64(format!("u:{secret}")),
        base64(format!("alice:{secret}")),
        base64(json!({ "password": secret, "token": secret }).to_string()),
        hex,
    ]
}

fn services(address: std::net::SocketAddr) -> Services {
    let auth =
        format!("auth = {{ kind = \"bearer\", token = {{ command = [\"printf\", \"%s\", \"{TOKEN}\"] }} }}");
    let text = format!(
        "[providers.zoom]\nkind = \"zoom\"\nplan = \"unlimited\"\nbase_url = \"http://{address}/v2\"\n{auth}\n\
         [providers.portal]\nkind = \"identity\"\nbase_url = \"http://{address}/identity\"\n{auth}\n"
    );
    Services::builder().toml(&text).build().unwrap()
}

fn assert_clean(shown: &str, what: &str) {
    let shown = shown.to_lowercase();
    for secret in [NEW, OLD, TOKEN] {
        for form in encoded(secret) {
            assert!(!shown.contains(&form.to_lowercase()), "{what}: {form} in {shown}");
        }
        let letters: Vec<char> = secret.to_lowercase().chars().collect();
        for part in letters.windows(6) {
            let part: String = part.iter().collect();
            assert!(!shown.contains(&part), "{what}: {part} in {shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn echoed_secret_is_redacted_in_every_encoding() {
    for secret in [NEW, OLD, TOKEN] {
        for form in encoded(secret) {
            let body = format!(
                "{{\"code\":9999,\"message\":\"Value '{form}' is bad\",\"succeeded\":false,\"errors\":[{{\"code\":\"{form}\",\
                 \"field\":\"{form}\",\"message\":\"{form}\",\"description\":\"The value '{form}' is not valid.\"}}]}}"
            );
            let id = form.replace(|c: char| !c.is_ascii(), "");
            let problem =
                format!("{{\"errors\":{{\"{form}\":[\"{form}\"]}},\"title\":\"{form}\",\"status\":400}}");
            for body in [body, problem] {
                let head = format!(
                    "HTTP/1.1 400 No\r\nx-zm-trackingid: {id}\r\ntraceparent: {id}\r\nwww-authenticate: Bearer \
                     error=\"{id}\"\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                let response = RawResponse::new([head, body].concat());
                let server = FaultServer::start(move |_| response.clone()).await;
                let services = services(server.address());
                for provider in ["zoom", "portal"] {
                    let password = |text| Password::new(text).unwrap();
                    let user = USER.parse().unwrap();
                    let change = match provider {
                        "zoom" if secret == OLD => continue,
                        "zoom" => PasswordChange::reset(user, password(NEW)),
                        _ => PasswordChange::change(user, password(OLD), password(NEW)),
                    };
                    let cx = CallContext::with_budget(Duration::from_secs(20));
                    let service = services.get(provider).unwrap();
                    let error = service.change_password(&cx, &change).await.unwrap_err();
                    let detail = error.provider_detail().map(ToString::to_string);
                    let shown = format!(
                        "{error}\n{error:?}\n{detail:?}\n{}\n{}",
                        json!(error.violations()),
                        json!(error.field_problems())
                    );
                    assert!(
                        shown.contains("[redacted]") || shown.contains("[token]"),
                        "{form}: {shown}"
                    );
                    assert_clean(&shown, &format!("{form} at {provider}"));
                }
            }
        }
    }
}
