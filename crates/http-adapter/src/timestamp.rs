//! Resolving an unknown outcome by the time at which the provider says that the password was last set.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use repass_domain::{PriorState, Resolution, UnknownOutcome};
use repass_transport::{Json, Response, parse_timestamp};

use crate::condition::Pointer;

const SET_AT: &str = "password_set_at";
const READ_AT: &str = "read_at";
/// Servers record whole seconds: what follows a recorded time more closely may have the same.
const RESOLUTION: Duration = Duration::from_secs(2);

/// Where the look-up has the time, and what it proves.
#[derive(Debug, Clone)]
pub(crate) struct TimestampProbe {
    pub(crate) at: Pointer,
    /// How far reads may be behind writes. `None` if that is not known.
    pub(crate) lag: Option<Duration>,
    /// Whether the operator vouches that nothing else sets these passwords.
    pub(crate) is_sole_writer: bool,
}

impl TimestampProbe {
    /// What the entry of a user says, to be kept and compared. Empty if it cannot be read.
    pub(crate) fn read(&self, entry: &Json, response: &Response) -> PriorState {
        let set_at = match self.at.find(entry) {
            Ok(None | Some(Json::Null)) => String::new(),
            Ok(Some(found @ (Json::Text(_) | Json::Number(_)))) => found.plain(),
            _ => return PriorState::default(),
        };
        let date = response.header("date").and_then(parse_timestamp);
        let read_at = date.unwrap_or_else(SystemTime::now).duration_since(UNIX_EPOCH);
        let read_at = read_at.unwrap_or_default().as_secs().to_string();
        PriorState::default().with(SET_AT, set_at).with(READ_AT, read_at)
    }

    /// What the time of now shows against that of before the change. All times but that of `unknown` are the provider's.
    pub(crate) fn resolve(&self, unknown: &UnknownOutcome, now: &PriorState) -> Resolution {
        let before = unknown.prior_state();
        let both = |name| before.get(name).zip(now.get(name));
        let Some(((set_before, set_now), (read_before, read_now))) = both(SET_AT).zip(both(READ_AT)) else {
            return Resolution::StillUnknown;
        };
        let (Some(read_before), Some(read_now)) = (instant(read_before), instant(read_now)) else {
            return Resolution::StillUnknown;
        };
        let before = if set_before.is_empty() {
            Some(UNIX_EPOCH)
        } else {
            instant(set_before)
        };
        let Some(before) = before else {
            return Resolution::StillUnknown;
        };
        if set_now == set_before {
            let is_distinct = before + RESOLUTION < read_before;
            let age = unknown.at().elapsed().unwrap_or_default();
            let is_visible = self.lag.is_some_and(|lag| age >= lag);
            return if is_distinct && is_visible {
                Resolution::NotInPlace
            } else {
                Resolution::StillUnknown
            };
        }
        // Later than the change can have arrived, it was another's.
        let now = SystemTime::now();
        let skew = |local: SystemTime| match read_now.duration_since(now) {
            Ok(ahead) => local + ahead,
            Err(behind) => local - behind.duration(),
        };
        let last = skew(unknown.at()) + UnknownOutcome::IN_FLIGHT_WINDOW;
        let is_of_the_change = instant(set_now).is_some_and(|set| before < set && set <= last);
        if self.is_sole_writer && is_of_the_change {
            Resolution::InPlace
        } else {
            Resolution::StillUnknown
        }
    }
}

// Text, or seconds or milliseconds since 1970.
fn instant(text: &str) -> Option<SystemTime> {
    const MOST_SECONDS: u64 = 100_000_000_000;
    match text.parse::<u64>() {
        Ok(seconds) if seconds < MOST_SECONDS => Some(UNIX_EPOCH + Duration::from_secs(seconds)),
        Ok(milliseconds) => Some(UNIX_EPOCH + Duration::from_millis(milliseconds)),
        Err(_) => parse_timestamp(text),
    }
}

