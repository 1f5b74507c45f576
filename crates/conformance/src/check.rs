//! All laws under all faults.

use std::time::Duration;

use crate::report::Row;
use crate::{Fault, Law, Report, Subject, cancellation, no_send, order, trial};

/// Checks a service against every law, under every fault, with the default settings.
///
/// It takes a Tokio runtime with its time driver on, and some seconds: most of them pass in silence, under
/// faults that last as long as a call may.
pub async fn check(subject: &dyn Subject) -> Report {
    Suite::default().check(subject).await
}

/// The settings of a conformance check: faults and budgets.
#[derive(Debug, Clone)]
pub struct Suite {
    faults: Vec<Fault>,
    pub(crate) budget: Duration,
    endless_budget: Duration,
    pub(crate) grace: Duration,
}

impl Default for Suite {
    fn default() -> Self {
        Self {
            faults: Fault::ALL.to_vec(),
            budget: Duration::from_secs(15),
            endless_budget: Duration::from_millis(400),
            grace: Duration::from_secs(5),
        }
    }
}

impl Suite {
    /// Sets the faults to check under; by default every fault.
    pub fn faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.faults = faults.into_iter().collect();
        self
    }

    /// Sets the usual budget of calls, and the `endless` one of those that would [never end](Fault::is_endless).
    /// `usual` is 15 seconds by default and should be far more than a call takes; `endless` is 400 milliseconds by
    /// default and should be somewhat more.
    pub fn budgets(mut self, usual: Duration, endless: Duration) -> Self {
        (self.budget, self.endless_budget) = (usual, endless);
        self
    }

    /// Sets how far a call may pass its budget on a busy machine; 5 seconds by default.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    pub(crate) fn budget_under(&self, fault: Fault) -> Duration {
        if fault.is_endless() {
            self.endless_budget
        } else {
            self.budget
        }
    }

    /// Checks a service against the laws, under each of the faults, and reports the results.
    pub async fn check(&self, subject: &dyn Subject) -> Report {
        let mut rows = Vec::new();
        for fault in &self.faults {
            rows.push(trial::row(self, subject, *fault).await);
        }
        for row in &mut rows {
            if row.fault == Fault::None {
                self.without_fault(subject, row).await;
            }
        }
        // At the end, because what a dropped call has sent may reach the provider late.
        for row in &mut rows {
            let result = cancellation::result(self, subject, row.fault).await;
            row.results.push((Law::Dropped, result));
        }
        Report {
            subject: subject.name().to_owned(),
            rows,
        }
    }

    async fn without_fault(&self, subject: &dyn Subject, row: &mut Row) {
        let unsupported = no_send::unsupported(self, subject).await;
        let no_budget = no_send::no_budget(subject).await;
        let withheld = no_send::withheld(self, subject).await;
        let typeable = no_send::typeable(self, subject).await;
        let order = order::result(self, subject).await;
        row.results.extend([
            (Law::Unsupported, unsupported),
            (Law::NoBudget, no_budget),
            (Law::Withheld, withheld),
            (Law::Typeable, typeable),
            (Law::Order, order),
        ]);
    }
}
