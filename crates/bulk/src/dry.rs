//! A run that is only looked at: every row is judged, nothing is sent or kept.

use repass_domain::{Authority, Error, UserId, Violation};

use crate::input::{BadRow, Input, Item, Row};
use crate::run::Event;
use crate::{Outcome, Passwords, Problem, Provider, Tally};

/// Judges every row by all that can be known here: its form, duplicates, whether its provider takes such a change,
/// and the rules for a password that it gives. What is wrong is told row by row; rows that could be sent count as
/// pending. Memory does not grow but by 13 to 27 bytes a row, for finding duplicates.
///
/// # Errors
/// The input cannot be read to its end, or names a provider that is not among these.
pub fn dry_run(
    mut input: Input,
    passwords: Passwords,
    providers: &[Provider],
    observe: &mut dyn FnMut(&Event<'_>),
) -> Result<Tally, Problem> {
    let mut tally = Tally::default();
    let mut places = Vec::new();
    while let Some(item) = input.next()? {
        let row = match item {
            Item::Row(row) => row,
            Item::Bad(bad) => {
                tally.add(Outcome::NotApplied, 1);
                observe(&Event::of_bad(&bad));
                continue;
            }
        };
        while places.len() <= row.provider {
            let name = input.names().name(places.len());
            places.push(providers.iter().position(|provider| provider.name() == name));
        }
        let provider = places[row.provider].and_then(|place| providers.get(place));
        let provider = provider.ok_or_else(|| {
            let name = input.names().name(row.provider);
            Problem::usage(format!(
                "line {} is for the provider {name}, which was not asked for",
                row.line
            ))
        })?;
        match refusal(row, passwords, provider) {
            None => tally.add(Outcome::Pending, 1),
            Some((line, user, error)) => {
                tally.add(Outcome::NotApplied, 1);
                let codes: Vec<&str> = error
                    .violations()
                    .iter()
                    .map(|broken: &Violation| broken.rule().code())
                    .collect();
                let code = codes.join(" ");
                observe(&Event {
                    line,
                    user: Some(user.expose()),
                    provider: Some(provider.name()),
                    outcome: Outcome::NotApplied,
                    kind: Some(error.kind().as_str()),
                    code: (!code.is_empty()).then_some(&code),
                    message: Some(&error.to_string()),
                    attempts: 0,
                });
            }
        }
    }
    Ok(tally)
}

fn refusal(row: Row, passwords: Passwords, provider: &Provider) -> Option<(u64, UserId, Error)> {
    let broken = row.new.filter(|_| passwords == Passwords::Given);
    let broken = broken.map_or_else(Vec::new, |new| provider.policies.check(&new));
    let authority = row
        .current
        .map_or(Authority::Administrator, Authority::CurrentPassword);
    let able = provider.service.capabilities().require(&authority);
    let error = match able {
        Err(error) => error,
        Ok(()) if broken.is_empty() => return None,
        Ok(()) => Error::refused(broken),
    };
    Some((row.line, row.user, error))
}

impl<'a> Event<'a> {
    pub(crate) fn of_bad(bad: &'a BadRow) -> Self {
        Self {
            line: bad.line,
            user: bad.user.as_ref().map(UserId::expose),
            provider: None,
            outcome: Outcome::NotApplied,
            kind: Some(bad.kind),
            code: None,
            message: Some(&bad.reason),
            attempts: 0,
        }
    }
}
