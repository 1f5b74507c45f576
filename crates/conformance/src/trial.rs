//! One call under one fault, and what became of it.

use std::time::Duration;

use repass_domain::{CallContext, ChangeReceipt, Error, Outcome, PasswordChange, Resolution, UnknownOutcome};
use tokio::time::timeout;

use crate::harness::Harness;
use crate::report::{CallOutcome, LawResult, Row};
use crate::{Fault, Law, OracleCounts, Subject, Suite};

/// What is judged by one call.
const LAWS: [Law; 10] = [
    Law::Truth,
    Law::Once,
    Law::Doubt,
    Law::Foreign,
    Law::Decided,
    Law::Budget,
    Law::Secrets,
    Law::Settled,
    Law::Astray,
    Law::Works,
];

pub(crate) async fn row(suite: &Suite, subject: &dyn Subject, fault: Fault) -> Row {
    let harness = Harness::new(subject).await;
    let laws = || LAWS.into_iter().filter(|law| law.concerns(fault));
    if let Err(skip) = harness.inject(fault).await {
        let skipped = |law| (law, LawResult::Skipped(skip.to_string()));
        return Row {
            fault,
            outcome: None,
            results: laws().map(skipped).collect(),
        };
    }
    let budget = suite.budget_under(fault);
    let (cx, change) = (CallContext::with_budget(budget), harness.change(1));
    let before = harness.env().counts().await;
    let call = harness.service.change_password(&cx, &change);
    let Ok(result) = timeout(budget + suite.grace, call).await else {
        let result = |law| match law {
            Law::Budget => LawResult::Broken(late(budget, suite.grace)),
            _ => LawResult::Skipped("the call did not return".to_owned()),
        };
        return Row {
            fault,
            outcome: Some(CallOutcome::Late),
            results: laws().map(|law| (law, result(law))).collect(),
        };
    };
    let after = harness.late_counts().await;
    let trial = Trial {
        harness,
        fault,
        change,
        result,
        before,
        after,
    };
    let mut results = Vec::new();
    for law in laws() {
        results.push((law, trial.judge(law, suite).await));
    }
    Row {
        fault,
        outcome: Some(CallOutcome::of(&trial.result)),
        results,
    }
}

fn late(budget: Duration, grace: Duration) -> String {
    format!("it did not return in {budget:?}, nor in another {grace:?}")
}

struct Trial {
    harness: Harness,
    fault: Fault,
    change: PasswordChange,
    result: Result<ChangeReceipt, Error>,
    before: OracleCounts,
    after: OracleCounts,
}

impl Trial {
    async fn judge(&self, law: Law, suite: &Suite) -> LawResult {
        match law {
            Law::Truth => self.truth().await.into(),
            Law::Once => self.once().into(),
            Law::Doubt => self.doubt().into(),
            Law::Foreign => self.foreign().into(),
            Law::Decided => self.decided(),
            Law::Secrets => self.secrets().into(),
            Law::Settled => self.settled(suite).await,
            Law::Astray => self.astray(),
            Law::Works if self.result.is_err() => LawResult::Broken("it is not applied".to_owned()),
            _ => LawResult::Held,
        }
    }

    fn times_set(&self) -> u64 {
        self.after.set - self.before.set
    }

    async fn truth(&self) -> Result<(), String> {
        let env = self.harness.env();
        let set = self.times_set();
        let is_new = env.accepts(&env.password(1)).await;
        let said = CallOutcome::of(&self.result);
        let is_true = match said {
            CallOutcome::Applied => (1..=self.fault.deliveries()).contains(&set) && is_new,
            CallOutcome::NotApplied(_) => set == 0 && env.accepts(&env.current()).await,
            CallOutcome::Unknown(_) | CallOutcome::Late => set <= self.fault.deliveries(),
        };
        let is = if is_new { "is" } else { "is not" };
        is_true.then_some(()).ok_or_else(|| {
            format!("it says {said}; the password was set {set} times, and the new one {is} valid")
        })
    }

