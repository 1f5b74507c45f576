//! A directory as a [`PasswordService`].

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use repass_domain::{
    CallContext, CallRedactor, Capabilities, ChangeMode, ChangeReceipt, Error, ErrorKind, Outcome, Password,
    PasswordChange, PasswordPolicy, PasswordService, PriorState, Redactor, Resolution, Rule, UnknownOutcome,
    UserId, UserKey,
};
use repass_provider::{Classification, OutcomeMapper, ProviderResponse};
use repass_transport::ldap::{
    Control, Entry, Identity, LdapChange, LdapResult, LdapTransport, Reply, Session, code, oid,
};
use repass_transport::{Instant, TransportError};
use secrecy::ExposeSecret;

use crate::dialect::{self, Dialect};
use crate::guard::{self, Guard};
use crate::lookup::Writes;
use crate::policy::{self, DomainRules, Rules};
use crate::request::{self, Besides};
use crate::settings::MarkerSettings;
use crate::{ActiveDirectorySettings, LdapSettings, errors, lookup};

/// A password service for a directory: LDAP or Active Directory.
///
/// The outcome is that of the server that answered: another replica may follow later. A reset is made by the service
/// account. A change is made by the user at LDAP servers, and by the service account with the current password at Active
/// Directory, so that users get through whose password has expired or must be changed.
#[derive(Debug)]
pub struct DirectoryService {
    provider: String,
    kind: Kind,
    transport: Arc<LdapTransport>,
    redactor: Redactor,
}

#[derive(Debug)]
enum Kind {
    Ldap(LdapSettings),
    ActiveDirectory(ActiveDirectorySettings),
}

/// The user, and the server that knows the user.
pub(crate) struct Found {
    pub(crate) dialect: Dialect,
    pub(crate) root: Entry,
    pub(crate) entry: Entry,
    server: String,
}

impl Found {
    /// What the server has recorded of the user.
    fn records(&self) -> PriorState {
        lookup::prior_state(&self.entry, &self.server, self.dialect)
    }

    /// The time by the server's clock, where it shows one.
    pub(crate) fn now(&self) -> SystemTime {
        let now = self.root.text("currentTime").and_then(lookup::generalized_time);
        now.unwrap_or_else(SystemTime::now)
    }
}

impl DirectoryService {
    /// Creates the service of an LDAP directory under its configured name. Sends nothing.
    pub fn ldap(provider: impl Into<String>, settings: LdapSettings, transport: Arc<LdapTransport>) -> Self {
        Self::new(provider.into(), Kind::Ldap(settings), transport)
    }

    /// Creates the service of an Active Directory under its configured name. Sends nothing.
    pub fn active_directory(
        provider: impl Into<String>,
        settings: ActiveDirectorySettings,
        transport: Arc<LdapTransport>,
    ) -> Self {
        Self::new(provider.into(), Kind::ActiveDirectory(settings), transport)
    }

