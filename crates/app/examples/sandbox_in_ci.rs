//! The sandbox in your CI: your code over real HTTP, against a provider that misbehaves when reported to.
//! `cargo test --example sandbox_in_ci` is what CI runs; `cargo run --example sandbox_in_ci` shows one.

use repass::sandbox::{Action, Cut, CutKind, CutPoint, Fault, RequestMatcher, Sandbox, Timing};
use repass::{CallContext, Outcome, Password, PasswordService, PasswordServiceExt as _, Services};

const ALICE: &str = "alice@example.com";

/// The code under test.
async fn reset(service: &dyn PasswordService, new: &str) -> Result<&'static str, Box<dyn std::error::Error>> {
    let cx = CallContext::default();
    Ok(
        match service.reset(&cx, ALICE.parse()?, Password::new(new)?).await {
            Ok(_) => "changed",
            Err(error) if error.outcome() == Outcome::NotApplied => "not changed",
            Err(_) => "unknown",
        },
    )
}

/// The provider makes the next change, and the connection breaks before it says so.
fn answer_lost() -> Fault {
    let cut = Cut {
        at: CutPoint::Answer,
        how: CutKind::Rst,
    };
    let action = Action {
        when: Timing::AfterApply,
        cut: Some(cut),
        ..Action::default()
    };
    let matching = RequestMatcher::default();
    Fault { matching, action }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = Sandbox::start().await?;
    let zoom = Services::for_sandbox(&sandbox)?.get("zoom")?;
    println!("without a fault: {}", reset(&*zoom, "New-Passw0rd-1").await?);
    sandbox.inject(answer_lost())?;
    println!("with its answer lost: {}", reset(&*zoom, "New-Passw0rd-2").await?);
    println!("changes that were really made: {}", sandbox.changes());
    sandbox.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use repass::sandbox::Provider;

    use super::*;

    // Each test has a sandbox of its own, so they run side by side.
    #[tokio::test]
    async fn what_the_ledger_says_is_what_we_say() {
        let sandbox = Sandbox::start().await.unwrap();
        let zoom = Services::for_sandbox(&sandbox).unwrap().get("zoom").unwrap();
        assert_eq!(reset(&*zoom, "New-Passw0rd-1").await.unwrap(), "changed");
        assert_eq!(reset(&*zoom, "weak").await.unwrap(), "not changed");
        sandbox.inject(answer_lost()).unwrap();
        assert_eq!(reset(&*zoom, "New-Passw0rd-2").await.unwrap(), "unknown");
        assert!(sandbox.accepts(Provider::Zoom, ALICE, "New-Passw0rd-2"));
        assert_eq!(sandbox.ledger().count(Provider::Zoom, ALICE), 2);
    }
}
