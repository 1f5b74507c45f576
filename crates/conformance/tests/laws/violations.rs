//! Services that break a law, each of which the suite must catch.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use repass::{
    CallContext, Capabilities, ChangeMode, ChangeReceipt, Error, ErrorKind, Outcome, Password,
    PasswordChange, PasswordService, Resolution, UnknownOutcome,
};
use repass_conformance::{
    Delay, Ending, Fault, Format, Law, Report, ResponsePart, SubjectMode, Suite, Timing,
};
use tokio::time::sleep;

use crate::faulty_services::{Ended, FaultyService, ProbesTwice, faulty, faulty_zoom, forward, plain_zoom};
use crate::services::{ENOUGH, identity};
use crate::test_envs::SandboxSubject;

const LOST_APPLIED: Fault = Fault::ResponseCut(Timing::AfterApply, ResponsePart::Nothing, Ending::Fin);
const LOST_UNSEEN: Fault = Fault::ResponseCut(Timing::BeforeApply, ResponsePart::Nothing, Ending::Fin);
const SILENCE: Fault = Fault::ResponseCut(Timing::AfterApply, ResponsePart::Nothing, Ending::Silence);
const LIMITED: Fault = Fault::RateLimited(Delay::Seconds);

async fn judged(subject: &SandboxSubject, faults: &[Fault]) -> Report {
    let suite = Suite::default()
        .faults(faults.iter().copied())
        .grace(Duration::from_millis(500));
    let report = suite.check(subject).await;
    println!("{report}");
    report
}

fn assert_broken(report: &Report, expected: &[(Law, Fault)]) {
    let broken: Vec<_> = report
        .broken()
        .into_iter()
        .map(|(law, fault, _)| (law, fault))
        .collect();
    assert_eq!(broken, expected, "{report}");
}

#[tokio::test]
async fn unmodified_service_violates_no_law() {
    let faults = [Fault::None, LOST_APPLIED, LOST_UNSEEN, LIMITED];
    judged(&faulty_zoom(forward).await, &faults).await.assert();
}

#[tokio::test]
#[should_panic(expected = "faulty breaks the law:\n  works (none): it is not applied")]
async fn report_assert_panics_on_a_violation() {
    let never =
        faulty_zoom(|_, _, _| Box::pin(async { Err(Error::not_applied(ErrorKind::Unreachable, "never")) }));
    judged(&never.await, &[Fault::None]).await.assert();
}

#[tokio::test]
async fn service_that_always_returns_unknown_violates_doubt() {
    let subject = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            let result = inner.change_password(&cx, &change).await;
            let kind = result
                .as_ref()
                .err()
                .map_or(ErrorKind::ConnectionLost, Error::kind);
            Err(Error::unknown(
                kind,
                "who knows",
                UnknownOutcome::new(inner.provider()),
            ))
        })
    });
    let report = judged(&subject.await, &[Fault::None, LOST_APPLIED, LIMITED]).await;
    let broken = report.broken();
    for fault in [Fault::None, LIMITED] {
        assert!(
            broken.iter().any(|it| (it.0, it.1) == (Law::Doubt, fault)),
            "{report}"
        );
    }
    assert!(broken.iter().all(|it| it.1 != LOST_APPLIED), "{report}");
}

#[tokio::test]
async fn service_that_reports_unknown_as_not_applied_violates_truth() {
    let subject = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            let result = inner.change_password(&cx, &change).await;
            result.map_err(|error| Error::not_applied(error.kind(), "it surely failed"))
        })
    });
    let report = judged(&subject.await, &[Fault::None, LOST_APPLIED, LOST_UNSEEN]).await;
    assert_broken(&report, &[(Law::Truth, LOST_APPLIED)]);
}

#[tokio::test]
async fn web_page_taken_for_a_rejection_violates_foreign() {
    // Not applied is true before the change, and is not proven; after it, it is wrong.
    const UNSEEN: Fault = Fault::Foreign(Timing::BeforeApply, Format::Page, 403);
    const APPLIED: Fault = Fault::Foreign(Timing::AfterApply, Format::Page, 403);
    let subject = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            let result = inner.change_password(&cx, &change).await;
            result.map_err(|error| match error.kind() {
                ErrorKind::UnexpectedAnswer => {
                    Error::not_applied(ErrorKind::PermissionDenied, "the provider says no")
                }
                _ => error,
            })
        })
    });
    let report = judged(&subject.await, &[Fault::None, UNSEEN, APPLIED, LOST_APPLIED]).await;
    assert_broken(
        &report,
        &[
            (Law::Foreign, UNSEEN),
            (Law::Truth, APPLIED),
            (Law::Foreign, APPLIED),
        ],
    );
}

