//! One call under one fault, and what became of it.

use std::time::Duration;

use repass_domain::{CallContext, ChangeReceipt, Error, Outcome, PasswordChange, Resolution, UnknownOutcome};
use tokio::time::timeout;

use crate::bench::Bench;
use crate::report::{CallOutcome, Row, Verdict};
use crate::{Fault, Law, Seen, Subject, Suite};

/// What is judged by one call.
const LAWS: [Law; 9] = [
    Law::Truth,
    Law::Once,
    Law::Doubt,
    Law::Foreign,
    Law::Budget,
    Law::Secrets,
    Law::Settled,
    Law::Astray,
    Law::Works,
];

pub(crate) async fn row(suite: &Suite, subject: &dyn Subject, fault: Fault) -> Row {
    let bench = Bench::new(subject).await;
    let laws = || LAWS.into_iter().filter(|law| law.concerns(fault));
    if let Err(skip) = bench.inject(fault).await {
        let skipped = |law| (law, Verdict::Skipped(skip.to_string()));
        return Row {
            fault,
            outcome: None,
            verdicts: laws().map(skipped).collect(),
        };
    }
    let budget = suite.budget_under(fault);
    let (cx, change) = (CallContext::with_budget(budget), bench.change(1));
    let before = bench.world().seen().await;
    let call = bench.service.change_password(&cx, &change);
    let Ok(result) = timeout(budget + suite.grace, call).await else {
        let verdict = |law| match law {
            Law::Budget => Verdict::Broken(late(budget, suite.grace)),
            _ => Verdict::Skipped("the call did not return".to_owned()),
        };
        return Row {
            fault,
            outcome: Some(CallOutcome::Late),
            verdicts: laws().map(|law| (law, verdict(law))).collect(),
        };
    };
    let after = bench.seen_late().await;
    let call = Call {
        bench,
        fault,
        change,
        result,
        before,
        after,
    };
    let mut verdicts = Vec::new();
    for law in laws() {
        verdicts.push((law, call.judge(law, suite).await));
    }
    Row {
        fault,
        outcome: Some(CallOutcome::of(&call.result)),
        verdicts,
    }
}

fn late(budget: Duration, grace: Duration) -> String {
    format!("it did not return in {budget:?}, nor in another {grace:?}")
}

struct Call {
    bench: Bench,
    fault: Fault,
    change: PasswordChange,
    result: Result<ChangeReceipt, Error>,
    before: Seen,
    after: Seen,
}

impl Call {
    async fn judge(&self, law: Law, suite: &Suite) -> Verdict {
        match law {
            Law::Truth => self.truth().await.into(),
            Law::Once => self.once().into(),
            Law::Doubt => self.doubt().into(),
            Law::Foreign => self.foreign().into(),
            Law::Secrets => self.secrets().into(),
            Law::Settled => self.settled(suite).await,
            Law::Astray => self.astray(),
            Law::Works if self.result.is_err() => Verdict::Broken("it is not applied".to_owned()),
            _ => Verdict::Held,
        }
    }

    fn times_set(&self) -> u64 {
        self.after.set - self.before.set
    }

    async fn truth(&self) -> Result<(), String> {
        let world = self.bench.world();
        let set = self.times_set();
        let is_new = world.accepts(&world.password(1)).await;
        let said = CallOutcome::of(&self.result);
        let is_true = match said {
            CallOutcome::Applied => (1..=self.fault.sendings()).contains(&set) && is_new,
            CallOutcome::NotApplied(_) => set == 0 && world.accepts(&world.current()).await,
            CallOutcome::Unknown(_) | CallOutcome::Late => set <= self.fault.sendings(),
        };
        let is = if is_new { "is" } else { "is not" };
        is_true.then_some(()).ok_or_else(|| {
            format!("it says {said}; the password was set {set} times, and the new one {is} valid")
        })
    }

    fn once(&self) -> Result<(), String> {
        let set = self.times_set();
        if set > self.fault.sendings() {
            return Err(format!("the password was set {set} times"));
        }
        if !self.fault.follows_a_whole_request() {
            return Ok(());
        }
        match (self.before.requests, self.after.requests) {
            (Some(before), Some(after)) if after - before > 1 => {
                Err(format!("it was sent {} times", after - before))
            }
            _ => Ok(()),
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
            said => Err(format!("it says {said}, which the answer does not prove")),
        }
    }

    fn secrets(&self) -> Result<(), String> {
        let error = self.result.as_ref().err();
        self.bench.no_secret_in(error.map(|error| error as _))
    }

    fn astray(&self) -> Verdict {
        match (self.before.elsewhere, self.after.elsewhere) {
            (Some(before), Some(after)) if before == after => Verdict::Held,
            (Some(_), Some(_)) => Verdict::Broken("the other origin heard of it".to_owned()),
            _ => Verdict::Skipped("the oracle sees no other origin".to_owned()),
        }
    }

    async fn settled(&self, suite: &Suite) -> Verdict {
        let attempt = match &self.result {
            Err(error) => error.unknown_outcome(),
            Ok(_) => None,
        };
        let Some(attempt) = attempt else {
            return Verdict::Skipped("the outcome was known".to_owned());
        };
        if !self.bench.service.capabilities().resolve {
            return Verdict::Skipped("it cannot resolve".to_owned());
        }
        self.resolve(suite, attempt).await.into()
    }

    async fn resolve(&self, suite: &Suite, attempt: &UnknownOutcome) -> Result<(), String> {
        let (world, service) = (self.bench.world(), &self.bench.service);
        if attempt.provider() != service.provider() {
            return Err(format!("the attempt names {}", attempt.provider()));
        }
        world.heal().await;
        let before = self.bench.seen_late().await;
        let cx = CallContext::with_budget(suite.budget);
        let resolving = service.resolve(&cx, attempt, &self.change);
        let resolution = timeout(suite.budget + suite.grace, resolving).await;
        let resolution = resolution.map_err(|_| late(suite.budget, suite.grace))?;
        let after = self.bench.seen_late().await;
        if let (Some(before), Some(after)) = (before.requests, after.requests)
            && after - before > 1
        {
            return Err(format!("it took {} probes", after - before));
        }
        if after.set - before.set > 1 {
            return Err("its probe set the password more than once".to_owned());
        }
        let is_new = world.accepts(&world.password(1)).await;
        match resolution {
            Ok(Resolution::InPlace) if is_new => self.bench.no_secret_in(None),
            Ok(Resolution::NotInPlace) if !is_new => self.bench.no_secret_in(None),
            Ok(Resolution::StillUnknown) => Err("the provider is back, and it is still unknown".to_owned()),
            Ok(wrong) => Err(format!("it says {wrong}, wrongly")),
            Err(error) => {
                self.bench.no_secret_in(Some(&error))?;
                Err(format!("the provider is back, but: {error}"))
            }
        }
    }
}
