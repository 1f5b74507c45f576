//! A provider that a table describes, as a [`PasswordService`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use repass_domain::{
    CallContext, CallRedactor, Capabilities, ChangeMode, ChangeReceipt, Error, ErrorKind, PasswordChange,
    PasswordPolicy, PasswordService, Resolution, Rule, UnknownOutcome, UserId, UserKey,
};
use repass_provider::{Classification, OutcomeMapper};
use repass_transport::{AttemptOutcome, Idempotency, Instant, Response, Transport};

use crate::lookup::Found;
use crate::request::{self, Unsendable};
use crate::row::Row;
use crate::table::{Call, Probe, ProbeRequest, Table};
use crate::template::Values;
use crate::{errors, lookup};

/// A password service for a provider whose HTTP API a [`Table`] describes.
///
/// *Applied* and *not applied* are claimed only where a row says so of a response with this status and body. What no row
/// describes is *unknown*.
#[derive(Debug)]
pub struct HttpService {
    provider: String,
    table: Arc<Table>,
    transport: Arc<dyn Transport>,
    // The probe can say no at this provider.
    control_passed: AtomicBool,
}

impl HttpService {
    /// Creates the service of a provider under its configured name. `transport` must lead to its base URL. Sends
    /// nothing.
    pub fn new(provider: impl Into<String>, table: Arc<Table>, transport: Arc<dyn Transport>) -> Self {
        Self {
            provider: provider.into(),
            table,
            transport,
            control_passed: AtomicBool::new(false),
        }
    }

    fn mapper<'a>(&'a self, redactor: CallRedactor<'a>) -> OutcomeMapper<'a> {
        let correlation = self.table.correlation.unwrap_or("x-request-id");
        OutcomeMapper::new(&self.provider, correlation, redactor).by_table(Arc::clone(&self.table.hash))
    }

    fn unsendable(unsendable: Unsendable) -> Error {
        Error::not_applied(Unsendable::KIND, unsendable.0)
    }

    // What the table asks of the provider and the user before anything is changed.
    async fn find(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        user: &UserId,
    ) -> Result<Found, Error> {
        let start = Instant::now();
        let values = Values::of(user.expose());
        if let Some(require) = &self.table.require {
            let request = request::of(
                "http.require",
                &self.table,
                &require.exchange,
                Idempotency::Idempotent,
                &values,
            );
            let request = request.map_err(Self::unsendable)?;
            let response = self.transport.deliver(&request.budget(cx.budget())).await;
            let response = response.map_err(|failure| mapper.read_failure(&failure))?;
            let holds = require.condition.holds(response.json_value().as_ref(), &values);
            if response.status().as_u16() != require.status || !holds {
                let refused = match response.status().as_u16() {
                    // A server that says nothing of itself says no.
                    200 | 404 => Classification::rejected(ErrorKind::Unsupported).with_hint(
                        require
                            .hint
                            .unwrap_or("the provider does not say that it changes passwords"),
                    ),
                    _ => self.unread(mapper, &response, &values),
                };
                return Err(mapper.read_response(&response, refused));
            }
        }
        let Some(lookup) = &self.table.lookup else {
            return Ok(Found {
                id: user.expose().to_owned(),
                ..Found::default()
            });
        };
        let request =
            request::reading("http.lookup", &self.table, &lookup.path, &values).map_err(Self::unsendable)?;
        let budget = cx.after(start.elapsed()).budget();
        let response = self.transport.deliver(&request.budget(budget)).await;
        let response = response.map_err(|failure| mapper.read_failure(&failure))?;
        let timestamp = match &self.table.probe {
            Some(Probe::Timestamp(probe)) => Some(probe),
            _ => None,
        };
        lookup::read(lookup, timestamp, user, &response, mapper.redactor(), &values)
            .map_err(|classification| mapper.read_response(&response, classification))
    }

    // Why a request that reads something got nothing: as of the look-up.
    fn unread(&self, mapper: &OutcomeMapper<'_>, response: &Response, values: &Values<'_>) -> Classification {
        let lookup = self.table.lookup.as_ref();
        let rows = lookup.map(|lookup| lookup.not_found.as_slice());
        errors::classify(rows.unwrap_or_default(), response, mapper.redactor(), values)
    }

    fn call(&self, change: &PasswordChange) -> Result<&Call, Error> {
        let call = match change.mode() {
            ChangeMode::AdminReset => self.table.reset.as_ref(),
            ChangeMode::SelfService(_) => self.table.change.as_ref(),
        };
        call.ok_or_else(|| Error::not_applied(ErrorKind::Unsupported, "the table describes no such change"))
    }

    // Whether what must confirm a change does so. Without an answer it does not.
    async fn is_confirmed(
        &self,
        cx: &CallContext,
        start: Instant,
        mapper: &OutcomeMapper<'_>,
        change: &PasswordChange,
        found: &Found,
    ) -> bool {
        let Some(confirm) = &self.table.confirm else {
            return true;
        };
        let values = values(change, found);
        let shown = self
            .ask("http.confirm", cx, start, mapper, confirm, &values)
            .await;
        shown.is_ok_and(|shown| errors::meets(&confirm.in_place, &shown, &values))
    }

