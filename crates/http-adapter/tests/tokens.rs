//! Signed assertions, the keys that sign them, and what token endpoints answer.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use repass_domain::{CallContext, Error, Outcome, Password, PasswordChange, PasswordService as _};
use repass_http_provider::{HttpService, SigningKey, Table, login, private_key_jwt, service_account};
use repass_transport::{
    Credentials, HttpTransport, MockHttpClient, Response, StatusCode, Timeouts, Transport,
};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};

// Made for these tests: ring makes no RSA keys.
const RSA_2048: &[u8] = include_bytes!("keys/rsa-2048.pk8");
const RSA_1024: &[u8] = include_bytes!("keys/rsa-1024.pk8");
const TOKEN_URL: &str = "https://token.example.com/oauth2/token";

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = Base64::encode_string(der);
    let lines = base64
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap());
    let lines: Vec<&str> = lines.collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn ecdsa_der() -> Vec<u8> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    pkcs8.unwrap().as_ref().to_vec()
}

/// What stands in for a certificate: it holds the public key.
fn certificate(public_key: &[u8]) -> Vec<u8> {
    [b"subject ", public_key, b" signature"].concat()
}

fn key(pem: &str) -> Result<SigningKey, String> {
    SigningKey::from_pem(&pem.into()).map_err(|invalid| invalid.to_string())
}

/// A token endpoint that answers so, with the fields of each form that it got.
fn endpoint(status: u16, body: &'static str) -> (Arc<dyn Transport>, Forms) {
    let forms = Forms::default();
    let seen = Arc::clone(&forms);
    let mut client = MockHttpClient::new();
    client
        .expect_attempt()
        .returning(move |request, authorization, _| {
            assert!(authorization.is_none());
            let body_sent = request.secret_body().unwrap();
            assert_eq!(body_sent.content_type(), "application/x-www-form-urlencoded");
            let bytes = body_sent.bytes();
            let form = std::str::from_utf8(&bytes).unwrap();
            let fields = form.split('&').map(|field| {
                let (name, value) = field.split_once('=').unwrap();
                (name.to_owned(), decoded(value))
            });
            seen.lock().unwrap().push(fields.collect());
            Ok(Response::new(StatusCode::from_u16(status).unwrap()).with_body(body))
        });
    let transport = HttpTransport::new(client, Credentials::None, Timeouts::default());
    (Arc::new(transport), forms)
}

type Forms = Arc<Mutex<Vec<BTreeMap<String, String>>>>;

fn decoded(value: &str) -> String {
    let spaced = value.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

/// One change at a provider that takes what these credentials show.
async fn change_with(credentials: Credentials) -> Result<(), Error> {
    change(&service_with(credentials)).await
}

async fn change(service: &HttpService) -> Result<(), Error> {
    let change = PasswordChange::reset("alice".parse().unwrap(), Password::new("New-Passw0rd-1").unwrap());
    service
        .change_password(&CallContext::default(), &change)
        .await
        .map(drop)
}

fn service_with(credentials: Credentials) -> HttpService {
    let mut api = MockHttpClient::new();
    api.expect_attempt().returning(|_, authorization, _| {
        let is_granted = authorization.is_some_and(|shown| shown == "Bearer granted");
        let status = if is_granted {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::FORBIDDEN
        };
        Ok(Response::new(status))
    });
    let table = Table::from_toml(
        "reset = { method = \"PUT\", path = \"/users/{user}/password\", body = { password = \"{new}\" } }\n\
         rows = [{ status = 204, then = \"applied\" }]",
    );
    let transport = HttpTransport::new(api, credentials, Timeouts::default());
    HttpService::new("test", Arc::new(table.unwrap()), Arc::new(transport))
}

/// Header, claims, and what was signed with its signature.
fn parts(assertion: &str) -> (Value, Value, String, Vec<u8>) {
    let (message, signature) = assertion.rsplit_once('.').unwrap();
    let decode = |part: &str| Base64UrlUnpadded::decode_vec(part).unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let read = |part: &str| serde_json::from_slice(&decode(part)).unwrap();
    (read(header), read(claims), message.to_owned(), decode(signature))
}

const GRANTED: &str = r#"{"access_token":"granted","expires_in":3599}"#;

#[tokio::test]
async fn client_assertion_is_signed_by_rsa_and_names_client_endpoint_and_key() {
    let (endpoint, forms) = endpoint(200, GRANTED);
    let key = key(&pem("PRIVATE KEY", RSA_2048)).unwrap().named(Some("key-1"));
    let credentials = private_key_jwt(endpoint, TOKEN_URL, "client 1", key, "users.manage", Some("api"));
    change_with(credentials).await.unwrap();
    let forms = forms.lock().unwrap();
    let [form] = &forms[..] else {
        panic!("one token request, not {}", forms.len())
    };
    let names: Vec<&str> = form.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "audience",
            "client_assertion",
            "client_assertion_type",
            "client_id",
            "grant_type",
            "scope"
        ]
    );
    let fixed = [
        &form["audience"],
        &form["client_assertion_type"],
        &form["client_id"],
        &form["grant_type"],
    ];
    assert_eq!(
        fixed,
        [
            "api",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client 1",
            "client_credentials"
        ]
    );
    assert_eq!(form["scope"], "users.manage");
    let (header, claims, message, signature) = parts(&form["client_assertion"]);
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&"client 1".into(), &"client 1".into())
    );
    assert_eq!(claims["aud"], TOKEN_URL);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (issued, expires) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert!(
        issued <= now && now < expires && expires - issued <= 600,
        "{claims}"
    );
    let public = RsaKeyPair::from_pkcs8(RSA_2048)
        .unwrap()
        .public_key()
        .as_ref()
        .to_vec();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    public.verify(message.as_bytes(), &signature).unwrap();
    let other = public.verify(format!("{message}.").as_bytes(), &signature);
    assert!(other.is_err());
}

