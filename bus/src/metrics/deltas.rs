//! What has come to histograms since somebody looked: for systems that have histograms of their own, and want each
//! value.

use std::collections::BTreeMap;

use super::exporter::HistogramReading;

/// What was seen of each histogram.
#[derive(Default)]
pub(super) struct Deltas(BTreeMap<Series, BTreeMap<u64, u64>>);

/// Its name, and the values of its labels.
type Series = (&'static str, Vec<String>);

impl Deltas {
    /// Shows each value that is new, in seconds, and how many there are of it.
    pub(super) fn new_of(
        &mut self,
        name: &'static str,
        labels: &[(&'static str, &str)],
        reading: &HistogramReading<'_>,
        mut show: impl FnMut(f64, u64),
    ) {
        let labels = labels.iter().map(|(_, value)| (*value).to_owned()).collect();
        let seen = self.0.entry((name, labels)).or_default();
        for (value, count) in reading.values() {
            // The same grid gives the same number: it may stand for itself.
            let seen = seen.entry(value.to_bits()).or_default();
            let new = count.saturating_sub(*seen);
            *seen = count;
            if new > 0 {
                show(value, new);
            }
        }
    }
}
