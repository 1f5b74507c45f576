//! The provider in memory.

use std::sync::Arc;

use async_trait::async_trait;
use repass::{PasswordService, UserId};
use repass_conformance::{
    Ending, Fault, OracleCounts, ResponsePart, Skip, Subject, SubjectMode, TestEnv, Timing,
};
use repass_domain::InMemoryPasswordService;

/// By either authority.
pub(crate) struct InMemory(pub(crate) SubjectMode);

const USER: &str = "alice";
const CURRENT: &str = "Qx7c-memory-0";

#[async_trait]
impl Subject for InMemory {
    fn name(&self) -> &str {
        match self.0 {
            SubjectMode::AdminReset => "in memory, reset",
            SubjectMode::SelfService => "in memory, change",
        }
    }

    fn mode(&self) -> SubjectMode {
        self.0
    }

    fn keeps_order(&self) -> bool {
        true
    }

    async fn env(&self) -> Box<dyn TestEnv> {
        let service = InMemoryPasswordService::new("memory").with_user(USER, CURRENT);
        Box::new(OneUser(Arc::new(service)))
    }
}

struct OneUser(Arc<InMemoryPasswordService>);

#[async_trait]
impl TestEnv for OneUser {
    fn service(&self) -> Arc<dyn PasswordService> {
        Arc::clone(&self.0) as _
    }

    fn user(&self) -> UserId {
        USER.parse().unwrap()
    }

    fn current(&self) -> String {
        CURRENT.to_owned()
    }

    fn password(&self, n: usize) -> String {
        format!("Qx7c-memory-{n}")
    }

    async fn inject(&self, fault: Fault) -> Result<(), Skip> {
        match fault {
            Fault::ResponseCut(Timing::AfterApply, ResponsePart::Nothing, Ending::Fin) => {
                self.0.lose_next_response();
                Ok(())
            }
            _ => Err(Skip::because(
                "there is no network: answers can be lost, and that is all",
            )),
        }
    }

    async fn counts(&self) -> OracleCounts {
        OracleCounts {
            set: self.0.applied().len() as u64,
            ..OracleCounts::default()
        }
    }

    async fn accepts(&self, password: &str) -> bool {
        self.0.accepts(USER, password)
    }
}
