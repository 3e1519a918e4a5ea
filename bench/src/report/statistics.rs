//! Medians, spread, and how quiet the machine was.

use crate::sample::Sample;

/// What several rounds come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) median: f64,
    /// Half the way from the lowest to the highest, in percent of the median.
    pub(super) spread: f64,
    pub(super) rounds: usize,
}

/// None of no values.
pub(super) fn summary(values: impl Iterator<Item = f64>) -> Option<Summary> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let (first, last) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let median = if values.len() % 2 == 1 { upper } else { f64::midpoint(upper, *values.get(middle - 1)?) };
    let spread = if median == 0.0 { 0.0 } else { (last - first) / 2.0 / median * 100.0 };
    Some(Summary { median, spread, rounds: values.len() })
}

/// A sentence about what else the machine did.
pub(super) fn noise(samples: &[Sample]) -> String {
    let load = summary(samples.iter().map(|sample| sample.noise.load));
    let steal = samples.iter().map(|sample| sample.noise.steal).fold(0.0, f64::max);
    load.map_or_else(String::new, |load| {
        format!("Load before the runs {:.1} in the middle, stolen time at most {steal:.1} %.", load.median)
    })
}