#[tokio::test]
async fn service_account_assertion_holds_scope_and_subject() {
    for (subject, expected) in [
        (Some("admin@example.com"), json!("admin@example.com")),
        (None, Value::Null),
    ] {
        let (endpoint, forms) = endpoint(200, GRANTED);
        let der = ecdsa_der();
        let key = key(&pem("PRIVATE KEY", &der)).unwrap();
        let account = "repass@project.iam.gserviceaccount.com";
        change_with(service_account(endpoint, TOKEN_URL, account, key, "a b", subject))
            .await
            .unwrap();
        let forms = forms.lock().unwrap();
        let form = &forms[0];
        assert_eq!(form.len(), 2, "{:?}", form.keys());
        assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let (header, claims, message, signature) = parts(&form["assertion"]);
        assert_eq!(header, json!({ "alg": "ES256", "typ": "JWT" }));
        assert_eq!(
            (&claims["iss"], &claims["aud"], &claims["scope"], &claims["sub"]),
            (&account.into(), &TOKEN_URL.into(), &"a b".into(), &expected)
        );
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new());
        let public = pair.unwrap().public_key().as_ref().to_vec();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public);
        public.verify(message.as_bytes(), &signature).unwrap();
    }
}

#[tokio::test]
async fn certificate_beside_the_key_is_named_by_its_digest() {
    let public = RsaKeyPair::from_pkcs8(RSA_2048)
        .unwrap()
        .public_key()
        .as_ref()
        .to_vec();
    let certificate = certificate(&public);
    let digest = ring::digest::digest(&ring::digest::SHA256, &certificate);
    let both = pem("CERTIFICATE", &certificate) + &pem("PRIVATE KEY", RSA_2048);
    let (endpoint, forms) = endpoint(200, GRANTED);
    change_with(private_key_jwt(
        endpoint,
        TOKEN_URL,
        "c",
        key(&both).unwrap(),
        "s",
        None,
    ))
    .await
    .unwrap();
    let (header, ..) = parts(&forms.lock().unwrap()[0]["client_assertion"]);
    assert_eq!(
        header["x5t#S256"],
        Base64UrlUnpadded::encode_string(digest.as_ref())
    );
    let of_another = pem("PRIVATE KEY", &ecdsa_der()) + &pem("CERTIFICATE", &certificate);
    assert!(
        key(&of_another)
            .unwrap_err()
            .contains("certificate of another key")
    );
}

