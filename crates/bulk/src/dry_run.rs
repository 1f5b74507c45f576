//! Dry runs: every row is checked, and nothing is sent or stored.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use repass_domain::{CallContext, ChangeMode, Error, ErrorKind, PreflightService, UserId, Violation};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::input::{Input, InvalidRow, Item, Row};
use crate::run::RowEvent;
use crate::{BulkError, PasswordSource, Provider, RowStatus, Tally};

/// Checks every input row without asking its provider: format, duplicates, the kind of change, and the rules for its
/// password. Invalid rows are reported one by one; rows that could be sent count as pending. Memory grows only by 13
/// to 27 bytes per row, to find duplicates.
///
/// # Errors
/// The input cannot be read to its end, or names a provider that is not in `providers`.
pub fn dry_run(
    mut input: Input,
    passwords: PasswordSource,
    providers: &[Provider],
    observe: &mut dyn FnMut(&RowEvent<'_>),
) -> Result<Tally, BulkError> {
    let mut tally = Tally::default();
    let mut judge = RowChecker::new(passwords, providers);
    while let Some(judged) = judge.next(&mut input)? {
        report(&judged, providers, &mut tally, observe);
    }
    Ok(tally)
}

/// Makes a [`dry_run`] that also asks the providers whether each row's user exists and whether the password can be
/// set. At most `concurrency` requests are in flight, each within `budget`. Changes nothing.
///
/// # Errors
/// As [`dry_run`]; or a provider does not support such checks, or fails for reasons independent of the user.
pub async fn preflight(
    mut input: Input,
    passwords: PasswordSource,
    providers: Vec<Provider>,
    concurrency: usize,
    budget: Duration,
    observe: &mut (dyn FnMut(&RowEvent<'_>) + Send),
) -> Result<Tally, BulkError> {
    if let Some(provider) = providers.iter().find(|provider| provider.preflight.is_none()) {
        let name = provider.name();
        return Err(BulkError::usage(format!(
            "{name}: repass cannot check users at this provider"
        )));
    }
    let (rows, mut judged) = mpsc::channel(64);
    let judging = providers.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut judge = RowChecker::new(passwords, &judging);
        while let Some(judged) = judge.next(&mut input)? {
            if rows.blocking_send(judged).is_err() {
                break;
            }
        }
        Ok::<(), BulkError>(())
    });
    let mut tally = Tally::default();
    let mut asking: JoinSet<RowCheck> = JoinSet::new();
    let mut results = VecDeque::new();
    loop {
        tokio::select! {
            next = judged.recv(), if asking.len() < concurrency => match next {
                Some(RowCheck { refusal: None, line, user: Some(user), place: Some(place) }) => {
                    let service = providers[place].preflight.clone();
                    asking.spawn(ask(service, place, line, user, budget));
                }
                Some(bad) => results.push_back(bad),
                None if asking.is_empty() => break,
                None => results.extend(asking.join_next().await.and_then(Result::ok)),
            },
            Some(asked) = asking.join_next() => results.extend(asked.ok()),
        }
        while let Some(judged) = results.pop_front() {
            if let Some(RowProblem::Error(error)) = &judged.refusal
                && !matches!(error.kind(), ErrorKind::PasswordRefused | ErrorKind::Unsupported)
                && !is_about_the_user(error.kind())
            {
                return Err(BulkError::usage(format!(
                    "line {}: the provider cannot be asked: {error}",
                    judged.line
                )));
            }
            report(&judged, &providers, &mut tally, observe);
        }
    }
    match reading.await {
        Ok(read) => read.map(|()| tally),
        Err(error) => Err(BulkError::internal(error.to_string())),
    }
}

fn is_about_the_user(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UserNotFound | ErrorKind::NotEligible | ErrorKind::InvalidRequest | ErrorKind::LockedOut
    )
}

