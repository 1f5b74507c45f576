//! Code that changes passwords, tested without a provider: `cargo test --example unit_test_with_mock`.
//! As a program it does the same with a provider in memory: `cargo run --example unit_test_with_mock`.

use repass::{
    CallContext, InMemoryPasswordService, Outcome, Password, PasswordService, PasswordServiceExt as _,
};

/// What a help desk's tool might say. It takes any provider, so it never changes with one.
async fn reset(service: &dyn PasswordService, user: &str, new: &str) -> String {
    let (Ok(user), Ok(new)) = (user.parse(), Password::new(new)) else {
        return "that is no user id, or no password".to_owned();
    };
    match service.reset(&CallContext::default(), user, new).await {
        Ok(_) => "done".to_owned(),
        Err(error) if error.outcome() == Outcome::NotApplied => format!("not changed: {error}"),
        Err(_) => "it may have been changed; we are checking".to_owned(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let service = InMemoryPasswordService::new("memory").with_user("alice@example.com", "Old-Passw0rd");
    println!(
        "alice: {}",
        reset(&service, "alice@example.com", "New-Passw0rd").await
    );
    println!(
        "bob: {}",
        reset(&service, "bob@example.com", "New-Passw0rd").await
    );
}

#[cfg(test)]
mod tests {
    use repass::{ChangeMode, Error, ErrorKind, MockPasswordService, UnknownOutcome};

    use super::*;

    #[tokio::test]
    async fn a_lost_answer_is_never_called_a_failure() {
        let mut service = MockPasswordService::new();
        service
            .expect_change_password()
            .withf(|_, change| matches!(change.mode(), ChangeMode::AdminReset))
            .times(1)
            .returning(|_, _| {
                let attempt = UnknownOutcome::new("zoom");
                Err(Error::unknown(
                    ErrorKind::ConnectionLost,
                    "the answer was lost",
                    attempt,
                ))
            });
        let said = reset(&service, "alice@example.com", "New-Passw0rd").await;
        assert_eq!(said, "it may have been changed; we are checking");
    }

    #[tokio::test]
    async fn a_bad_user_id_reaches_no_provider() {
        // A mock without expectations panics when it is called.
        let said = reset(&MockPasswordService::new(), "../admin", "New-Passw0rd").await;
        assert_eq!(said, "that is no user id, or no password");
    }
}
