//! What a probe settles, and what it does not.

use repass::{Capabilities, ErrorKind, MockPasswordService, Outcome};

use super::*;

fn lost() -> Error {
    Error::unknown(ErrorKind::TimedOut, "lost", UnknownOutcome::new("mock"))
}

fn service(found: fn() -> Result<Resolution, Error>) -> MockPasswordService {
    let mut service = MockPasswordService::new();
    let can = Capabilities::NONE.with_reset().with_resolve();
    service.expect_capabilities().return_const(can);
    service.expect_change_password().returning(|_, _| Err(lost()));
    service
        .expect_resolve()
        .times(1)
        .returning(move |_, _, _| found());
    service
}

fn change() -> PasswordChange {
    PasswordChange::reset("alice".parse().unwrap(), Password::new("New-Passw0rd").unwrap())
}

const AWAY: fn() -> Result<Resolution, Error> = || Err(lost());

#[tokio::test]
async fn at_once_a_probe_proves_only_that_the_password_is_there() {
    let in_place = service(|| Ok(Resolution::InPlace));
    assert_eq!(changed(&in_place, &change()).await.unwrap(), End::ChangeReceipt);
    for found in [
        || Ok(Resolution::NotInPlace),
        || Ok(Resolution::StillUnknown),
        AWAY,
    ] {
        let end = changed(&service(found), &change()).await.unwrap();
        assert!(matches!(end, End::Unknown(_)), "{end:?}");
    }
    assert_eq!(lost().outcome(), Outcome::Unknown);
}

#[tokio::test]
async fn later_it_proves_that_it_is_not_there_too() {
    let not_in_place = || service(|| Ok(Resolution::NotInPlace));
    let (now, later) = (UnknownOutcome::new("mock"), UnknownOutcome::undated("mock"));
    let end = resolved(&not_in_place(), now.clone(), &change()).await;
    assert_eq!(end, End::Unknown(now));
    let end = resolved(&not_in_place(), later.clone(), &change()).await;
    assert_eq!(end, End::NotChanged);
    let end = resolved(&service(AWAY), later.clone(), &change()).await;
    assert_eq!(end, End::Unknown(later));
}
