//! The handler by itself, with a mock in its state.

use repass::{Attempt, Error, MockPasswordService, Rule, Violation};

use super::*;

async fn status_for(told: fn() -> Error) -> StatusCode {
    let mut service = MockPasswordService::new();
    service
        .expect_change_password()
        .times(1)
        .returning(move |_, _| Err(told()));
    let (current, new) = ("Old-Passw0rd".into(), "New-Passw0rd".into());
    let service = State(Arc::new(service) as Passwords);
    change(service, Path("alice".to_owned()), Json(Wanted { current, new }))
        .await
        .0
}

#[tokio::test]
async fn a_lost_answer_is_neither_a_success_nor_a_failure() {
    let lost = || Error::unknown(ErrorKind::TimedOut, "no answer", Attempt::new("mock"));
    assert_eq!(status_for(lost).await, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_broken_rule_is_the_user_s_to_mend() {
    let refused = || Error::refused(vec![Violation::of_provider(Rule::Digit)]);
    assert_eq!(status_for(refused).await, StatusCode::UNPROCESSABLE_ENTITY);
}
