//! The rate over time, and its chart.

use std::fmt::Write as _;

use crate::SessionSummary;

const BARS: i64 = 120;
const SECOND: i64 = 1000;
const HEIGHT: f64 = 100.0;

/// The number of changes that ended in each interval of the sessions. The time between sessions is omitted.
pub(super) struct Rate {
    /// The rate of each interval, in changes per second.
    bars: Vec<f64>,
    /// The length of an interval in milliseconds.
    interval: i64,
    /// The duration of all sessions.
    pub(super) total: i64,
    /// When each session started, and its position in the chart.
    starts: Vec<(i64, i64)>,
    /// The length of each interval, which is shorter at the end of a session, and the number of changes in it.
    parts: Vec<i64>,
    counts: Vec<u64>,
}

impl Rate {
    pub(super) fn new(sessions: &[SessionSummary]) -> Self {
        let lengths = sessions
            .iter()
            .map(|session| (session.ended - session.started).max(0));
        let total: i64 = lengths.clone().sum();
        // No interval is shorter than a second, the resolution of a rate limit.
        let interval = (total / BARS).max(SECOND);
        // Each session starts a new interval; two in one interval could seem to exceed the limit.
        let mut drawn = 0;
        let mut starts = Vec::new();
        let mut parts = Vec::new();
        for (session, length) in sessions.iter().zip(lengths) {
            starts.push((session.started, drawn));
            let whole = length / interval;
            parts.extend((0..whole).map(|_| interval));
            parts.push((length - whole * interval).max(SECOND));
            drawn += (whole + 1) * interval;
        }
        Self {
            bars: Vec::new(),
            interval,
            total,
            starts,
            counts: vec![0; parts.len()],
            parts,
        }
    }

    /// Counts a change that ended in this session, by its number from 1.
    pub(super) fn count(&mut self, session: u64, finished: i64) {
        let index = usize::try_from(session).unwrap_or_default().saturating_sub(1);
        let Some((started, at)) = self.starts.get(index) else {
            return;
        };
        let interval = (at + (finished - started).max(0)) / self.interval;
        if let Some(count) = usize::try_from(interval)
            .ok()
            .and_then(|index| self.counts.get_mut(index))
        {
            *count += 1;
        }
    }

    /// The time in the chart: the length of all intervals.
    pub(super) fn drawn(&self) -> i64 {
        self.parts.iter().sum()
    }

