//! Subject × law × fault.

use repass::config::BodyEncoding;
use repass_conformance::{Report, Subject, SubjectMode, Suite, Summary};
use repass_sandbox::{DirectoryKind, Provider, ZoomBody};
use tokio::task::JoinSet;

use crate::directories::directory;
use crate::http_subject;
use crate::memory::InMemory;
use crate::services::{full_stack, identity, layered, zoom};
use crate::sidecar::served;

async fn subjects() -> Vec<Box<dyn Subject>> {
    use BodyEncoding::{Auto, FormData, Json};
    use DirectoryKind::{ActiveDirectory, Slapd};
    use Provider::{Identity, Zoom};
    use SubjectMode::{AdminReset, SelfService};
    let json_only = zoom("Zoom, auto, which takes JSON only", Auto, ZoomBody::Json, false).await;
    vec![
        Box::new(InMemory(AdminReset)),
        Box::new(InMemory(SelfService)),
        Box::new(zoom("Zoom, form data", FormData, ZoomBody::FormData, false).await),
        Box::new(zoom("Zoom, JSON", Json, ZoomBody::Json, false).await),
        Box::new(zoom("Zoom, JSON, TLS", Json, ZoomBody::Json, true).await),
        Box::new(zoom("Zoom, auto", Auto, ZoomBody::Any, false).await),
        Box::new(json_only.second_request_counts()),
        Box::new(http_subject::zoom()),
        Box::new(identity("portal, change", SelfService).await),
        Box::new(identity("portal, reset", AdminReset).await),
        Box::new(layered("guard: in order", false, false).await),
        Box::new(layered("layers: audit, in order", true, false).await),
        Box::new(layered("layers: in order, bounded", false, true).await),
        Box::new(layered("layers: audit, in order, bounded", true, true).await),
        Box::new(full_stack("full stack, Zoom, plain", Zoom, AdminReset, false).await),
        Box::new(full_stack("full stack, Zoom, TLS", Zoom, AdminReset, true).await),
        Box::new(full_stack("full stack, portal change, plain", Identity, SelfService, false).await),
        Box::new(full_stack("full stack, portal change, TLS", Identity, SelfService, true).await),
        Box::new(full_stack("full stack, portal reset, plain", Identity, AdminReset, false).await),
        Box::new(full_stack("full stack, portal reset, TLS", Identity, AdminReset, true).await),
        Box::new(directory("slapd, reset", Slapd, AdminReset).await),
        Box::new(directory("slapd, change", Slapd, SelfService).await),
        Box::new(
            directory("slapd, reset, exactly once", Slapd, AdminReset)
                .await
                .exactly_once(),
        ),
        Box::new(directory("domain, reset", ActiveDirectory, AdminReset).await),
        Box::new(directory("domain, change", ActiveDirectory, SelfService).await),
        Box::new(
            directory("domain, reset, exactly once", ActiveDirectory, AdminReset)
                .await
                .exactly_once(),
        ),
        Box::new(
            directory("domain, change, exactly once", ActiveDirectory, SelfService)
                .await
                .exactly_once(),
        ),
        Box::new(
            directory("full stack, domain reset", ActiveDirectory, AdminReset)
                .await
                .full_stack(),
        ),
        Box::new(served(
            full_stack("", Zoom, AdminReset, false).await,
            "sidecar, Zoom",
        )),
        Box::new(served(
            full_stack("", Identity, SelfService, false).await,
            "sidecar, portal change",
        )),
        Box::new(served(
            full_stack("", Identity, AdminReset, true).await,
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