    fn once(&self) -> Result<(), String> {
        let set = self.times_set();
        if set > self.fault.deliveries() {
            return Err(format!("the password was set {set} times"));
        }
        if !self.fault.follows_a_whole_request() {
            return Ok(());
        }
        match (self.before.requests, self.after.requests) {
            (Some(before), Some(after)) if after - before > self.copies() => {
                Err(format!("it was sent {} times", after - before))
            }
            _ => Ok(()),
        }
    }

    /// How many copies of a change that the provider may have acted on may be sent.
    fn copies(&self) -> u64 {
        if self.harness.service.capabilities().exactly_once {
            2
        } else {
            1
        }
    }

    fn decided(&self) -> LawResult {
        if !self.harness.service.capabilities().exactly_once {
            return LawResult::Skipped("the provider makes a second copy of a change".to_owned());
        }
        match CallOutcome::of(&self.result) {
            CallOutcome::Applied | CallOutcome::NotApplied(_) => LawResult::Held,
            said => LawResult::Broken(format!("it says {said}, which the provider can decide")),
        }
    }

    fn doubt(&self) -> Result<(), String> {
        match &self.result {
            Err(error) if error.outcome() == Outcome::Unknown && !self.fault.can_leave_doubt() => Err(
                format!("it says unknown ({}), which could be known", error.kind()),
            ),
            _ => Ok(()),
        }
    }

    fn foreign(&self) -> Result<(), String> {
        match CallOutcome::of(&self.result) {
            CallOutcome::Unknown(_) | CallOutcome::Late => Ok(()),
            // What another answer has proven since.
            _ if self.harness.service.capabilities().exactly_once => Ok(()),
            said => Err(format!("it says {said}, which the answer does not prove")),
        }
    }

    fn secrets(&self) -> Result<(), String> {
        let error = self.result.as_ref().err();
        self.harness.no_secret_in(error.map(|error| error as _))
    }

    fn astray(&self) -> LawResult {
        match (self.before.elsewhere, self.after.elsewhere) {
            (Some(before), Some(after)) if before == after => LawResult::Held,
            (Some(_), Some(_)) => LawResult::Broken("the other origin heard of it".to_owned()),
            _ => LawResult::Skipped("the oracle sees no other origin".to_owned()),
        }
    }

    async fn settled(&self, suite: &Suite) -> LawResult {
        let attempt = match &self.result {
            Err(error) => error.unknown_outcome(),
            Ok(_) => None,
        };
        let Some(attempt) = attempt else {
            return LawResult::Skipped("the outcome was known".to_owned());
        };
        if !self.harness.service.capabilities().resolve {
            return LawResult::Skipped("it cannot resolve".to_owned());
        }
        self.resolve(suite, attempt).await.into()
    }

    async fn resolve(&self, suite: &Suite, attempt: &UnknownOutcome) -> Result<(), String> {
        let (env, service) = (self.harness.env(), &self.harness.service);
        if attempt.provider() != service.provider() {
            return Err(format!("the attempt names {}", attempt.provider()));
        }
        env.heal().await;
        let before = self.harness.late_counts().await;
        let cx = CallContext::with_budget(suite.budget);
        let resolving = service.resolve(&cx, attempt, &self.change);
        let resolution = timeout(suite.budget + suite.grace, resolving).await;
        let resolution = resolution.map_err(|_| late(suite.budget, suite.grace))?;
        let after = self.harness.late_counts().await;
        if let (Some(before), Some(after)) = (before.requests, after.requests)
            && after - before > 1
        {
            return Err(format!("it took {} probes", after - before));
        }
        if after.set - before.set > 1 {
            return Err("its probe set the password more than once".to_owned());
        }
        let is_new = env.accepts(&env.password(1)).await;
        match resolution {
            Ok(Resolution::InPlace) if is_new => self.harness.no_secret_in(None),
            Ok(Resolution::NotInPlace) if !is_new => self.harness.no_secret_in(None),
            Ok(Resolution::StillUnknown) => Err("the provider is back, and it is still unknown".to_owned()),
            Ok(wrong) => Err(format!("it says {wrong}, wrongly")),
            Err(error) => {
                self.harness.no_secret_in(Some(&error))?;
                Err(format!("the provider is back, but: {error}"))
            }
        }
    }
}
