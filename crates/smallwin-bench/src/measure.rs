//! Takes two contenders in turn, so that what the machine does meanwhile hits both alike.

use std::time::Instant;

use anyhow::Result;

/// Rounds of each contender; the median of an odd number is a round that was run.
const ROUNDS: usize = 9;

/// What both contenders did, as units of work per second, and the ratio of the two.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Median of ours.
    pub(crate) ours: f64,
    /// Median of the baseline.
    pub(crate) baseline: f64,
    /// Median over the rounds of ours divided by the baseline's of the same round.
    pub(crate) ratio: f64,
}

/// Runs both in turn; each does `units` of work per round.
pub(crate) fn compare(
    units: usize,
    mut ours: impl FnMut() -> Result<()>,
    mut baseline: impl FnMut() -> Result<()>,
) -> Result<Comparison> {
    // The first round of each fills caches and is not counted.
    ours()?;
    baseline()?;
    let mut pairs = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        pairs.push((rate(units, &mut ours)?, rate(units, &mut baseline)?));
    }
    Ok(Comparison {
        ours: median(pairs.iter().map(|(ours, _)| *ours).collect()),
        baseline: median(pairs.iter().map(|(_, baseline)| *baseline).collect()),
        ratio: median(
            pairs
                .iter()
                .map(|(ours, baseline)| ours / baseline)
                .collect(),
        ),
    })
}

#[allow(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]
fn rate(units: usize, work: &mut impl FnMut() -> Result<()>) -> Result<f64> {
    let begin = Instant::now();
    work()?;
    Ok(units as f64 / begin.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_not_the_mean() {
        assert_eq!(median(vec![100.0, 1.0, 2.0]), 2.0);
    }
}