    fn new(provider: String, kind: Kind, transport: Arc<LdapTransport>) -> Self {
        let redactor = transport.redactor();
        Self {
            provider,
            kind,
            transport,
            redactor,
        }
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    pub(crate) fn name(&self) -> &str {
        &self.provider
    }

    fn is_one_server(&self) -> bool {
        matches!(&self.kind, Kind::Ldap(settings) if settings.one_server)
    }

    fn is_active_directory(&self) -> bool {
        matches!(self.kind, Kind::ActiveDirectory(_))
    }

    fn user_base(&self) -> (&str, &str) {
        match &self.kind {
            Kind::Ldap(settings) => (&settings.user_base, &settings.login_attribute),
            Kind::ActiveDirectory(settings) => (&settings.user_base, &settings.login_attribute),
        }
    }

    fn markers(&self) -> &MarkerSettings {
        match &self.kind {
            Kind::Ldap(settings) => &settings.markers,
            Kind::ActiveDirectory(settings) => &settings.markers,
        }
    }

    /// The guard of a change that the service account makes, where changes are marked. Users make theirs without one:
    /// the marker is the service's.
    fn guard(
        &self,
        mapper: &OutcomeMapper<'_>,
        found: &Found,
        change: &PasswordChange,
    ) -> Result<Option<Guard>, Error> {
        let by_user = is_self_service(change) && found.dialect != Dialect::ActiveDirectory;
        let attribute = self.markers().marker_attribute.as_deref().filter(|_| !by_user);
        let is_user_password = match found.dialect {
            Dialect::Directory389 => true,
            Dialect::PasswordModify => attribute.is_some(),
            Dialect::ActiveDirectory => false,
        };
        if is_user_password && request::reads_as_hash(change.new_password()) {
            let broken = Classification::violates(Rule::Other("storage_scheme".to_owned()));
            let hint =
                "the directory would take a password that begins with `{…}` for a hash; choose another one";
            return Err(self.refused(mapper, broken.with_hint(hint)));
        }
        let Some(attribute) = attribute else {
            return Ok(None);
        };
        let server_hashes = match &self.kind {
            Kind::Ldap(settings) => settings.server_hashes || found.dialect == Dialect::Directory389,
            Kind::ActiveDirectory(_) => true,
        };
        if !server_hashes {
            let why = Classification::rejected(ErrorKind::Misconfigured).with_hint(
                "with `marker_attribute` the password is set by a Modify, which OpenLDAP stores in the clear unless \
                 its policy overlay has `ppolicy_hash_cleartext`; configure that, and set `server_hashes = true`",
            );
            return Err(self.refused(mapper, why));
        }
        let guard = Guard::new(attribute, &found.entry, found.dialect);
        guard.map(Some).map_err(|why| self.refused(mapper, why))
    }

    pub(crate) fn mapper<'a>(&'a self, redactor: CallRedactor<'a>) -> OutcomeMapper<'a> {
        // LDAP names no exchange.
        OutcomeMapper::new(&self.provider, "", redactor)
    }

    /// A refusal before a change.
    pub(crate) fn refused(&self, mapper: &OutcomeMapper<'_>, classification: Classification) -> Error {
        let nothing = Reply {
            result: LdapResult::default(),
            controls: vec![],
            has_value: false,
        };
        mapper.read_response(ProviderResponse::Ldap(&nothing, &self.redactor), classification)
    }

    pub(crate) async fn open(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
    ) -> Result<Session<'_>, Error> {
        let session = self.transport.open(Identity::Service, cx.budget()).await;
        let session = session.map_err(|failure| mapper.read_failure(&failure))?;
        match errors::service_bind(session.bound()) {
            Some(classification) => Err(self.refused(mapper, classification)),
            None => Ok(session),
        }
    }

    /// Opens a session of the service, and finds the user.
    pub(crate) async fn find(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        user: &UserId,
    ) -> Result<(Session<'_>, Found), Error> {
        let mut session = self.open(cx, mapper).await?;
        let (root, dialect) = self.root(&mut session, mapper).await?;
        let (base, attribute) = self.user_base();
        let marker = self.markers().marker_attribute.as_deref();
        let search = lookup::search(base, attribute, user, dialect, marker);
        let found = session.search("ldap.find", search).await;
        let (entries, reply) = found.map_err(|failure| mapper.read_failure(&failure))?;
        let entry =
            lookup::read(entries, &reply, attribute, user).map_err(|why| self.refused(mapper, why))?;
        // A domain's name leads to any of its controllers; each has a name of its own.
        let server = root
            .text("dnsHostName")
            .unwrap_or_else(|| session.server())
            .to_owned();
        let found = Found {
            dialect,
            root,
            entry,
            server,
        };
        Ok((session, found))
    }

    pub(crate) async fn root(
        &self,
        session: &mut Session<'_>,
        mapper: &OutcomeMapper<'_>,
    ) -> Result<(Entry, Dialect), Error> {
        let root = session.search("ldap.root", dialect::search()).await;
        let (entries, reply) = root.map_err(|failure| mapper.read_failure(&failure))?;
        if let code::BUSY | code::UNAVAILABLE = reply.result.code {
            return Err(self.refused(mapper, Classification::rejected(ErrorKind::ProviderFault)));
        }
        let root = entries.into_iter().next().unwrap_or_default();
        let dialect =
            Dialect::of(&root, self.is_active_directory()).map_err(|why| self.refused(mapper, why))?;
        Ok((root, dialect))
    }

    /// The entry with the rules for this user; `None` if it is not known or not readable.
    async fn policy_entry(
        &self,
        session: &mut Session<'_>,
        mapper: &OutcomeMapper<'_>,
        root: &Entry,
        user: Option<&Entry>,
    ) -> Result<Option<Entry>, Error> {
        let own = |attribute| user.and_then(|user| user.text(attribute));
        let dn = match &self.kind {
            Kind::Ldap(settings) => own("pwdPolicySubentry").or(settings.policy_dn.as_deref()),
            Kind::ActiveDirectory(_) => {
                own("msDS-ResultantPSO").or_else(|| root.text("defaultNamingContext"))
            }
        };
        let Some(dn) = dn else { return Ok(None) };
        let found = session.search("ldap.policy", policy::search(dn)).await;
        let (entries, _) = found.map_err(|failure| mapper.read_failure(&failure))?;
        Ok(entries.into_iter().next())
    }

