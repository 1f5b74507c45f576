//! A change and its settlement are one thing: no other change of the same user comes in between, and none that came
//! later is overwritten. On a paused clock.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use repass::{
    CallContext, Capabilities, ChangeReceipt, Error, ErrorKind, Layers, Outcome, Password, PasswordChange,
    PasswordPolicy, PasswordService, PasswordServiceExt as _, Resolution, Services, UnknownOutcome, UserId,
};
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const ADDRESS: &str = "ann@example.com";
const GUID: &str = "a11ce000-0000-4000-8000-000000000001";

/// A provider with one account, which takes a second for each request.
#[derive(Debug)]
struct Provider {
    /// Whether a probe sends the change once more, as at Zoom; else it only looks.
    resends: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    password: String,
    /// What was sent, in order.
    log: Vec<String>,
    lose: usize,
    refuse: bool,
}

impl Provider {
    fn new(resends: bool) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self { resends, state })
    }

    /// The answers to a number of of the next changes are lost.
    fn lose(&self, answers: usize) {
        self.state.lock().unwrap().lose = answers;
    }

    fn refuse(&self, refuse: bool) {
        self.state.lock().unwrap().refuse = refuse;
    }

    #[track_caller]
    fn assert(&self, password: &str, log: &[&str]) {
        let state = self.state.lock().unwrap();
        assert_eq!(
            (state.password.as_str(), state.log.join(", ")),
            (password, log.join(", "))
        );
    }

    async fn asked(&self, what: String) {
        self.state.lock().unwrap().log.push(what);
        sleep(Duration::from_secs(1)).await;
    }

    async fn set(&self, change: &PasswordChange, how: &str) -> Result<(), Error> {
        let new = text(change.new_password());
        self.asked(format!("{how} {new}")).await;
        let mut state = self.state.lock().unwrap();
        if state.refuse {
            return Err(Error::not_applied(ErrorKind::PermissionDenied, "no"));
        }
        state.password = new;
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a made-up password")]
fn text(password: &Password) -> String {
    password.expose_secret().to_owned()
}

#[async_trait]
impl PasswordService for Provider {
    fn provider(&self) -> &'static str {
        "provider"
    }

    fn capabilities(&self) -> Capabilities {
        let can = Capabilities::NONE.with_reset();
        if self.resends {
            can.with_resolve_by_resending()
        } else {
            can.with_resolve()
        }
    }

    async fn change_password(
        &self,
        _: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.set(change, "change").await?;
        let mut state = self.state.lock().unwrap();
        if state.lose == 0 {
            return Ok(ChangeReceipt::new());
        }
        state.lose -= 1;
        Err(Error::unknown(
            ErrorKind::ConnectionLost,
            "lost",
            UnknownOutcome::new("provider"),
        ))
    }

    async fn resolve(
        &self,
        _: &CallContext,
        _: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        if self.resends {
            self.set(change, "probe").await?;
            return Ok(Resolution::InPlace);
        }
        let new = text(change.new_password());
        self.asked(format!("probe {new}")).await;
        let is_new = self.state.lock().unwrap().password == new;
        Ok(if is_new {
            Resolution::InPlace
        } else {
            Resolution::NotInPlace
        })
    }

    async fn policy(&self, _: &CallContext) -> Result<PasswordPolicy, Error> {
        Err(Error::not_applied(ErrorKind::Unsupported, "it has none"))
    }

    async fn canonical_id(&self, _: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        if !user.expose().contains('@') {
            return Ok(None);
        }
        self.asked("look-up".to_owned()).await;
        Ok(Some(GUID.parse().unwrap()))
    }
}

fn change(user: &str, new: &str) -> PasswordChange {
    PasswordChange::reset(user.parse().unwrap(), Password::new(new).unwrap())
}

fn guarded(provider: &Arc<Provider>) -> Arc<dyn PasswordService> {
    Layers::default().wrap(Arc::clone(provider) as _)
}

