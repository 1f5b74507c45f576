//! A run that is only looked at: every row is judged, nothing is sent or kept.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use repass_domain::{CallContext, ChangeMode, Error, ErrorKind, PreflightService, UserId, Violation};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::input::{Input, InvalidRow, Item, Row};
use crate::run::RowEvent;
use crate::{BulkError, PasswordSource, Provider, RowStatus, Tally};

/// Judges every row by all that can be known here: its form, duplicates, whether its provider takes such a change,
/// and the rules for a password that it gives. What is wrong is told row by row; rows that could be sent count as
/// pending. Memory does not grow but by 13 to 27 bytes a row, for finding duplicates.
///
/// # Errors
/// The input cannot be read to its end, or names a provider that is not among these.
pub fn dry_run(
    mut input: Input,
    passwords: PasswordSource,
    providers: &[Provider],
    observe: &mut dyn FnMut(&RowEvent<'_>),
) -> Result<Tally, BulkError> {
    let mut tally = Tally::default();
    let mut judge = RowChecker::new(passwords, providers);
    while let Some(judged) = judge.next(&mut input)? {
        tell(&judged, providers, &mut tally, observe);
    }
    Ok(tally)
}

/// The same, and asks the provider about each row that could be sent: whether its user exists and is one whose
/// password can be set. So many are asked about at once; each answer may take as long as `budget`. Changes nothing.
///
/// # Errors
/// As [`dry_run`]; or a provider cannot be asked, or does not answer such questions, of whichever user.
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
            "{name}: repass cannot ask this provider about users"
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
    let mut told = VecDeque::new();
    loop {
        tokio::select! {
            next = judged.recv(), if asking.len() < concurrency => match next {
                Some(RowCheck { refusal: None, line, user: Some(user), place: Some(place) }) => {
                    let service = providers[place].preflight.clone();
                    asking.spawn(ask(service, place, line, user, budget));
                }
                Some(bad) => told.push_back(bad),
                None if asking.is_empty() => break,
                None => told.extend(asking.join_next().await.and_then(Result::ok)),
            },
            Some(asked) = asking.join_next() => told.extend(asked.ok()),
        }
        while let Some(judged) = told.pop_front() {
            if let Some(RowProblem::Error(error)) = &judged.refusal
                && !matches!(error.kind(), ErrorKind::PasswordRefused | ErrorKind::Unsupported)
                && !is_about_the_user(error.kind())
            {
                return Err(BulkError::usage(format!(
                    "line {}: the provider cannot be asked: {error}",
                    judged.line
                )));
            }
            tell(&judged, &providers, &mut tally, observe);
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

/// One row and what is wrong with it.
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
    // By the input's numbers.
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
                "line {} is for the provider {name}, which was not asked for",
                row.line
            ))
        })?;
        Ok(Some(self.judged(row, place)))
    }

    fn judged(&self, row: Row, place: usize) -> RowCheck {
        let provider = &self.providers[place];
        let given = row.new.filter(|_| self.passwords == PasswordSource::Input);
        let broken = given.map_or_else(Vec::new, |new| provider.policies.check(&new));
        let authority = row
            .current
            .map_or(ChangeMode::AdminReset, ChangeMode::SelfService);
        let able = provider.service.capabilities().check_mode(&authority);
        let refusal = match able {
            Err(error) => Some(error),
            Ok(()) if broken.is_empty() => None,
            Ok(()) => Some(Error::refused(broken)),
        };
        RowCheck {
            line: row.line,
            user: Some(row.user),
            place: Some(place),
            refusal: refusal.map(RowProblem::Error),
        }
    }
}

fn tell(
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
    let broken = error
        .violations()
        .iter()
        .map(|broken: &Violation| broken.rule().code());
    let code = broken.collect::<Vec<_>>().join(" ");
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