    async fn rules(
        &self,
        session: &mut Session<'_>,
        mapper: &OutcomeMapper<'_>,
        found: &Found,
        change: &PasswordChange,
    ) -> Result<Rules, Error> {
        let policy = self
            .policy_entry(session, mapper, &found.root, Some(&found.entry))
            .await?;
        let is_protected = found.entry.number::<u32>(lookup::ADMIN_COUNT) == Some(1);
        let Some(policy) = policy else {
            return Ok(Rules {
                is_protected,
                ..Rules::default()
            });
        };
        if found.dialect != Dialect::ActiveDirectory {
            return Ok(Rules::of_ldap(&policy, &found.entry));
        }
        let (new, is_self) = (change.new_password(), is_self_service(change));
        let broken =
            DomainRules::of(&policy).map(|rules| rules.broken(new, &found.entry, is_self, found.now()));
        Ok(Rules {
            broken: broken.unwrap_or_default(),
            is_protected,
            ..Rules::default()
        })
    }

    pub(crate) fn unlocks(&self) -> bool {
        self.besides().unlock
    }

    fn besides(&self) -> Besides {
        match &self.kind {
            Kind::Ldap(_) => Besides::default(),
            Kind::ActiveDirectory(settings) => Besides {
                must_change: settings.must_change,
                unlock: settings.unlock,
            },
        }
    }

    /// The user's session, bound with the current password, or why there is none.
    async fn open_as_user(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        dn: &str,
        current: &Password,
    ) -> Result<Session<'_>, Error> {
        #[expect(clippy::disallowed_methods, reason = "the bind carries it")]
        let password = current.expose_secret();
        let identity = Identity::User { name: dn, password };
        let session = self.transport.open(identity, cx.budget()).await;
        let session = session.map_err(|failure| mapper.read_failure(&failure))?;
        match errors::user_bind(session.bound()) {
            Some(classification) => Err(self.refused(mapper, classification)),
            None => Ok(session),
        }
    }

    /// Sends the change once, on this session.
    async fn send(
        &self,
        cx: &CallContext,
        session: &mut Session<'_>,
        found: &Found,
        change: &PasswordChange,
        guard: Option<&Guard>,
    ) -> Result<Reply, TransportError> {
        let (operation, old) = match change.mode() {
            ChangeMode::AdminReset => ("ldap.reset", None),
            ChangeMode::SelfService(current) => ("ldap.change", Some(current)),
        };
        #[expect(clippy::disallowed_methods, reason = "the request carries them")]
        let (new, old) = (
            change.new_password().expose_secret(),
            old.map(ExposeSecret::expose_secret),
        );
        let request = request::change(found.dialect, &found.entry.dn, old, new, self.besides(), guard);
        let mut controls = vec![Control::asking(oid::PASSWORD_POLICY)];
        controls.extend(guard.and_then(Guard::assertion));
        let change = LdapChange {
            operation,
            rate_label: None,
            request,
            controls,
            before_send: cx.before_send().cloned(),
        };
        session.change(change).await
    }

    /// What the response to a change, or none, means.
    fn outcome(
        &self,
        mapper: &OutcomeMapper<'_>,
        found: &Found,
        change: &PasswordChange,
        rules: &Rules,
        sent: Result<Reply, TransportError>,
    ) -> Result<ChangeReceipt, Error> {
        let reply = sent.map_err(|failure| mapper.change_failure(&failure))?;
        let is_self = is_self_service(change);
        let classification = errors::change(found.dialect, is_self, rules, &reply, mapper.redactor());
        mapper.change_response(ProviderResponse::Ldap(&reply, &self.redactor), classification)
    }

    /// Decides an unknown outcome of a guarded change: by its marker, or else by sending it once more, which the server
    /// refuses if the first one was applied in the meantime or can no longer be. `None` if it stays unknown.
    async fn decide(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        before: &Found,
        change: &PasswordChange,
        rules: &Rules,
        guard: &Guard,
    ) -> Option<Result<ChangeReceipt, Error>> {
        let start = Instant::now();
        let (mut session, now) = self.find_again(cx, mapper, before, change).await?;
        if guard.marks(&now.entry) == Some(true) {
            session.close().await;
            return Some(Ok(ChangeReceipt::new()));
        }
        let rest = cx.after(start.elapsed());
        let sent = self.send(&rest, &mut session, before, change, Some(guard)).await;
        session.close().await;
        let is_stale = sent.as_ref().is_ok_and(guard::is_stale);
        let result = self.outcome(mapper, before, change, rules, sent);
        if result.is_ok() {
            return Some(result);
        }
        let rest = cx.after(start.elapsed());
        let (session, now) = self.find_again(&rest, mapper, before, change).await?;
        session.close().await;
        match guard.marks(&now.entry) {
            Some(true) => Some(Ok(ChangeReceipt::new())),
            // Another change came first, and every copy of this one will be refused.
            Some(false) if is_stale => Some(result),
            _ => None,
        }
    }

    /// Finds the user again, at the same server.
    async fn find_again(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        before: &Found,
        change: &PasswordChange,
    ) -> Option<(Session<'_>, Found)> {
        let (session, now) = self.find(cx, mapper, change.user()).await.ok()?;
        (now.server == before.server && now.entry.dn == before.entry.dn).then_some((session, now))
    }

    /// Sends a reset once more. A server that takes it has the new password in place, and so has one that refuses it as
    /// the current one.
    async fn resend(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        session: &mut Session<'_>,
        found: &Found,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let guard = self.guard(mapper, found, change)?;
        let reply = self.send(cx, session, found, change, guard.as_ref()).await;
        let reply = reply.map_err(|failure| mapper.change_failure(&failure))?;
        let rules = Rules::default();
        let classification = errors::change(found.dialect, false, &rules, &reply, mapper.redactor());
        if classification.rules == [Rule::NotCurrent] {
            return Ok(Resolution::InPlace);
        }
        if classification.kind == ErrorKind::PasswordRefused {
            // By its age or the history: it may be in place, and be refused for that.
            return Ok(Resolution::StillUnknown);
        }
        mapper
            .change_response(ProviderResponse::Ldap(&reply, &self.redactor), classification)
            .map(|_| Resolution::InPlace)
    }

    /// Presents the new password in a bind, once.
    async fn bind_with_new(
        &self,
        cx: &CallContext,
        mapper: &OutcomeMapper<'_>,
        found: &Found,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        if let Some(before_send) = cx.before_send()
            && !before_send().await
        {
            let what = "the caller did not let the probe be sent";
            return Err(Error::not_applied(ErrorKind::Internal, what));
        }
        #[expect(clippy::disallowed_methods, reason = "the bind carries it")]
        let password = change.new_password().expose_secret();
        let name = &found.entry.dn;
        let probe = self
            .transport
            .open(Identity::User { name, password }, cx.budget())
            .await;
        let probe = probe.map_err(|failure| mapper.read_failure(&failure))?;
        let reply = probe.bound().clone();
        probe.close().await;
        Ok(match () {
            () if errors::proves_password(found.dialect, &reply) => Resolution::InPlace,
            () if errors::disproves_password(found.dialect, &reply) => Resolution::NotInPlace,
            () => Resolution::StillUnknown,
        })
    }
}