/// Calls that come one after the other, each before the one before it has ended.
async fn begun<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let call = tokio::spawn(call);
    tokio::task::yield_now().await;
    sleep(Duration::from_millis(1)).await;
    call
}

async fn settled(
    service: &Arc<dyn PasswordService>,
    user: &'static str,
    new: &'static str,
) -> JoinHandle<Result<ChangeReceipt, Error>> {
    let service = Arc::clone(service);
    begun(async move {
        service
            .change_and_resolve(&CallContext::default(), &change(user, new))
            .await
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn nobody_comes_between_a_change_and_its_settlement_and_turns_are_taken_in_order() {
    for resends in [true, false] {
        let provider = Provider::new(resends);
        let service = guarded(&provider);
        provider.lose(1);
        let calls = [
            settled(&service, GUID, "first").await,
            settled(&service, "A11CE000-0000-4000-8000-000000000001", "second").await,
            settled(&service, "{a11ce000-0000-4000-8000-000000000001}", "third").await,
        ];
        let mut by_probe = Vec::new();
        for call in calls {
            by_probe.push(call.await.unwrap().unwrap().is_proved_by_probe());
        }
        assert_eq!(by_probe, [true, false, false]);
        provider.assert(
            "third",
            &["change first", "probe first", "change second", "change third"],
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_is_one_user_under_its_address_too_which_is_looked_up_once() {
    let provider = Provider::new(true);
    let service = guarded(&provider);
    let first = settled(&service, GUID, "first").await;
    provider.lose(2);
    let second = settled(&service, ADDRESS, "second").await;
    let third = settled(&service, GUID, "third").await;
    for call in [first, second, third] {
        assert!(call.await.unwrap().is_ok());
    }
    // While the address is looked up, no one waits for it.
    let log = [
        "change first",
        "look-up",
        "probe first",
        "change third",
        "probe third",
        "change second",
    ];
    provider.assert("second", &log);
}

#[tokio::test(start_paused = true)]
async fn a_later_change_is_never_overwritten_by_settling_an_earlier_one() {
    let provider = Provider::new(true);
    let services = Services::builder().with("provider", Arc::clone(&provider));
    let services = services.build().unwrap();
    let service = services.default_service().unwrap();
    let cx = CallContext::default();
    provider.lose(1);
    let first = change(GUID, "first");
    let lost = service.change_password(&cx, &first).await.unwrap_err();
    let lost = lost.unknown_outcome().unwrap();
    service
        .change_password(&cx, &change(GUID, "second"))
        .await
        .unwrap();
    // What was sent outlasts the configuration.
    services.reload().unwrap();
    for attempt in [lost.clone(), UnknownOutcome::undated("provider")] {
        let refused = service.resolve(&cx, &attempt, &first).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.outcome()),
            (ErrorKind::Conflict, Outcome::Unknown)
        );
        assert_eq!(refused.unknown_outcome(), Some(&attempt));
        assert!(refused.to_string().contains("later change"), "{refused}");
    }
    provider.assert("second", &["change first", "change second"]);
    // Bob was not changed since.
    let bob = change("bob", "third");
    assert_eq!(
        service.resolve(&cx, lost, &bob).await.unwrap(),
        Resolution::InPlace
    );
}

#[tokio::test(start_paused = true)]
async fn only_the_last_of_several_unknown_changes_can_be_settled_by_sending_it_again() {
    let provider = Provider::new(true);
    let service = guarded(&provider);
    let cx = CallContext::default();
    provider.lose(2);
    let mut attempts = Vec::new();
    for new in ["first", "second"] {
        let lost = service
            .change_password(&cx, &change(GUID, new))
            .await
            .unwrap_err();
        attempts.push(lost.unknown_outcome().unwrap().clone());
    }
    // What was certainly not applied is no later change.
    provider.refuse(true);
    service
        .change_password(&cx, &change(GUID, "third"))
        .await
        .unwrap_err();
    provider.refuse(false);
    let refused = service.resolve(&cx, &attempts[0], &change(GUID, "first")).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    let found = service.resolve(&cx, &attempts[1], &change(GUID, "second")).await;
    assert_eq!(found.unwrap(), Resolution::InPlace);
    provider.assert(
        "second",
        &["change first", "change second", "change third", "probe second"],
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_only_looks_is_made_but_proves_nothing_after_a_later_change() {
    let provider = Provider::new(false);
    let service = guarded(&provider);
    let cx = CallContext::default();
    provider.lose(1);
    let first = change(GUID, "first");
    let lost = service.change_password(&cx, &first).await.unwrap_err();
    service
        .change_password(&cx, &change(GUID, "second"))
        .await
        .unwrap();
    let found = service
        .resolve(&cx, lost.unknown_outcome().unwrap(), &first)
        .await;
    assert_eq!(found.unwrap(), Resolution::StillUnknown);
    let found = service
        .resolve(&cx, lost.unknown_outcome().unwrap(), &change(GUID, "second"))
        .await;
    assert_eq!(found.unwrap(), Resolution::InPlace);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_stays_unknown_says_what_the_probe_found() {
    let provider = Provider::new(false);
    let service = guarded(&provider);
    provider.lose(1);
    let first = settled(&service, GUID, "first").await;
    // It arrives, and something else sets another password before the probe.
    sleep(Duration::from_millis(1010)).await;
    "other".clone_into(&mut provider.state.lock().unwrap().password);
    let error = first.await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::ConnectionLost, Outcome::Unknown)
    );
    assert!(
        error.to_string().contains("did not find the new password"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_gives_its_turn_back() {
    // In the change, and in the probe.
    for milliseconds in [500, 1500] {
        let provider = Provider::new(true);
        let service = guarded(&provider);
        provider.lose(1);
        let (cx, first) = (CallContext::default(), change(GUID, "first"));
        let dropped = timeout(
            Duration::from_millis(milliseconds),
            service.change_and_resolve(&cx, &first),
        );
        assert!(dropped.await.is_err());
        provider.lose(0);
        let start = Instant::now();
        service
            .change_password(&cx, &change(GUID, "second"))
            .await
            .unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        // What was dropped was sent, and so it is a later change than what came before it.
        let dropped = timeout(Duration::from_millis(500), service.change_password(&cx, &first));
        assert!(dropped.await.is_err());
        let lost = serde_json::json!({"id": "00000000-0000-4000-8000-000000000000", "provider": "provider",
            "at": {"secs_since_epoch": 1, "nanos_since_epoch": 0}});
        let lost: UnknownOutcome = serde_json::from_value(lost).unwrap();
        let refused = service.resolve(&cx, &lost, &change(GUID, "second")).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_settlement_counts_against_the_budget() {
    let provider = Provider::new(true);
    let service = guarded(&provider);
    provider.lose(1);
    let first = settled(&service, GUID, "first").await;
    let cx = CallContext::with_budget(Duration::from_millis(1500));
    let late = service
        .change_password(&cx, &change(GUID, "second"))
        .await
        .unwrap_err();
    assert_eq!(
        (late.kind(), late.outcome()),
        (ErrorKind::BudgetExhausted, Outcome::NotApplied)
    );
    assert!(first.await.unwrap().is_ok());
    // A probe that cannot have its turn leaves what it asks about unknown.
    let first = settled(&service, GUID, "third").await;
    let cx = CallContext::with_budget(Duration::from_millis(500));
    let lost = UnknownOutcome::new("provider");
    let late = service
        .resolve(&cx, &lost, &change(GUID, "second"))
        .await
        .unwrap_err();
    assert_eq!(
        (late.kind(), late.unknown_outcome()),
        (ErrorKind::BudgetExhausted, Some(&lost))
    );
    assert!(first.await.unwrap().is_ok());
}