#[cfg(test)]
mod tests {
    use repass_transport::StatusCode;

    use super::*;
    use Resolution::{InPlace, NotInPlace, StillUnknown};

    fn probe(lag: Option<u64>, is_sole_writer: bool) -> TimestampProbe {
        TimestampProbe {
            at: Pointer::parse("/changed").unwrap(),
            lag: lag.map(Duration::from_secs),
            is_sole_writer,
        }
    }

    /// Seconds from now on, as text.
    fn time(seconds: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        now.checked_add_signed(seconds).unwrap().to_string()
    }

    fn state(set_at: &str, read_at: &str) -> PriorState {
        PriorState::default().with(SET_AT, set_at).with(READ_AT, read_at)
    }

    #[test]
    fn entry_without_a_time_is_kept_as_never_set() {
        let response = Response::new(StatusCode::OK).with_header("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        let read = |body: &str| probe(None, false).read(&Json::read_value(body).unwrap(), &response);
        assert_eq!(
            read(r#"{"changed":1699999999999}"#),
            state("1699999999999", "1445412480")
        );
        assert_eq!(read(r#"{"changed":null}"#), state("", "1445412480"));
        assert_eq!(read("{}"), state("", "1445412480"));
        for unreadable in [
            r#"{"changed":{}}"#,
            r#"{"changed":true}"#,
            r#"{"changed":"1","changed":"2"}"#,
        ] {
            assert!(read(unreadable).is_empty(), "{unreadable}");
        }
    }

    #[rustfmt::skip]
    #[test]
    fn time_proves_only_what_it_must() {
        let old = "2015-10-21T07:28:00Z";
        let (now, hour_ago) = (time(0), time(-3600));
        let is = |lag, is_sole, before: &PriorState, after: &PriorState| {
            let unknown = UnknownOutcome::new("test").with_prior_state(before.clone());
            probe(lag, is_sole).resolve(&unknown, after)
        };
        let before = state(old, &now);
        let moved = state(&now, &now);
        for (what, lag, is_sole, before, after, expected) in [
            ("moved, by this or another", Some(0), false, &before, &moved, StillUnknown),
            ("moved, by the sole writer", None, true, &before, &moved, InPlace),
            ("first set", None, true, &state("", &now), &moved, InPlace),
            ("not moved", Some(0), false, &before, &before, NotInPlace),
            ("never set", Some(0), true, &state("", &now), &state("", &now), NotInPlace),
            ("not moved, where reads may be behind", None, true, &before, &before, StillUnknown),
            ("not moved yet", Some(600), true, &before, &before, StillUnknown),
            ("set in the same second", Some(0), true, &moved, &moved, StillUnknown),
            ("moved back", Some(0), true, &moved, &before, StillUnknown),
            ("set later than the change can arrive", Some(0), true, &before, &state(&time(200), &now), StillUnknown),
            ("the same by a clock that is an hour behind", Some(0), true, &state(old, &hour_ago), &state(&hour_ago, &hour_ago), InPlace),
            ("an hour later by that clock", Some(0), true, &state(old, &hour_ago), &state(&now, &hour_ago), StillUnknown),
            ("gone", Some(0), true, &before, &state("", &now), StillUnknown),
            ("nothing kept", Some(0), true, &PriorState::default(), &moved, StillUnknown),
            ("nothing read", Some(0), true, &before, &PriorState::default(), StillUnknown),
            ("no time", Some(0), true, &state("v1", &now), &state("v1", &now), StillUnknown),
            ("no time any more", Some(0), true, &before, &state("v2", &now), StillUnknown),
        ] {
            assert_eq!(is(lag, is_sole, before, after), expected, "{what}");
        }
        let undated = UnknownOutcome::undated("test");
        assert_eq!(probe(Some(0), true).resolve(&undated, &moved), StillUnknown);
    }
}