/// An endpoint may take an assertion once only.
#[tokio::test(start_paused = true)]
async fn assertion_is_shown_once() {
    let credentials = |endpoint| {
        let key = key(&pem("PRIVATE KEY", &ecdsa_der())).unwrap();
        private_key_jwt(endpoint, TOKEN_URL, "c", key, "s", None)
    };
    let (broken, forms) = endpoint(503, "");
    let error = change_with(credentials(broken)).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert_eq!(forms.lock().unwrap().len(), 1);
    let (short, forms) = endpoint(200, r#"{"access_token":"granted","expires_in":0}"#);
    let service = service_with(credentials(short));
    for _ in 0..3 {
        change(&service).await.unwrap();
    }
    let forms = forms.lock().unwrap();
    let serials = forms
        .iter()
        .map(|form| parts(&form["client_assertion"]).1["jti"].to_string());
    let serials: BTreeSet<String> = serials.collect();
    assert_eq!((forms.len(), serials.len()), (3, 3));
    assert!(serials.iter().all(|serial| serial.len() >= 22), "{serials:?}");
}

#[tokio::test]
async fn refusal_of_an_assertion_says_what_to_check() {
    for (body, part) in [
        (
            r#"{"error":"invalid_client","error_description":"The client_assertion signature is invalid."}"#,
            "public part",
        ),
        (
            r#"{"error":"invalid_client","error_description":"The client_assertion token is expired."}"#,
            "clock",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."}"#,
            "clock",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"Invalid email or User ID"}"#,
            "`subject`",
        ),
        (
            r#"{"error":"unauthorized_client","error_description":"Client is unauthorized"}"#,
            "allow it at the provider",
        ),
        (r#"{"error":"invalid_scope"}"#, "`scope`"),
        (r#"{"error":"invalid_dpop_proof"}"#, "DPoP"),
    ] {
        let (endpoint, _) = endpoint(400, body);
        let key = key(&pem("PRIVATE KEY", &ecdsa_der())).unwrap();
        let error = change_with(private_key_jwt(endpoint, TOKEN_URL, "c", key, "s", None))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (repass_domain::ErrorKind::Unauthenticated, Outcome::NotApplied)
        );
        assert!(error.to_string().contains(part), "{body}: {error}");
    }
}

#[test]
fn unusable_key_is_refused_with_what_is_wrong_and_where() {
    let p384 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let ed25519 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let good = pem("PRIVATE KEY", RSA_2048);
    let line_4 = good.lines().nth(3).unwrap();
    let mut truncated = RSA_2048.to_vec();
    truncated.truncate(600);
    for (text, part) in [
        (String::new(), "no PEM block"),
        ("secret".to_owned(), "no PEM block"),
        (
            json!({ "type": "service_account", "private_key": good }).to_string(),
            "jq",
        ),
        (good.replace('\n', "\\n"), "two characters"),
        (pem("RSA PRIVATE KEY", RSA_2048), "openssl pkcs8"),
        (pem("EC PRIVATE KEY", RSA_2048), "openssl pkcs8"),
        (pem("ENCRYPTED PRIVATE KEY", RSA_2048), "encrypted"),
        (pem("OPENSSH PRIVATE KEY", RSA_2048), "ssh-keygen"),
        (pem("PUBLIC KEY", RSA_2048), "public part only"),
        (pem("CERTIFICATE", RSA_2048), "public part only"),
        (
            good.replace(line_4, &line_4.replace(['A', 'B', 'e'], "?")),
            "in line 4",
        ),
        (
            good.replace("-----END PRIVATE KEY-----", ""),
            "begins in line 1; it was cut",
        ),
        (
            format!("# mine\n{}", good.replace("\n-----END", "A\n-----END")),
            "begins in line 2",
        ),
        (pem("PRIVATE KEY", &truncated), "InvalidEncoding"),
        (pem("PRIVATE KEY", RSA_1024), "fewer than 2048 bits"),
        (pem("PRIVATE KEY", p384.as_ref()), "another curve than P-256"),
        (pem("PRIVATE KEY", ed25519.as_ref()), "another type"),
    ] {
        let problem = key(&text).unwrap_err();
        assert!(problem.contains(part), "{part}: {problem}");
        assert!(!problem.contains(&good[40..60]), "{problem}");
    }
    // Windows' line ends, blanks, and other blocks before it.
    let surrounded = format!("{}  {}", pem("EC PARAMETERS", b"x"), good.replace('\n', " \r\n"));
    key(&surrounded).unwrap();
}

const LOGIN: &str = r#"
reset = { method = "PUT", path = "/users/{user}/password", body = { password = "{new}" } }
rows = [{ status = 204, then = "applied" }]
[login]
method = "POST"
path = "/sessions"
body = { name = "{username}", password = "{password}" }
status = 201
"#;

/// What a login comes to at an endpoint that answers so, and what it and the API were sent.
async fn log_in(
    place: &str,
    response: Response,
    changes: usize,
) -> (Vec<Result<(), Error>>, usize, Vec<String>) {
    let table = Arc::new(Table::from_toml(&format!("{LOGIN}{place}")).unwrap());
    let (logins, shown) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(Vec::new())));
    let count = Arc::clone(&logins);
    let mut client = MockHttpClient::new();
    client
        .expect_attempt()
        .returning(move |request, authorization, _| {
            assert_eq!((request.path(), authorization.is_none()), ("/sessions", true));
            let body = request.secret_body().unwrap().bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body, json!({ "name": "root", "password": "Canary-Passw0rd-5" }));
            *count.lock().unwrap() += 1;
            Ok(response.clone())
        });
    let endpoint = HttpTransport::new(client, Credentials::None, Timeouts::default());
    let password = "Canary-Passw0rd-5".into();
    let credentials = login(Arc::new(endpoint), &table, "root", &password).unwrap();
    let seen = Arc::clone(&shown);
    let mut api = MockHttpClient::new();
    api.expect_attempt().returning(move |request, authorization, _| {
        let mut headers = request.headers();
        let own = headers.find(|(name, _)| name.as_str().starts_with("x-"));
        let value = authorization.or_else(|| own.map(|(_, value)| value.clone()));
        seen.lock()
            .unwrap()
            .push(value.unwrap().to_str().unwrap().to_owned());
        Ok(Response::new(StatusCode::NO_CONTENT))
    });
    let transport = HttpTransport::new(api, credentials, Timeouts::default());
    let service = HttpService::new("test", table, Arc::new(transport));
    let mut results = Vec::new();
    for _ in 0..changes {
        results.push(change(&service).await);
    }
    let shown = shown.lock().unwrap().clone();
    (results, *logins.lock().unwrap(), shown)
}