    // Sends the change of a user who was found; what the rows make of the response.
    async fn send(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        change: &PasswordChange,
        found: &Found,
    ) -> Result<(Response, Classification), Error> {
        let call = self.call(change)?;
        let values = values(change, found);
        let operation = match change.mode() {
            ChangeMode::AdminReset => "http.reset",
            ChangeMode::SelfService(_) => "http.change",
        };
        let request = request::of(
            operation,
            &self.table,
            &call.exchange,
            Idempotency::NonIdempotent,
            &values,
        )
        .map_err(Self::unsendable)?;
        let reader = Arc::new(Reader {
            table: Arc::clone(&self.table),
            user: change.user().clone(),
            found: found.clone(),
            is_reset: matches!(change.mode(), ChangeMode::AdminReset),
        });
        let request = if reader.rows().iter().any(|row| row.delay.is_some()) {
            let reader = Arc::clone(&reader);
            request.delay_by(Arc::new(move |response| reader.delay(response)))
        } else {
            request
        };
        let request = request
            .budget(cx.budget())
            .before_send(cx.before_send().cloned())
            .reading_by(Arc::new(move |response| reader.outcome(response)));
        let response = self.transport.deliver(&request).await;
        let response = response.map_err(|failure| mapper.change_failure(&failure))?;
        let classification = errors::classify(&call.rows, &response, mapper.redactor(), &values);
        Ok((response, classification))
    }
}

// What the retry loop asks of each response. It outlives the call, so it holds no secret.
struct Reader {
    table: Arc<Table>,
    user: UserId,
    found: Found,
    is_reset: bool,
}

impl Reader {
    fn rows(&self) -> &[Row] {
        let call = if self.is_reset {
            &self.table.reset
        } else {
            &self.table.change
        };
        call.as_ref().map(|call| call.rows.as_slice()).unwrap_or_default()
    }

    fn values(&self) -> Values<'_> {
        Values {
            id: &self.found.id,
            kept: &self.found.kept,
            ..Values::of(self.user.expose())
        }
    }

    fn outcome(&self, response: &Response) -> AttemptOutcome {
        errors::outcome(self.rows(), response, &self.values(), !self.is_reset)
    }

    fn delay(&self, response: &Response) -> Option<Duration> {
        errors::delay(self.rows(), response, &self.values())
    }
}

impl HttpService {
    async fn probe(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        probe: &ProbeRequest,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let start = Instant::now();
        let found = self.find(cx, mapper, change.user()).await?;
        let values = values(change, &found);
        if let Some(control) = &probe.control
            && !self.control_passed.load(Ordering::Relaxed)
        {
            // A probe that says yes to anything is none.
            let request = request::reading("http.control", &self.table, &control.path, &values)
                .map_err(Self::unsendable)?;
            let budget = cx.after(start.elapsed()).budget();
            let response = self.transport.deliver(&request.budget(budget)).await;
            let response = response.map_err(|failure| mapper.read_failure(&failure))?;
            if !errors::meets(&control.refutes, &response, &values) {
                return Ok(Resolution::StillUnknown);
            }
            self.control_passed.store(true, Ordering::Relaxed);
        }
        let response = self.ask("http.probe", cx, start, mapper, probe, &values).await?;
        let meets = |condition| errors::meets(condition, &response, &values);
        Ok(if meets(&probe.in_place) {
            Resolution::InPlace
        } else if probe.not_in_place.as_ref().is_some_and(meets) {
            Resolution::NotInPlace
        } else {
            Resolution::StillUnknown
        })
    }

    async fn repeat(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let start = Instant::now();
        let found = self.find(cx, mapper, change.user()).await?;
        let (response, classification) = self
            .send(&cx.after(start.elapsed()), mapper, change, &found)
            .await?;
        if classification.outcome == AttemptOutcome::Done
            && !self.is_confirmed(cx, start, mapper, change, &found).await
        {
            return Ok(Resolution::StillUnknown);
        }
        // The provider may refuse it because it is in place, or was once; a refusal without a rule does not say.
        let may_be_old = |rule: &Rule| matches!(rule, Rule::NotCurrent | Rule::NotRecent(_) | Rule::Other(_));
        if classification.kind == ErrorKind::PasswordRefused
            && classification.outcome == AttemptOutcome::Refused
            && classification.rules.iter().all(may_be_old)
        {
            return Ok(Resolution::StillUnknown);
        }
        mapper
            .change_response(&response, classification)
            .map(|_| Resolution::InPlace)
    }

