//! What to do when the answer is lost: `cargo run --example settle_unknown`, and its tests with
//! `cargo test --example settle_unknown`.

use repass::{
    CallContext, Error, InMemoryPasswordService, Password, PasswordChange, PasswordService,
    PasswordServiceExt as _, Resolution, UnknownOutcome,
};

/// How a change ended, as far as can be known.
#[derive(Debug, PartialEq)]
enum End {
    ChangeReceipt,
    NotChanged,
    /// Store the attempt, it serializes, and ask again in two minutes.
    Unknown(UnknownOutcome),
}

/// Makes a change and, if its answer is lost, looks at once for the new password.
async fn changed(service: &dyn PasswordService, change: &PasswordChange) -> Result<End, Error> {
    match service.change_and_resolve(&CallContext::default(), change).await {
        Ok(_) => Ok(End::ChangeReceipt),
        Err(error) => match error.unknown_outcome() {
            Some(attempt) => Ok(End::Unknown(attempt.clone())),
            None => Err(error),
        },
    }
}

/// Asks again, later: with the stored attempt and the same passwords. Never send the change again instead.
async fn resolved(service: &dyn PasswordService, attempt: UnknownOutcome, change: &PasswordChange) -> End {
    match service.resolve(&CallContext::default(), &attempt, change).await {
        Ok(Resolution::InPlace) => End::ChangeReceipt,
        // Before that the original may land after the probe.
        Ok(Resolution::NotInPlace) if !attempt.is_in_flight() => End::NotChanged,
        // The probe found nothing out, or did not come through.
        Ok(_) | Err(_) => End::Unknown(attempt),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = InMemoryPasswordService::new("memory").with_user("alice", "Old-Passw0rd");
    let change = PasswordChange::reset("alice".parse()?, Password::new("New-Passw0rd")?);
    service.lose_next_response();
    println!(
        "the answer was lost, but: {:?}",
        changed(&service, &change).await?
    );
    let attempt = UnknownOutcome::undated("memory");
    println!("asked again: {:?}", resolved(&service, attempt, &change).await);
    Ok(())
}

#[cfg(test)]
mod tests;
