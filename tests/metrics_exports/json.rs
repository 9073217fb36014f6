//! The JSON of a bus, as a program reads it.

use bus::{MetricKind, MetricValue, MetricsConfig};
use serde_json::Value;

use super::{HOSTILE, loaded};

#[tokio::test(start_paused = true)]
async fn json_says_what_the_snapshot_says() {
    let bus = loaded(MetricsConfig::default(), HOSTILE).await;
    let (snapshot, text) = (bus.metrics().snapshot(), bus.metrics().to_json());
    let json: Value = serde_json::from_str(&text).unwrap();
    let members: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(members.len(), 5, "{members:?}");
    let at = json["timestamp"].as_str().unwrap();
    assert!(at.len() == 24 && at.ends_with('Z') && at.contains('T'), "{at}");
    let (mut seen, mut labelled) = ([0; 3], 0);
    for family in &snapshot.families {
        let (place, object) = match family.kind {
            MetricKind::Counter => (0, "counters"),
            MetricKind::Gauge => (1, "gauges"),
            MetricKind::Histogram => (2, "histograms"),
            ref other => panic!("{other:?}"),
        };
        for sample in &family.samples {
            seen[place] += 1;
            let escaped =
                |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let labels: Vec<_> =
                sample.labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escaped(v))).collect();
            let labels =
                if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let name = format!("{}{labels}", family.name);
            let own = sample.labels.iter().map(|(n, v)| ((*n).to_owned(), v.as_str().into()));
            let own: serde_json::Map<_, Value> = own.collect();
            if own.is_empty() {
                assert_eq!(json["labels"].get(&name), None);
            } else {
                labelled += 1;
                assert_eq!(json["labels"][&name], Value::Object(own));
            }
            let said = &json[object][&name];
            match &sample.value {
                MetricValue::Counter(count) => {
                    assert_eq!(said.as_u64(), Some(*count), "{}", family.name);
                }
                MetricValue::Gauge(value) => {
                    assert_eq!(said.as_f64(), Some(*value), "{}", family.name);
                }
                MetricValue::Histogram(histogram) => {
                    assert_eq!(said["count"].as_u64(), Some(histogram.count));
                    assert_eq!(said["sum"].as_f64(), Some(histogram.sum));
                    assert_eq!(said["description"], family.help);
                    assert_eq!(said["buckets"].as_object().unwrap().len(), histogram.buckets.len());
                    assert_eq!(said["buckets"]["+Inf"].as_u64(), Some(histogram.count));
                    let percentiles =
                        ["p50", "p95", "p99"].map(|part| said["percentiles"][part].as_f64());
                    assert_eq!(
                        percentiles,
                        histogram.percentiles.map_or([None; 3], |all| all.map(Some))
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let written =
        ["counters", "gauges", "histograms"].map(|object| json[object].as_object().unwrap().len());
    assert_eq!(written, seen);
    assert_eq!(json["labels"].as_object().unwrap().len(), labelled);
    let took = &json["histograms"]["event_processing_duration_seconds"];
    assert!(took["percentiles"]["p95"].as_f64().unwrap() > 0.0, "{took}");
}
