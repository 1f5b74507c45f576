//! The figures, and the bars that they are held to.

use std::fmt;

/// Rows of figures, ready to print.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    repass: f64,
    baseline: f64,
    /// No bar refers to it.
    reqwest: Option<f64>,
    /// The most that the ratio may be; if it is negative, the least.
    bar: f64,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.repass / self.baseline
    }

    fn is_met(&self) -> bool {
        if self.bar < 0.0 {
            self.ratio() >= -self.bar
        } else {
            self.ratio() <= self.bar
        }
    }
}

impl Table {
    /// The figures of [`CLIENTS`](super::CLIENTS); the bar refers to hyper. A negative bar is the least that repass may
    /// have of hyper's figure.
    pub(crate) fn row(&mut self, what: &str, [repass, hyper, reqwest]: [f64; 3], bar: f64) {
        self.push(what, repass, hyper, Some(reqwest), bar);
    }

    /// repass and one baseline.
    pub(crate) fn pair(&mut self, what: &str, repass: f64, baseline: f64, bar: f64) {
        self.push(what, repass, baseline, None, bar);
    }

    fn push(&mut self, what: &str, repass: f64, baseline: f64, reqwest: Option<f64>, bar: f64) {
        let what = what.to_owned();
        self.rows.push(Row {
            what,
            repass,
            baseline,
            reqwest,
            bar,
        });
    }

    pub(crate) fn bars_are_met(&self) -> bool {
        self.rows.iter().all(Row::is_met)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | repass | baseline (hyper) | ratio | bar | reqwest |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: |")?;
        for row in &self.rows {
            let (Row { what, .. }, ratio) = (row, row.ratio());
            let (least, bar) = (if row.bar < 0.0 { "≥" } else { "≤" }, row.bar.abs());
            let missed = if row.is_met() { "" } else { " **missed**" };
            let reqwest = row.reqwest.map(figure).unwrap_or_default();
            let (repass, baseline) = (figure(row.repass), figure(row.baseline));
            writeln!(
                f,
                "| {what} | {repass} | {baseline} | {ratio:.2} | {least} {bar}{missed} | {reqwest} |"
            )?;
        }
        Ok(())
    }
}

fn figure(figure: f64) -> String {
    if figure < 1000.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.0}")
    }
}

/// Of a few figures the one in the middle: neither a lucky nor an unlucky run moves it.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
