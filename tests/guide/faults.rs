//! The sandbox's faults and routes in the guide.

use repass::sandbox::{Action, Fault, RequestMatcher, Sandbox};
use serde_json::Value;

use crate::pages::{read, samples};

#[tokio::test]
async fn every_documented_fault_can_be_injected() {
    let sandbox = Sandbox::start().await.unwrap();
    let page = read("docs/guide/testing.md");
    let faults = samples(&page).into_iter().filter(|it| it.language == "json");
    let faults: Vec<Fault> = faults.map(|it| serde_json::from_str(&it.text).unwrap()).collect();
    assert!(!faults.is_empty(), "the samples were found");
    for fault in faults {
        sandbox.inject(fault).unwrap();
    }
}

#[test]
fn every_fault_key_is_documented() {
    let page = read("docs/guide/testing.md");
    let keys = |value: Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let matching = keys(serde_json::to_value(RequestMatcher::default()).unwrap());
    let action = keys(serde_json::to_value(Action::default()).unwrap());
    for key in matching.iter().chain(&action) {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
}
