//! What each layer adds to a change, without a network: `cargo bench -p repass-tests --bench layers`.
//! What a whole change costs beside other clients: `cargo run --release -p xtask -- performance`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use divan::{Bencher, black_box};
use repass::{
    CallContext, InMemoryPasswordService, Layers, Password, PasswordChange, PasswordPolicy, PasswordService,
    UserId,
};
use repass_identity::{IdentityService, IdentitySettings};
use repass_transport::{
    Credentials, HeaderValue, HttpClient, HttpTransport, Idempotency, Method, Request, Response, SecretBody,
    StatusCode, Timeouts, Token, Transport, TransportError,
};
use repass_zoom::{BodyEncoding, ZoomService, ZoomSettings};
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

const PASSWORD: &str = "New-Passw0rd-of-nobody";
const EMAIL: &str = "alice@example.com";
const GUID: &str = "00000000-0000-4000-8000-000000000001";

/// A network that has answered before it was asked.
#[derive(Debug)]
struct Applied;

#[async_trait]
impl HttpClient for Applied {
    async fn attempt(
        &self,
        request: &Request,
        _: Option<HeaderValue>,
        _: Duration,
    ) -> Result<Response, TransportError> {
        black_box(request.secret_body());
        Ok(if request.method() == Method::PUT {
            Response::new(StatusCode::NO_CONTENT)
        } else {
            Response::new(StatusCode::OK).with_body(r#"{"succeeded":true,"errors":[]}"#)
        })
    }
}

fn transport() -> HttpTransport {
    let token = Token::bearer(&"made-up".into()).unwrap_or_else(|error| panic!("{error}"));
    HttpTransport::new(Applied, Credentials::Fixed(token), Timeouts::default())
}

fn password() -> Password {
    Password::new(PASSWORD).unwrap_or_else(|error| panic!("{error}"))
}

fn user(id: &str) -> UserId {
    id.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn runtime() -> Runtime {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.unwrap_or_else(|error| panic!("{error}"))
}

fn changes(bencher: Bencher, service: &Arc<dyn PasswordService>, change: &PasswordChange) {
    let (runtime, cx) = (runtime(), CallContext::default());
    bencher.bench_local(|| {
        let changed = runtime.block_on(service.change_password(&cx, change));
        assert!(changed.is_ok());
    });
}

mod domain {
    use super::{Bencher, EMAIL, PASSWORD, Password, PasswordPolicy, UserId, black_box, password};

    #[divan::bench]
    fn password_from_text() -> Option<Password> {
        Password::new(black_box(PASSWORD)).ok()
    }

    #[divan::bench]
    fn user_id_from_text() -> Option<UserId> {
        black_box(EMAIL).parse().ok()
    }

    #[divan::bench]
    fn policy_check(bencher: Bencher) {
        let policy = PasswordPolicy::preset("zoom-default").unwrap_or_else(|error| panic!("{error}"));
        let password = password();
        bencher.bench_local(|| policy.check(black_box(&password)).is_empty());
    }
}

mod transport {
    use super::{
        Bencher, Idempotency, Method, PASSWORD, Request, SecretBody, Transport as _, black_box, runtime,
    };

    #[divan::bench]
    fn json_body() -> SecretBody {
        SecretBody::json(&[black_box(PASSWORD)])
    }

    #[divan::bench]
    fn multipart_body() -> SecretBody {
        SecretBody::multipart(&[("password", black_box(PASSWORD))])
    }

    #[divan::bench]
    fn delivery(bencher: Bencher) {
        let (runtime, transport) = (runtime(), super::transport());
        let request = Request::new("bench", Method::PUT, Idempotency::NonIdempotent).body(json_body());
        bencher.bench_local(|| runtime.block_on(transport.deliver(&request)).is_ok());
    }
}

mod adapters {
    use super::{
        Arc, Bencher, BodyEncoding, EMAIL, GUID, IdentityService, IdentitySettings, PasswordChange,
        PasswordService, ZoomService, ZoomSettings, changes, password, user,
    };

    fn zoom(body: BodyEncoding) -> Arc<dyn PasswordService> {
        let config = ZoomSettings {
            body,
            ..ZoomSettings::default()
        };
        Arc::new(ZoomService::new("zoom", config, Arc::new(super::transport())))
    }

    #[divan::bench]
    fn zoom_form_data(bencher: Bencher) {
        let change = PasswordChange::reset(user(EMAIL), password());
        changes(bencher, &zoom(BodyEncoding::FormData), &change);
    }

    #[divan::bench]
    fn zoom_json(bencher: Bencher) {
        let change = PasswordChange::reset(user(EMAIL), password());
        changes(bencher, &zoom(BodyEncoding::Json), &change);
    }

    #[divan::bench]
    fn portal(bencher: Bencher) {
        let service = IdentityService::new(
            "portal",
            IdentitySettings::default(),
            Arc::new(super::transport()),
        );
        let service: Arc<dyn PasswordService> = Arc::new(service);
        let change = PasswordChange::change(user(GUID), password(), password());
        changes(bencher, &service, &change);
    }
}

mod guards {
    use super::{
        Arc, Bencher, EMAIL, InMemoryPasswordService, Layers, PASSWORD, PasswordChange, PasswordService,
        changes, password, user,
    };

    fn fake() -> Arc<dyn PasswordService> {
        Arc::new(InMemoryPasswordService::new("fake").with_user(EMAIL, PASSWORD))
    }

    #[divan::bench]
    fn none(bencher: Bencher) {
        changes(bencher, &fake(), &PasswordChange::reset(user(EMAIL), password()));
    }

    #[divan::bench]
    fn all_but_audit_and_own_rules(bencher: Bencher) {
        let guarded = Layers::default()
            .max_in_flight(std::num::NonZeroUsize::MIN)
            .wrap(fake());
        changes(bencher, &guarded, &PasswordChange::reset(user(EMAIL), password()));
    }
}
