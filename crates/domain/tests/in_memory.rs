//! The fake keeps the trait's promises, and a mock can stand in for the trait.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::sync::Arc;
use std::time::Duration;

use repass_domain::{
    CallContext, ChangeReceipt, Error, ErrorKind, InMemoryPasswordService, MockPasswordService, Outcome,
    Password, PasswordChange, PasswordPolicy, PasswordService, PasswordServiceExt as _, Resolution, Rule,
    UnknownOutcome, UserId,
};

fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

fn cx() -> CallContext {
    CallContext::default()
}

#[tokio::test]
async fn change_is_applied_once() {
    let service = InMemoryPasswordService::new("memory").with_user("alice", "old");
    service
        .reset(&cx(), user("alice"), password("one"))
        .await
        .unwrap();
    service
        .change(&cx(), user("alice"), password("one"), password("two"))
        .await
        .unwrap();
    assert!(service.accepts("alice", "two") && !service.accepts("alice", "one"));
    assert_eq!(service.applied(), [user("alice"), user("alice")]);
}

#[tokio::test]
async fn rejected_change_is_not_applied() {
    let rules = [Rule::MinLength(8), Rule::Digit, Rule::MixedCase];
    let policy = PasswordPolicy::builder().exact(rules).build().unwrap();
    let service = InMemoryPasswordService::new("memory")
        .with_user("alice", "old")
        .with_policy(policy);
    let wrong = service
        .change(&cx(), user("alice"), password("bad"), password("New-Passw0rd"))
        .await;
    let nobody = service
        .reset(&cx(), user("nobody"), password("New-Passw0rd"))
        .await;
    let weak = service.reset(&cx(), user("alice"), password("weak")).await;
    let late = CallContext::with_budget(Duration::ZERO);
    let late = service
        .reset(&late, user("alice"), password("New-Passw0rd"))
        .await;
    let kinds = [wrong, nobody, weak, late].map(|result| {
        let error = result.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotApplied);
        (error.kind(), error.violations().len())
    });
    assert_eq!(
        kinds,
        [
            (ErrorKind::WrongCurrentPassword, 0),
            (ErrorKind::UserNotFound, 0),
            (ErrorKind::PasswordRefused, 3),
            (ErrorKind::BudgetExhausted, 0),
        ]
    );
    assert!(service.accepts("alice", "old") && service.applied().is_empty());
}

#[tokio::test]
async fn lost_response_is_unknown_and_can_be_resolved() {
    let service = InMemoryPasswordService::new("memory").with_user("alice", "old");
    let change = PasswordChange::reset(user("alice"), password("new"));
    service.lose_next_response();
    let error = service.change_password(&cx(), &change).await.unwrap_err();
    let attempt = error
        .unknown_outcome()
        .expect("an unknown outcome carries its attempt");
    assert_eq!(
        service.resolve(&cx(), attempt, &change).await.unwrap(),
        Resolution::InPlace
    );
    let other = PasswordChange::reset(user("alice"), password("else"));
    assert_eq!(
        service.resolve(&cx(), attempt, &other).await.unwrap(),
        Resolution::NotInPlace
    );
}

#[tokio::test]
async fn mock_service_works_behind_an_arc() {
    let mut mock = MockPasswordService::new();
    mock.expect_provider().return_const("crm".to_owned());
    mock.expect_change_password()
        .withf(|_, change| change.user().expose() == "alice")
        .times(1)
        .returning(|_, _| {
            Err(Error::unknown(
                ErrorKind::TimedOut,
                "no answer",
                UnknownOutcome::new("crm"),
            ))
        });
    mock.expect_change_password()
        .returning(|_, _| Ok(ChangeReceipt::new()));
    let service: Arc<dyn PasswordService> = Arc::new(mock);
    assert_eq!(service.provider(), "crm");
    let first = service.reset(&cx(), user("alice"), password("new")).await;
    assert_eq!(first.unwrap_err().outcome(), Outcome::Unknown);
    assert!(service.reset(&cx(), user("bob"), password("new")).await.is_ok());
}