#[tokio::test]
async fn foreign_success_taken_for_the_providers_violates_foreign() {
    const UNSEEN: Fault = Fault::Accepted(Timing::BeforeApply);
    let subject = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            match inner.change_password(&cx, &change).await {
                Err(error) if error.kind() == ErrorKind::UnexpectedAnswer => Ok(ChangeReceipt::new()),
                result => result,
            }
        })
    });
    let report = judged(&subject.await, &[Fault::None, UNSEEN]).await;
    assert_broken(&report, &[(Law::Truth, UNSEEN), (Law::Foreign, UNSEEN)]);
}

#[tokio::test]
async fn believed_rejection_of_a_duplicate_violates_truth() {
    let subject = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            let result = inner.change_password(&cx, &change).await;
            result.map_err(|error| Error::not_applied(error.kind(), "it is the old password"))
        })
    });
    let report = judged(&subject.await, &[Fault::None, Fault::SentTwice]).await;
    assert_broken(&report, &[(Law::Truth, Fault::SentTwice)]);
}

#[tokio::test]
async fn service_that_reports_unknown_as_applied_violates_truth() {
    let subject = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            match inner.change_password(&cx, &change).await {
                Err(error) if error.outcome() == Outcome::Unknown => Ok(ChangeReceipt::new()),
                result => result,
            }
        })
    });
    let report = judged(&subject.await, &[Fault::None, LOST_APPLIED, LOST_UNSEEN]).await;
    assert_broken(&report, &[(Law::Truth, LOST_UNSEEN)]);
}

#[tokio::test]
async fn change_applied_twice_violates_once() {
    let twice = |inner: Arc<dyn PasswordService>, cx: CallContext, change: PasswordChange| -> Ended {
        Box::pin(async move {
            let first = inner.change_password(&cx, &change).await;
            inner.change_password(&cx, &change).await.and(first)
        })
    };
    let portal = identity("faulty", SubjectMode::AdminReset).await;
    let report = judged(&faulty(portal, twice), &[Fault::None]).await;
    let laws: Vec<Law> = report.broken().into_iter().map(|(law, ..)| law).collect();
    assert!(laws.starts_with(&[Law::Truth, Law::Once]), "{report}");
}

#[tokio::test]
async fn resent_lost_change_violates_once() {
    let subject = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            match inner.change_password(&cx, &change).await {
                Err(error) if error.outcome() == Outcome::Unknown => {
                    let _ = inner.change_password(&cx, &change).await;
                    Err(error)
                }
                result => result,
            }
        })
    });
    // Zoom does not set the same password twice, so that the ledger by itself does not show it.
    let report = judged(&subject.await, &[Fault::None, LOST_APPLIED]).await;
    assert_broken(&report, &[(Law::Once, LOST_APPLIED)]);
}

#[tokio::test]
async fn ignored_budget_violates_budget() {
    let subject = faulty_zoom(|inner, _, change| {
        Box::pin(async move {
            inner
                .change_password(&CallContext::with_budget(ENOUGH), &change)
                .await
        })
    });
    let report = judged(&subject.await, &[Fault::None, SILENCE]).await;
    let broken = [
        (Law::NoBudget, Fault::None),
        (Law::Withheld, Fault::None),
        (Law::Budget, SILENCE),
    ];
    assert_broken(&report, &broken);
}

#[tokio::test]
async fn change_sent_despite_before_send_violates_withheld() {
    let forgotten = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            let cx = CallContext::with_budget(cx.budget());
            inner.change_password(&cx, &change).await
        })
    });
    let report = judged(&forgotten.await, &[Fault::None]).await;
    assert_broken(&report, &[(Law::Withheld, Fault::None)]);
    let too_late = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            let without = CallContext::with_budget(cx.budget());
            let result = inner.change_password(&without, &change).await;
            match cx.before_send() {
                Some(before_send) if !before_send().await => {
                    Err(Error::not_applied(ErrorKind::Internal, "withheld"))
                }
                _ => result,
            }
        })
    });
    let report = judged(&too_late.await, &[Fault::None]).await;
    assert_broken(&report, &[(Law::Withheld, Fault::None)]);
}