    /// The average rate in the chart, in changes per second. Never above the highest interval.
    #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
    pub(super) fn average(&self) -> f64 {
        let all: u64 = self.counts.iter().sum();
        match self.drawn() {
            0 => 0.0,
            drawn => all as f64 * 1000.0 / drawn as f64,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate, for people")]
    pub(super) fn finish(mut self) -> Self {
        let rates = self.counts.iter().zip(&self.parts);
        self.bars = rates
            .map(|(count, length)| *count as f64 * 1000.0 / *length as f64)
            .collect();
        self
    }

    /// The upper end of the scale.
    pub(super) fn top(&self, allowed: Option<f64>) -> f64 {
        let highest = self.bars.iter().copied().fold(0.0, f64::max);
        let highest = highest.max(allowed.unwrap_or_default());
        round_up(highest * 1.08)
    }

    /// The chart as SVG, without its labels, so that it can be scaled.
    #[expect(clippy::cast_precision_loss, reason = "places in a drawing")]
    pub(super) fn svg(&self, allowed: Option<f64>) -> String {
        let top = self.top(allowed).max(f64::MIN_POSITIVE);
        let width = self.bars.len().max(1) as f64;
        let y = |rate: f64| HEIGHT - rate / top * HEIGHT;
        let mut svg = String::new();
        let _ = write!(
            svg,
            "<svg viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Changes a second over time\">"
        );
        for line in 1..4 {
            let at = HEIGHT * f64::from(line) / 4.0;
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"0\" x2=\"{width}\" y1=\"{at}\" y2=\"{at}\"/>"
            );
        }
        let mut area = format!("M0 {HEIGHT}");
        let mut edge = String::new();
        for (index, rate) in self.bars.iter().enumerate() {
            let (from, to, at) = (index, index + 1, y(*rate));
            let _ = write!(area, "L{from} {at:.2}L{to} {at:.2}");
            let _ = write!(
                edge,
                "{}{from} {at:.2}L{to} {at:.2}",
                if index == 0 { 'M' } else { 'L' }
            );
        }
        let _ = write!(area, "L{width} {HEIGHT}Z");
        let _ = write!(
            svg,
            "<path class=\"area\" d=\"{area}\"/><path class=\"edge\" d=\"{edge}\"/>"
        );
        for (_, at) in self.starts.iter().skip(1) {
            let x = *at as f64 / self.interval as f64;
            let _ = write!(
                svg,
                "<line class=\"break\" x1=\"{x:.2}\" x2=\"{x:.2}\" y1=\"0\" y2=\"{HEIGHT}\"/>"
            );
        }
        if let Some(allowed) = allowed {
            let at = y(allowed);
            let _ = write!(
                svg,
                "<line class=\"allowed\" x1=\"0\" x2=\"{width}\" y1=\"{at:.2}\" y2=\"{at:.2}\"/>"
            );
        }
        svg.push_str("</svg>");
        svg
    }

    /// The position of the allowed rate, in percent of the height from the top.
    pub(super) fn position_of(&self, allowed: f64) -> f64 {
        100.0 - allowed / self.top(Some(allowed)) * 100.0
    }

    pub(super) fn sessions(&self) -> usize {
        self.starts.len()
    }
}

// To a round number.
fn round_up(rate: f64) -> f64 {
    if rate <= 0.0 {
        return 1.0;
    }
    let scale = 10_f64.powf(rate.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| rate <= step * scale);
    step.unwrap_or(10.0) * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(started: i64, ended: i64) -> SessionSummary {
        SessionSummary {
            started,
            ended,
            clean: true,
        }
    }

    #[test]
    fn rate_omits_time_between_sessions() {
        let mut rate = Rate::new(&[session(0, 10_000), session(1_000_000, 1_010_000)]);
        for finished in (500..10_000).step_by(100) {
            rate.count(1, finished);
            rate.count(2, 1_000_000 + finished);
        }
        let rate = rate.finish();
        assert_eq!((rate.total, rate.starts[1]), (20_000, (1_000_000, 11_000)));
        assert!(
            (rate.bars[5] - 10.0).abs() < 0.01 && (rate.bars[16] - 10.0).abs() < 0.01,
            "{:?}",
            rate.bars
        );
        assert!((rate.average() - 190.0 / 22.0).abs() < 0.01);
    }

    #[test]
    fn rate_average_never_exceeds_its_peak() {
        // Five rows at once; and twenty at the start of each second.
        for (length, finished) in [
            (17, vec![3, 5, 9, 12, 17]),
            (2_020, [vec![5; 20], vec![1_005; 20], vec![2_010; 5]].concat()),
        ] {
            let mut rate = Rate::new(&[session(0, length)]);
            for at in &finished {
                rate.count(1, *at);
            }
            let rate = rate.finish();
            let highest = rate.bars.iter().copied().fold(0.0, f64::max);
            assert!(rate.average() <= highest && highest <= 20.0, "{:?}", rate.bars);
        }
    }

    #[test]
    fn rate_scale_ends_on_a_round_number() {
        for (rate, top) in [
            (64.8, 80.0),
            (21.6, 30.0),
            (1200.0, 1500.0),
            (0.0, 1.0),
            (0.57, 0.6),
        ] {
            assert!((round_up(rate) - top).abs() < 1e-9, "{rate}");
        }
    }

    #[test]
    fn rate_without_sessions_draws_an_empty_chart() {
        let rate = Rate::new(&[]).finish();
        assert!(rate.svg(Some(60.0)).ends_with("</svg>"));
        assert!(!rate.svg(None).contains("NaN"));
    }
}
