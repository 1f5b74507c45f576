//! Subject × law × fault.

use repass::config::BodyEncoding;
use repass_conformance::{By, Report, Subject, Suite, Summary};
use repass_sandbox::{Provider, ZoomBody};
use tokio::task::JoinSet;

use crate::memory::InMemory;
use crate::over_http;
use crate::services::{full_stack, guarded, identity, zoom};
use crate::sidecar::served;

async fn subjects() -> Vec<Box<dyn Subject>> {
    use BodyEncoding::{Auto, FormData, Json};
    use By::{Administrator, CurrentPassword};
    use Provider::{Identity, Zoom};
    let json_only = zoom("Zoom, auto, which takes JSON only", Auto, ZoomBody::Json, false).await;
    vec![
        Box::new(InMemory(Administrator)),
        Box::new(InMemory(CurrentPassword)),
        Box::new(zoom("Zoom, form data", FormData, ZoomBody::FormData, false).await),
        Box::new(zoom("Zoom, JSON", Json, ZoomBody::Json, false).await),
        Box::new(zoom("Zoom, JSON, TLS", Json, ZoomBody::Json, true).await),
        Box::new(zoom("Zoom, auto", Auto, ZoomBody::Any, false).await),
        Box::new(json_only.second_request_counts()),
        Box::new(over_http::zoom()),
        Box::new(identity("portal, change", CurrentPassword).await),
        Box::new(identity("portal, reset", Administrator).await),
        Box::new(guarded("guard: in order", false, false).await),
        Box::new(guarded("guards: audit, in order", true, false).await),
        Box::new(guarded("guards: in order, bounded", false, true).await),
        Box::new(guarded("guards: audit, in order, bounded", true, true).await),
        Box::new(full_stack("full stack, Zoom, plain", Zoom, Administrator, false).await),
        Box::new(full_stack("full stack, Zoom, TLS", Zoom, Administrator, true).await),
        Box::new(
            full_stack(
                "full stack, portal change, plain",
                Identity,
                CurrentPassword,
                false,
            )
            .await,
        ),
        Box::new(full_stack("full stack, portal change, TLS", Identity, CurrentPassword, true).await),
        Box::new(full_stack("full stack, portal reset, plain", Identity, Administrator, false).await),
        Box::new(full_stack("full stack, portal reset, TLS", Identity, Administrator, true).await),
        Box::new(served(
            full_stack("", Zoom, Administrator, false).await,
            "sidecar, Zoom",
        )),
        Box::new(served(
            full_stack("", Identity, CurrentPassword, false).await,
            "sidecar, portal change",
        )),
        Box::new(served(
            full_stack("", Identity, Administrator, true).await,
            "sidecar, portal reset, TLS",
        )),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn matrix() {
    let mut checks = JoinSet::new();
    for (at, subject) in subjects().await.into_iter().enumerate() {
        checks.spawn(async move { (at, Suite::default().check(&*subject).await) });
    }
    let mut reports = checks.join_all().await;
    reports.sort_by_key(|(at, _)| *at);
    let reports: Vec<Report> = reports.into_iter().map(|(_, report)| report).collect();
    for report in &reports {
        println!("{report}");
    }
    println!("{}", Summary(&reports));
    for report in &reports {
        report.assert();
    }
}
