//! Figures: gathered, told as a table, kept as JSON.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::Fallible;

/// One figure.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    floor: Option<f64>,
    goal: Option<Goal>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) enum Goal {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Goal {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
        }
    }
}

/// Every figure of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    /// Adds a figure that stands alone.
    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &'static str, goal: Option<Goal>) {
        self.figures.push(Figure { name: name.to_owned(), value, unit, floor: None, goal });
    }

    /// Adds a throughput, its floor, and the ratio of the two.
    pub(crate) fn add_ratio(&mut self, name: &str, ours: f64, floor: f64, goal: Goal) {
        self.add_ratio_to(name, ours, floor, "floor", goal);
    }

    /// Adds a throughput, what it is compared with, and the ratio of the two.
    pub(crate) fn add_ratio_to(
        &mut self,
        name: &str,
        ours: f64,
        other: f64,
        what: &str,
        goal: Goal,
    ) {
        self.add_beside(name, ours, other, "MB/s");
        self.add(&format!("{name} / {what}"), ours / other, "", Some(goal));
    }

    /// Adds a figure and what it is compared with.
    pub(crate) fn add_beside(&mut self, name: &str, value: f64, other: f64, unit: &'static str) {
        let name = name.to_owned();
        self.figures.push(Figure { name, value, unit, floor: Some(other), goal: None });
    }

    /// Prints the table and writes `bench/latest.json` into the target directory.
    pub(crate) fn tell(&self) -> Fallible {
        println!("\n{:<44} {:>11} {:6} {:>11} {:>9}", "", "median", "", "floor", "goal");
        for figure in &self.figures {
            let floor = figure.floor.map(|floor| format!("{floor:.3}")).unwrap_or_default();
            let goal = figure.goal.map(|goal| goal.to_string()).unwrap_or_default();
            let missed = figure.goal.is_some_and(|goal| !goal.met(figure.value));
            println!(
                "{:<44} {:>11.3} {:6} {floor:>11} {goal:>9}{}",
                figure.name,
                figure.value,
                figure.unit,
                if missed { "  missed" } else { "" }
            );
        }
        let directory = target().join("bench");
        std::fs::create_dir_all(&directory)?;
        let path = directory.join("latest.json");
        std::fs::write(&path, serde_json::to_vec_pretty(self)?)?;
        println!("\nkept in {}", path.display());
        Ok(())
    }
}

/// Where cargo builds, found from where this program lies in it.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.ancestors().nth(2).map_or_else(std::env::temp_dir, PathBuf::from)
}

/// The value that a share of all values does not exceed.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "an index")]
    let at = (last as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// The middle one.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}

/// In milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// In MB (10^6 bytes) a second.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
pub(crate) fn megabytes_a_second(bytes: usize, taken: Duration) -> f64 {
    bytes as f64 / 1e6 / taken.as_secs_f64()
}
