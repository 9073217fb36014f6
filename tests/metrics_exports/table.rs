//! The table of the guide, against what a bus exports.

use bus::{MetricKind, MetricsConfig};

use super::loaded;

#[tokio::test(start_paused = true)]
async fn the_guide_has_each_metric_with_its_type_its_labels_and_its_meaning() {
    let bus = loaded(MetricsConfig::default(), []).await;
    let mut expected = Vec::new();
    for family in bus.metrics().snapshot().families {
        let kind = match family.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
            ref other => panic!("{other:?}"),
        };
        let sample =
            family.samples.first().unwrap_or_else(|| panic!("{} has no sample", family.name));
        let labels: Vec<_> = sample.labels.iter().map(|(name, _)| format!("`{name}`")).collect();
        expected.push(format!(
            "| `{}` | {kind} | {} | {} |",
            family.name,
            labels.join(", "),
            family.help
        ));
    }
    let guide = include_str!("../../bus/guide/metrics.md");
    let head = "| name | type | labels | meaning |\n| --- | --- | --- | --- |\n";
    let (_, table) = guide.split_once(head).expect("the table of metrics");
    let table: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(table, expected, "as it should be:\n{head}{}", expected.join("\n"));
}