#[tokio::test]
async fn trimmed_password_violates_typeable() {
    let subject = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            #[expect(clippy::disallowed_methods, reason = "the mistake that is to be found")]
            let text = secrecy::ExposeSecret::expose_secret(change.new_password());
            let typed = text.trim_matches(|c: char| !c.is_ascii_graphic());
            let (user, new) = (change.user().clone(), Password::new(typed).unwrap());
            let change = match change.mode() {
                ChangeMode::AdminReset => PasswordChange::reset(user, new),
                ChangeMode::SelfService(current) => PasswordChange::change(user, current.clone(), new),
            };
            inner.change_password(&cx, &change).await
        })
    });
    let report = judged(&subject.await, &[Fault::None]).await;
    assert_broken(&report, &[(Law::Typeable, Fault::None)]);
}

#[tokio::test]
async fn password_in_an_error_violates_secrets() {
    let subject = faulty_zoom(|inner, cx, change| {
        Box::pin(async move {
            let result = inner.change_password(&cx, &change).await;
            result.map_err(|error| {
                #[expect(clippy::disallowed_methods, reason = "the leak that is to be found")]
                let text = secrecy::ExposeSecret::expose_secret(change.new_password()).to_owned();
                Error::not_applied(error.kind(), format!("{text} is refused"))
            })
        })
    });
    let report = judged(&subject.await, &[Fault::None, Fault::Echoed]).await;
    assert_broken(&report, &[(Law::Secrets, Fault::Echoed)]);
}

#[tokio::test]
async fn wrong_resolution_violates_settled() {
    for (resolution, fault) in [
        (Resolution::NotInPlace, LOST_APPLIED),
        (Resolution::StillUnknown, LOST_APPLIED),
        (Resolution::InPlace, LOST_UNSEEN),
    ] {
        let portal = identity("faulty", SubjectMode::SelfService)
            .await
            .faulty(move |_, inner| {
                Arc::new(FaultyService {
                    resolution: Some(resolution),
                    ..FaultyService::new(inner)
                })
            });
        let report = judged(&portal, &[fault]).await;
        assert_broken(&report, &[(Law::Settled, fault)]);
    }
}

#[tokio::test]
async fn repeated_probe_violates_settled() {
    let subject = plain_zoom().await.faulty(|_, inner| Arc::new(ProbesTwice(inner)));
    let report = judged(&subject, &[LOST_APPLIED]).await;
    assert_broken(&report, &[(Law::Settled, LOST_APPLIED)]);
}

#[tokio::test]
async fn missing_abandoned_record_violates_dropped() {
    let subject = faulty_zoom(forward).await.audited();
    let report = judged(&subject, &[Fault::None, SILENCE]).await;
    assert_broken(&report, &[(Law::Dropped, Fault::None), (Law::Dropped, SILENCE)]);
}

#[tokio::test]
async fn followed_redirect_violates_astray() {
    let portal = identity("faulty", SubjectMode::AdminReset).await;
    let origin = portal.fixture.elsewhere();
    let subject = faulty(portal, move |inner, cx, change| {
        Box::pin(async move {
            let result = inner.change_password(&cx, &change).await;
            TcpStream::connect(origin).unwrap();
            result
        })
    });
    let report = judged(&subject, &[Fault::Redirected]).await;
    assert_broken(&report, &[(Law::Astray, Fault::Redirected)]);
}

#[tokio::test]
async fn unsupported_change_that_is_sent_violates_unsupported() {
    let subject = identity("faulty", SubjectMode::AdminReset)
        .await
        .faulty(|_, inner| {
            Arc::new(FaultyService {
                capabilities: Some(Capabilities::NONE.with_reset().with_resolve()),
                ..FaultyService::new(inner)
            })
        });
    let report = judged(&subject, &[Fault::None]).await;
    assert_broken(&report, &[(Law::Unsupported, Fault::None)]);
}

#[tokio::test]
async fn reordered_calls_violate_order() {
    let subject = faulty_zoom(|inner, cx, change| {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            sleep(Duration::from_millis(400 - 20 * call.min(20))).await;
            inner.change_password(&cx, &change).await
        })
    });
    let report = judged(&subject.await.in_order(), &[Fault::None]).await;
    assert_broken(&report, &[(Law::Order, Fault::None)]);
}
