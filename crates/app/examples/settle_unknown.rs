//! What to do when the answer is lost: `cargo run --example settle_unknown`, and its tests with
//! `cargo test --example settle_unknown`.

use repass::{
    CallContext, Effect, Error, InMemoryPasswordService, Password, PasswordChange, PasswordService,
    Resolution,
};

/// How a change ended, as far as anybody can know.
#[derive(Debug, PartialEq)]
enum End {
    Changed,
    NotChanged,
    /// Somebody has to look: keep the attempt, it serializes, and ask again later.
    Open,
}

/// Makes a change and, if its answer is lost, asks once what became of it.
async fn settled(service: &dyn PasswordService, change: &PasswordChange) -> Result<End, Error> {
    let cx = CallContext::default();
    let lost = match service.change_password(&cx, change).await {
        Ok(_) => return Ok(End::Changed),
        Err(error) if error.effect() == Effect::NotApplied => return Err(error),
        Err(error) => error,
    };
    // There is an attempt whenever the effect is unknown. Never send the change again instead.
    let Some(attempt) = lost.attempt() else {
        return Err(lost);
    };
    match service.resolve(&cx, attempt, change).await {
        Ok(Resolution::InPlace) => Ok(End::Changed),
        Ok(Resolution::NotInPlace) => Ok(End::NotChanged),
        // The probe did not come through: what was unknown still is.
        Ok(Resolution::StillUnknown) | Err(_) => Ok(End::Open),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = InMemoryPasswordService::new("memory").with_user("alice", "Old-Passw0rd");
    let change = PasswordChange::reset("alice".parse()?, Password::new("New-Passw0rd")?);
    service.lose_next_answer();
    println!(
        "the answer was lost, but: {:?}",
        settled(&service, &change).await?
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use repass::{Attempt, ErrorKind, MockPasswordService};

    use super::*;

    async fn end_when(found: fn() -> Result<Resolution, Error>) -> End {
        let mut service = MockPasswordService::new();
        let lost = |_: &_, _: &_| Err(Error::unknown(ErrorKind::TimedOut, "lost", Attempt::new("mock")));
        service.expect_change_password().times(1).returning(lost);
        service
            .expect_resolve()
            .times(1)
            .returning(move |_, _, _| found());
        let change = PasswordChange::reset("alice".parse().unwrap(), Password::new("New-Passw0rd").unwrap());
        settled(&service, &change).await.unwrap()
    }

    #[tokio::test]
    async fn a_probe_settles_it_and_only_a_probe_does() {
        assert_eq!(end_when(|| Ok(Resolution::InPlace)).await, End::Changed);
        assert_eq!(end_when(|| Ok(Resolution::NotInPlace)).await, End::NotChanged);
        assert_eq!(end_when(|| Ok(Resolution::StillUnknown)).await, End::Open);
        let away = || Err(Error::not_applied(ErrorKind::Unreachable, "nobody there"));
        assert_eq!(end_when(away).await, End::Open);
    }
}
