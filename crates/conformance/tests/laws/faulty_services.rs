//! Services that are bent.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use repass::config::BodyEncoding::Json;
use repass::{
    CallContext, Capabilities, ChangeReceipt, Error, PasswordChange, PasswordPolicy, PasswordService,
    Resolution, UnknownOutcome,
};
use repass_sandbox::ZoomBody;

use crate::services::zoom;
use crate::test_envs::SandboxSubject;

pub(crate) type Ended = Pin<Box<dyn Future<Output = Result<ChangeReceipt, Error>> + Send>>;
pub(crate) type Call = dyn Fn(Arc<dyn PasswordService>, CallContext, PasswordChange) -> Ended + Send + Sync;

/// A service whose calls, claims or resolutions are bent.
pub(crate) struct FaultyService {
    pub(crate) inner: Arc<dyn PasswordService>,
    pub(crate) call: Arc<Call>,
    pub(crate) capabilities: Option<Capabilities>,
    pub(crate) resolution: Option<Resolution>,
}

impl FaultyService {
    pub(crate) fn new(inner: Arc<dyn PasswordService>) -> Self {
        Self {
            inner,
            call: Arc::new(forward),
            capabilities: None,
            resolution: None,
        }
    }
}

impl fmt::Debug for FaultyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyService")
    }
}

#[async_trait]
impl PasswordService for FaultyService {
    fn provider(&self) -> &str {
        self.inner.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.unwrap_or_else(|| self.inner.capabilities())
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        (self.call)(Arc::clone(&self.inner), cx.clone(), change.clone()).await
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let right = self.inner.resolve(cx, attempt, change).await?;
        Ok(self.resolution.unwrap_or(right))
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.inner.policy(cx).await
    }
}

/// A service that resolves each time twice.
#[derive(Debug)]
pub(crate) struct ProbesTwice(pub(crate) Arc<dyn PasswordService>);

#[async_trait]
impl PasswordService for ProbesTwice {
    fn provider(&self) -> &str {
        self.0.provider()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.0.change_password(cx, change).await
    }

    async fn resolve(
        &self,
        cx: &CallContext,
        attempt: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        self.0.resolve(cx, attempt, change).await?;
        self.0.resolve(cx, attempt, change).await
    }

    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        self.0.policy(cx).await
    }
}

pub(crate) fn forward(inner: Arc<dyn PasswordService>, cx: CallContext, change: PasswordChange) -> Ended {
    Box::pin(async move { inner.change_password(&cx, &change).await })
}

pub(crate) fn faulty(
    subject: SandboxSubject,
    call: impl Fn(Arc<dyn PasswordService>, CallContext, PasswordChange) -> Ended + Send + Sync + 'static,
) -> SandboxSubject {
    let call: Arc<Call> = Arc::new(call);
    subject.faulty(move |_, inner| {
        let call = Arc::clone(&call);
        Arc::new(FaultyService {
            call,
            ..FaultyService::new(inner)
        })
    })
}

pub(crate) async fn plain_zoom() -> SandboxSubject {
    zoom("faulty", Json, ZoomBody::Json, false).await
}

pub(crate) async fn faulty_zoom(
    call: impl Fn(Arc<dyn PasswordService>, CallContext, PasswordChange) -> Ended + Send + Sync + 'static,
) -> SandboxSubject {
    faulty(plain_zoom().await, call)
}