async fn ask(
    service: Option<Arc<dyn PreflightService>>,
    place: usize,
    line: u64,
    user: UserId,
    budget: Duration,
) -> RowCheck {
    let cx = CallContext::with_budget(budget);
    let refusal = match service {
        Some(service) => service.preflight(&cx, &user).await.err(),
        None => None,
    };
    RowCheck {
        line,
        user: Some(user),
        place: Some(place),
        refusal: refusal.map(RowProblem::Error),
    }
}

/// The result of checking one row.
struct RowCheck {
    line: u64,
    user: Option<UserId>,
    place: Option<usize>,
    refusal: Option<RowProblem>,
}

enum RowProblem {
    Invalid(InvalidRow),
    Error(Error),
}

struct RowChecker<'a> {
    passwords: PasswordSource,
    providers: &'a [Provider],
    // By the input's indices.
    places: Vec<Option<usize>>,
}

impl<'a> RowChecker<'a> {
    fn new(passwords: PasswordSource, providers: &'a [Provider]) -> Self {
        Self {
            passwords,
            providers,
            places: Vec::new(),
        }
    }

    fn next(&mut self, input: &mut Input) -> Result<Option<RowCheck>, BulkError> {
        let row = match input.next()? {
            None => return Ok(None),
            Some(Item::Row(row)) => row,
            Some(Item::Invalid(bad)) => {
                return Ok(Some(RowCheck {
                    line: bad.line,
                    user: None,
                    place: None,
                    refusal: Some(RowProblem::Invalid(bad)),
                }));
            }
        };
        while self.places.len() <= row.provider {
            let name = input.names().name(self.places.len());
            self.places
                .push(self.providers.iter().position(|provider| provider.name() == name));
        }
        let place = self.places[row.provider].ok_or_else(|| {
            let name = input.names().name(row.provider);
            BulkError::usage(format!(
                "line {} names the provider {name}, which is not part of this run",
                row.line
            ))
        })?;
        Ok(Some(self.judged(row, place)))
    }

    fn judged(&self, row: Row, place: usize) -> RowCheck {
        let provider = &self.providers[place];
        let given = row.new.filter(|_| self.passwords == PasswordSource::Input);
        let violations = given.map_or_else(Vec::new, |new| provider.policies.check(&new));
        let authority = row
            .current
            .map_or(ChangeMode::AdminReset, ChangeMode::SelfService);
        let supported = provider.service.capabilities().check_mode(&authority);
        let refusal = match supported {
            Err(error) => Some(error),
            Ok(()) if violations.is_empty() => None,
            Ok(()) => Some(Error::refused(violations)),
        };
        RowCheck {
            line: row.line,
            user: Some(row.user),
            place: Some(place),
            refusal: refusal.map(RowProblem::Error),
        }
    }
}

fn report(
    judged: &RowCheck,
    providers: &[Provider],
    tally: &mut Tally,
    observe: &mut dyn FnMut(&RowEvent<'_>),
) {
    let Some(refusal) = &judged.refusal else {
        tally.add(RowStatus::Pending, 1);
        return;
    };
    tally.add(RowStatus::NotApplied, 1);
    let error = match refusal {
        RowProblem::Invalid(bad) => return observe(&RowEvent::of_bad(bad)),
        RowProblem::Error(error) => error,
    };
    let violations = error
        .violations()
        .iter()
        .map(|violation: &Violation| violation.rule().code());
    let code = violations.collect::<Vec<_>>().join(" ");
    observe(&RowEvent {
        line: judged.line,
        user: judged.user.as_ref().map(UserId::expose),
        provider: judged.place.map(|place| providers[place].name()),
        outcome: RowStatus::NotApplied,
        kind: Some(error.kind().as_str()),
        code: (!code.is_empty()).then_some(&code),
        message: Some(&error.to_string()),
        attempts: 0,
    });
}

impl<'a> RowEvent<'a> {
    pub(crate) fn of_bad(bad: &'a InvalidRow) -> Self {
        Self {
            line: bad.line,
            user: bad.user.as_ref().map(UserId::expose),
            provider: None,
            outcome: RowStatus::NotApplied,
            kind: Some(bad.kind),
            code: None,
            message: Some(&bad.reason),
            attempts: 0,
        }
    }
}