fn created(body: &'static str) -> Response {
    Response::new(StatusCode::CREATED).with_body(body)
}

#[tokio::test(start_paused = true)]
async fn login_token_is_taken_from_body_or_header_until_it_expires() {
    let past = "Wed, 21 Oct 2015 07:28:00 GMT";
    for (place, response, shown, logins) in [
        (
            "token_at = '/token'",
            created(r#"{"token":"t1"}"#),
            "Bearer t1",
            1,
        ),
        (
            "token_at = '/data/0/key'\nheader = 'X-Session'\nvalue = 'key {token}'",
            created(r#"{"data":[{"key":17}]}"#),
            "key 17",
            1,
        ),
        (
            "token_header = 'X-Subject-Token'\nheader = 'X-Auth-Token'\nexpires_at = '/until'",
            created(r#"{"until":"2015-10-21T08:28:00.000000Z"}"#)
                .with_header("x-subject-token", "t2")
                .with_header("date", past),
            "t2",
            1,
        ),
        (
            "token_at = '/token'\nexpires_at = '/until'",
            created(r#"{"token":"t3","until":"2015-10-21T07:28:00Z"}"#).with_header("date", past),
            "Bearer t3",
            3,
        ),
        (
            "token_at = '/token'\nexpires_in = '/s'",
            created(r#"{"token":"t4","s":3600}"#),
            "Bearer t4",
            1,
        ),
        (
            "token_at = '/token'\nexpires_in = '/s'",
            created(r#"{"token":"t5","s":"0"}"#),
            "Bearer t5",
            3,
        ),
    ] {
        let (results, count, seen) = log_in(place, response, 3).await;
        assert!(results.iter().all(Result::is_ok), "{place}: {results:?}");
        assert_eq!((count, seen), (logins, vec![shown.to_owned(); 3]), "{place}");
    }
}

/// A wrong password counts towards a lock-out, and a login page holds none.
#[tokio::test(start_paused = true)]
async fn login_that_gives_no_token_is_not_repeated() {
    use repass_domain::ErrorKind::{Misconfigured, Unauthenticated, Unreachable};
    let response = |status: u16, body: &'static str| {
        Response::new(StatusCode::from_u16(status).unwrap()).with_body(body)
    };
    for (response, kind, part) in [
        (
            response(401, r#"{"error":{"code":401,"message":"no"}}"#),
            Unauthenticated,
            "check them",
        ),
        (
            response(
                403,
                r#"{"errcode":"M_FORBIDDEN","error":"Invalid username or password"}"#,
            ),
            Unauthenticated,
            "`username`",
        ),
        (response(200, r#"{"token":"t"}"#), Misconfigured, "`login`"),
        (response(201, "<html>log in</html>"), Misconfigured, "`login`"),
        (response(201, r#"{"token":null}"#), Misconfigured, "`login`"),
        (response(503, ""), Unreachable, "503"),
    ] {
        let (results, count, seen) = log_in("token_at = '/token'", response, 1).await;
        let error = results[0].as_ref().unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome(), count),
            (kind, Outcome::NotApplied, 1),
            "{error}"
        );
        assert!(
            error.to_string().contains(part) && !error.to_string().contains("Canary"),
            "{part}: {error}"
        );
        assert!(seen.is_empty(), "{seen:?}");
    }
    let without = Table::from_toml(LOGIN.split("[login]").next().unwrap()).unwrap();
    let (endpoint, _) = endpoint(200, "");
    assert!(login(endpoint, &without, "root", &"p".into()).is_none());
}