fn is_self_service(change: &PasswordChange) -> bool {
    matches!(change.mode(), ChangeMode::SelfService(_))
}

#[async_trait]
impl PasswordService for DirectoryService {
    fn provider(&self) -> &str {
        &self.provider
    }

    fn capabilities(&self) -> Capabilities {
        let capabilities = Capabilities::NONE
            .with_reset()
            .with_change()
            .with_policy()
            .with_before_send()
            .with_resolve_by_resending();
        if self.markers().exactly_once {
            capabilities.with_exactly_once()
        } else {
            capabilities
        }
    }

    async fn change_password(
        &self,
        cx: &CallContext,
        change: &PasswordChange,
    ) -> Result<ChangeReceipt, Error> {
        let start = Instant::now();
        self.capabilities().check(change)?;
        let mapper = self.mapper(CallRedactor::for_change(change));
        let (mut service, found) = self.find(cx, &mapper, change.user()).await?;
        let rules = self.rules(&mut service, &mapper, &found, change).await?;
        let guard = self.guard(&mapper, &found, change)?;
        let mut before = found.records();
        let mut session = match change.mode() {
            ChangeMode::SelfService(current) if found.dialect != Dialect::ActiveDirectory => {
                let cx = cx.after(start.elapsed());
                let user = self.open_as_user(&cx, &mapper, &found.entry.dn, current).await?;
                // A bind changes the entry where failed ones are counted there.
                let again = service
                    .search("ldap.find", lookup::again(&found.entry.dn, found.dialect))
                    .await;
                let (entries, _) = again.map_err(|failure| mapper.read_failure(&failure))?;
                let entry = entries.into_iter().next().unwrap_or_default();
                // Both connections must lead to one server for this to prove anything.
                before = if user.server() == service.server() {
                    lookup::prior_state(&entry, &found.server, found.dialect)
                } else {
                    PriorState::default()
                };
                service.close().await;
                user
            }
            _ => service,
        };
        if let Some(guard) = &guard {
            before = guard.note(before);
        }
        let mapper = mapper.with_prior_state(before);
        let sent = self
            .send(
                &cx.after(start.elapsed()),
                &mut session,
                &found,
                change,
                guard.as_ref(),
            )
            .await;
        let result = self.outcome(&mapper, &found, change, &rules, sent);
        session.close().await;
        match (result, guard) {
            (Err(error), Some(guard))
                if error.outcome() == Outcome::Unknown && self.markers().exactly_once =>
            {
                let cx = cx.after(start.elapsed());
                let decided = self.decide(&cx, &mapper, &found, change, &rules, &guard).await;
                decided.unwrap_or(Err(error))
            }
            (result, _) => result,
        }
    }