    async fn ask(
        &self,
        operation: &'static str,
        cx: &CallContext,
        start: Instant,
        mapper: &OutcomeMapper<'_>,
        probe: &ProbeRequest,
        values: &Values<'_>,
    ) -> Result<Response, Error> {
        // Log-ins count towards lock-outs, so a probe is not idempotent.
        let request = request::of(
            operation,
            &self.table,
            &probe.exchange,
            Idempotency::NonIdempotent,
            values,
        );
        let request = request.map_err(Self::unsendable)?;
        let budget = cx.after(start.elapsed()).budget();
        let response = self.transport.deliver(&request.budget(budget)).await;
        response.map_err(|failure| mapper.read_failure(&failure))
    }
}

fn values<'a>(change: &'a PasswordChange, found: &'a Found) -> Values<'a> {
    Values {
        id: &found.id,
        kept: &found.kept,
        new: Some(change.new_password()),
        current: match change.mode() {
            ChangeMode::SelfService(current) => Some(current),
            ChangeMode::AdminReset => None,
        },
        ..Values::of(change.user().expose())
    }
}

#[async_trait]
impl PasswordService for HttpService {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::NONE.with_before_send().with_policy();
        if self.table.reset.is_some() {
            can = can.with_reset();
        }
        if self.table.change.is_some() {
            can = can.with_change();
        }
        if self.table.lookup.as_ref().is_some_and(|lookup| lookup.accepts_id) {
            can = can.with_canonical_ids();
        }
        match self.table.probe {
            None => can,
            Some(Probe::Request(_) | Probe::Timestamp(_)) => can.with_resolve(),
            Some(Probe::Repeat) => can.with_resolve_by_resending(),
        }
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        self.capabilities().check(change)?;
        // What the table knows of the provider's rules holds for administrators too, whom most providers hold to none.
        let violations = self.table.policy.check(change.new_password());
        if !violations.is_empty() {
            return Err(Error::refused(violations));
        }
        let start = Instant::now();
        let mapper = self.mapper(CallRedactor::for_change(change));
        let found = self.find(cx, &mapper, change.user()).await?;
        let mapper = mapper.with_prior_state(found.state.clone());
        let (response, classification) = self
            .send(&cx.after(start.elapsed()), &mapper, change, &found)
            .await?;
        if classification.outcome == AttemptOutcome::Done
            && !self.is_confirmed(cx, start, &mapper, change, &found).await
        {
            let unconfirmed = Classification::new(AttemptOutcome::Unproven, ErrorKind::UnexpectedAnswer);
            let why = "the provider says that it made the change, and a log-in with the new password does not confirm it";
            return mapper.change_response(&response, unconfirmed.with_hint(why));
        }
        mapper.change_response(&response, classification)
    }

    /// Asks as the table's `probe` describes: by one request that presents the new password, by the time at which the
    /// password was last set, or by sending a reset once more. A change with the current password is never repeated.
    async fn resolve(
        &self,
        cx: &CallContext,
        unknown: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        self.capabilities().check(change)?;
        let mapper = self.mapper(CallRedactor::for_change(change));
        match &self.table.probe {
            None => Err(Error::not_applied(
                ErrorKind::Unsupported,
                "this provider has no request that tells whether a password is in place",
            )),
            Some(Probe::Request(probe)) => self.probe(cx, &mapper, probe, change).await,
            Some(Probe::Repeat) if matches!(change.mode(), ChangeMode::SelfService(_)) => {
                Ok(Resolution::StillUnknown)
            }
            Some(Probe::Timestamp(probe)) => {
                let found = self.find(cx, &mapper, change.user()).await?;
                Ok(probe.resolve(unknown, &found.state))
            }
            Some(Probe::Repeat) => self.repeat(cx, &mapper, change).await,
        }
    }

    /// The rules that the table knows, with those that the provider reports where the table says how to read them.
    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        let Some(discovery) = &self.table.discovery else {
            return Ok(self.table.policy.clone());
        };
        let mapper = self.mapper(CallRedactor::for_nothing());
        let values = Values::of("");
        let request = request::reading("http.policy", &self.table, &discovery.path, &values)
            .map_err(Self::unsendable)?;
        let response = self.transport.deliver(&request.budget(cx.budget())).await;
        let response = response.map_err(|failure| mapper.read_failure(&failure))?;
        let policy = if response.status().as_u16() == 200 {
            discovery.read(&response, &self.table.policy)
        } else {
            Err(self.unread(&mapper, &response, &values))
        };
        policy.map_err(|classification| mapper.read_response(&response, classification))
    }

    fn user_key(&self, user: &UserId) -> UserKey {
        match &self.table.lookup {
            Some(lookup) if lookup.ignores_case => UserKey::exact(&user.expose().to_lowercase()),
            _ => user.key(),
        }
    }

    /// Looks the user up where the provider accepts its own id and a name.
    async fn canonical_id(&self, cx: &CallContext, user: &UserId) -> Result<Option<UserId>, Error> {
        if !self.capabilities().canonical_ids {
            return Ok(None);
        }
        let mapper = self.mapper(CallRedactor::for_nothing());
        let found = self.find(cx, &mapper, user).await?;
        Ok(UserId::new(found.id.as_str()).ok())
    }
}
