//! Figures of the rounds, their medians, the table and the JSON.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// What one round of a profile found out about one server, by name. Names end in their unit.
#[derive(Clone, Default, Debug)]
pub(crate) struct Figures(BTreeMap<&'static str, f64>);

impl Figures {
    pub(crate) fn with(mut self, name: &'static str, value: f64) -> Figures {
        if value.is_finite() {
            self.0.insert(name, value);
        }
        self
    }

    /// The percentiles of times in microseconds.
    pub(crate) fn latency(self, times: &Histogram<u64>) -> Figures {
        if times.is_empty() {
            return self;
        }
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
        self.with("p50 ms", at(0.5)).with("p90 ms", at(0.9)).with("p99 ms", at(0.99)).with("max ms", at(1.0))
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }
}

/// All rounds of a profile at one server.
pub(crate) struct Series {
    pub(crate) server: String,
    pub(crate) rounds: Vec<Figures>,
}

impl Series {
    fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> =
            self.rounds.iter().flat_map(|figures| figures.0.keys().copied()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Median, least and most of a figure.
    fn spread(&self, name: &str) -> Option<[f64; 3]> {
        let mut values: Vec<f64> = self.rounds.iter().filter_map(|figures| figures.get(name)).collect();
        values.sort_by(f64::total_cmp);
        let [first, .., last] = values.as_slice() else {
            return values.first().map(|value| [*value; 3]);
        };
        Some([values[values.len() / 2], *first, *last])
    }
}

/// A profile with the servers that ran it, the floors after ours.
pub(crate) struct Report {
    pub(crate) profile: String,
    pub(crate) series: Vec<Series>,
}

/// What it costs, lower being better; its ratio to a floor is worth telling.
const COSTS: [&str; 6] = [
    "us CPU/delivery",
    "us CPU/packet",
    "us CPU/sign-in",
    "us CPU/message kept",
    "us CPU/change",
    "KiB/connection",
];

impl Report {
    /// Medians with the spread over the rounds, and ours by each floor.
    pub(crate) fn print(&self) {
        println!("\n{}", self.profile);
        for series in &self.series {
            println!("  {}", series.server);
            for name in series.names() {
                let Some([median, least, most]) = series.spread(name) else { continue };
                print!("    {name:<28} {:>12}", shown(median));
                if most > least {
                    print!("   ({} to {})", shown(least), shown(most));
                }
                println!();
            }
        }
        for (floor, name, ratio) in self.ratios() {
            println!("  {name}, by {floor}: {ratio:.2}");
        }
    }

    /// The floor, the figure, and how many times the floor's cost is ours: the median over the rounds, whose
    /// two halves ran one after the other.
    fn ratios(&self) -> Vec<(&str, &'static str, f64)> {
        let Some((ours, floors)) = self.series.split_first() else { return Vec::new() };
        let mut ratios = Vec::new();
        for floor in floors {
            for name in COSTS {
                let pairs = ours.rounds.iter().zip(&floor.rounds);
                let mut each: Vec<f64> = pairs
                    .filter_map(|(ours, theirs)| Some(ours.get(name)? / theirs.get(name)?))
                    .filter(|ratio| ratio.is_finite())
                    .collect();
                each.sort_by(f64::total_cmp);
                if let Some(ratio) = each.get(each.len() / 2) {
                    ratios.push((floor.server.as_str(), name, *ratio));
                }
            }
        }
        ratios
    }

    pub(crate) fn json(&self) -> Value {
        let series: Vec<Value> = self
            .series
            .iter()
            .map(|series| {
                let figures: serde_json::Map<String, Value> = series
                    .names()
                    .into_iter()
                    .filter_map(|name| Some((name, series.spread(name)?)))
                    .map(|(name, [median, least, most])| {
                        (name.to_owned(), json!({ "median": median, "min": least, "max": most }))
                    })
                    .collect();
                json!({ "server": series.server, "rounds": series.rounds.len(), "figures": figures })
            })
            .collect();
        let ratios: Vec<Value> = self
            .ratios()
            .into_iter()
            .map(|(floor, figure, ratio)| json!({ "floor": floor, "figure": figure, "ratio": ratio }))
            .collect();
        json!({ "profile": self.profile, "servers": series, "ratios": ratios })
    }
}

/// A number as people read it: with three or four digits that count.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100_000.0 => {
            let mut digits = format!("{:.0}", value.round());
            let mut at = digits.len();
            while at > 3 {
                at -= 3;
                digits.insert(at, ' ');
            }
            digits
        }
        size if size >= 100.0 || size == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