    /// Compares what the server has recorded of the user with what it had before the change. If that proves nothing, it
    /// makes one probe: a reset is sent once more, or the new password is presented in a bind.
    async fn resolve(
        &self,
        cx: &CallContext,
        unknown: &UnknownOutcome,
        change: &PasswordChange,
    ) -> Result<Resolution, Error> {
        let start = Instant::now();
        self.capabilities().check(change)?;
        let mapper = self.mapper(CallRedactor::for_change(change));
        let (mut session, found) = self.find(cx, &mapper, change.user()).await?;
        let before = unknown.prior_state();
        let writes = lookup::writes_since(before, &found.records(), found.dialect, self.is_one_server());
        let attribute = self.markers().marker_attribute.as_deref();
        let is_marked = Guard::is_marked(&found.entry, attribute, before);
        match (writes, is_marked) {
            (Writes::None, _) | (Writes::One, Some(false)) => {
                session.close().await;
                return Ok(Resolution::NotInPlace);
            }
            (Writes::One, Some(true)) => {
                session.close().await;
                return Ok(Resolution::InPlace);
            }
            // Sent once more, the change would replace one that was made since by somebody else.
            (Writes::Several, _) => {
                session.close().await;
                return Ok(Resolution::StillUnknown);
            }
            _ => {}
        }
        let rules = self.rules(&mut session, &mapper, &found, change).await?;
        // After one write a bind shows whose it was. A password of no age yet is refused again, whether it is the new one
        // or not.
        let can_resend = !is_self_service(change) && !rules.has_min_age && writes != Writes::One;
        let cx = cx.after(start.elapsed());
        if can_resend {
            let resolution = self.resend(&cx, &mapper, &mut session, &found, change).await;
            session.close().await;
            return resolution;
        }
        session.close().await;
        // Active Directory accepts the previous password for an hour. After one write a new password that binds is
        // the current one; with nothing to compare, it may be the previous.
        if found.dialect == Dialect::ActiveDirectory && writes != Writes::One {
            return Ok(Resolution::StillUnknown);
        }
        self.bind_with_new(&cx, &mapper, &found, change).await
    }

    /// The rules of the domain, or of the entry `policy_dn`. Users can have others.
    async fn policy(&self, cx: &CallContext) -> Result<PasswordPolicy, Error> {
        let mapper = self.mapper(CallRedactor::for_nothing());
        let mut session = self.open(cx, &mapper).await?;
        let (root, dialect) = self.root(&mut session, &mapper).await?;
        let entry = self.policy_entry(&mut session, &mapper, &root, None).await?;
        session.close().await;
        let unreadable = |hint| {
            let classification = Classification::rejected(ErrorKind::PermissionDenied).with_hint(hint);
            self.refused(&mapper, classification)
        };
        let Some(entry) = entry else {
            return Err(unreadable(
                "the policy's entry is not known or not readable; set `policy_dn`, and let the service account read it",
            ));
        };
        let policy = match dialect {
            Dialect::ActiveDirectory => DomainRules::of(&entry)
                .ok_or_else(|| {
                    unreadable("the domain's entry does not show its password rules to the service account")
                })?
                .policy(),
            Dialect::PasswordModify | Dialect::Directory389 => policy::of_ldap(&entry),
        };
        policy
            .build()
            .map_err(|impossible| Error::not_applied(ErrorKind::UnexpectedAnswer, impossible.to_string()))
    }

    fn user_key(&self, user: &UserId) -> UserKey {
        lookup::user_key(user)
    }
}
