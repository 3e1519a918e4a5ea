//! What Haven is meant to reach, and whether it did.

use super::table::number;

/// A target for one row.
pub(super) struct Target {
    measure: &'static str,
    /// The beginning of the row.
    row: &'static str,
    goal: Goal,
}

/// What is to be reached.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    /// So many times as good as a peer.
    Times(f64, &'static str),
    /// So much of the lowest of several yardsticks.
    OfLowest(f64, &'static [&'static str]),
    AtLeast(f64),
    AtMost(f64),
    /// Takes at most so many times as long as with a peer.
    NoLonger(f64, &'static str),
}

const fn target(measure: &'static str, row: &'static str, goal: Goal) -> Target {
    Target { measure, row, goal }
}

const TARGETS: [Target; 17] = [
    target("pull", "HTTP, ", Goal::Times(1.0, "nginx")),
    target("pull", "HTTP, ", Goal::Times(1.3, "docker-registry")),
    target("pull", "TLS", Goal::Times(1.0, "nginx")),
    target("push", "HTTP, 1 client", Goal::Times(2.0, "docker-registry")),
    target("push", "HTTP, 1 client", Goal::OfLowest(0.8, &["sha256 alone", "disk alone"])),
    target("manifests", "64 clients", Goal::Times(3.0, "docker-registry")),
    target("manifests", "64 clients: 99 %", Goal::AtMost(20.0)),
    target("images", "into", Goal::Times(1.5, "docker-registry")),
    target("memory", "anonymous, most", Goal::AtMost(150.0)),
    target("memory", "resident in all, most", Goal::AtMost(400.0)),
    target("tokens", "a person, 16 clients", Goal::AtLeast(2_000.0)),
    target("tokens", "a robot, 16 clients", Goal::AtLeast(2_000.0)),
    target("lists", "", Goal::AtMost(50.0)),
    target("lists", "", Goal::NoLonger(1.5, "with a tenth")),
    target("audit", "", Goal::AtMost(50.0)),
    target("audit", "", Goal::NoLonger(1.5, "with a hundredth")),
    target("growth", "", Goal::Times(1.0 / 1.3, "with 1,000 artifacts")),
];

/// The goals of a row. Those for a rate are not for the times that belong to it.
pub(super) fn goals(measure: &str, row: &str, more_is_better: bool) -> impl Iterator<Item = Goal> {
    TARGETS
        .iter()
        .filter(move |target| target.measure == measure && row.starts_with(target.row))
        .map(|target| target.goal)
        .filter(move |goal| matches!(goal, Goal::AtMost(_) | Goal::NoLonger(..)) != more_is_better)
}

impl Goal {
    /// The goal in words, and by how much it was met or missed; `peer` knows what others reached. None where there is
    /// nothing to compare with.
    pub(super) fn judge(self, got: f64, peer: impl Fn(&str) -> Option<f64>) -> Option<String> {
        let (words, part) = match self {
            Self::Times(factor, name) => {
                (format!("{} × {name}", short(factor)), got / (peer(name)? * factor))
            }
            Self::OfLowest(factor, names) => {
                let lowest = names.iter().filter_map(|name| peer(name)).reduce(f64::min)?;
                (format!("{} of {}", short(factor), names.join(" and ")), got / (lowest * factor))
            }
            Self::AtLeast(bound) => (format!("≥ {}", number(bound)), got / bound),
            Self::AtMost(bound) => (format!("≤ {}", number(bound)), bound / got),
            Self::NoLonger(factor, name) => {
                (format!("≤ {} × {name}", short(factor)), peer(name)? * factor / got)
            }
        };
        Some(if part >= 1.0 {
            format!("{words}: met")
        } else {
            // What rounds up to all of it is missed all the same.
            format!("**{words}: missed, {:.0} % of it**", (part * 100.0).round().min(99.0))
        })
    }
}

/// Two digits after the point, without zeros at the end but one.
fn short(factor: f64) -> String {
    let text = format!("{factor:.2}");
    text.strip_suffix('0').map_or(text.clone(), str::to_owned)
}
