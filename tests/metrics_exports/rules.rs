//! What is true of every export, whatever the names are.

use std::collections::{BTreeMap, BTreeSet};

use bus::{MetricKind, MetricValue, MetricsConfig, MetricsSnapshot};
use proptest::prelude::*;

use super::reader::{Family, Sample, read};
use super::{HOSTILE, loaded};

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    { runtime }.enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// Text of which each character may be one that has a meaning.
fn names() -> impl Strategy<Value = Vec<String>> {
    let hostile = prop::sample::select(vec![
        '"', '\\', '\n', '{', '}', ',', '=', ' ', '#', 'n', '\r', 'é', '\u{0}',
    ]);
    let text = prop::collection::vec(prop_oneof![3 => hostile, 1 => any::<char>()], 1..12);
    prop::collection::vec(text.prop_map(String::from_iter), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 64, ..ProptestConfig::default()
    })]

    #[test]
    fn exports_say_what_the_snapshot_says(
        names in names(), namespace in prop::option::of("[a-z_][a-z0-9_]{0,5}"),
        bounds in prop::collection::btree_set(1..20_000_u64, 0..15),
    ) {
        let bounds = bounds.into_iter().map(std::time::Duration::from_micros);
        let mut config = MetricsConfig::default().buckets(bounds);
        if let Some(namespace) = namespace {
            config = config.namespace(namespace);
        }
        let bus = run(loaded(config, names.iter().map(String::as_str)));
        let metrics = bus.metrics();
        let (snapshot, text) = (metrics.snapshot(), metrics.to_prometheus());
        let prometheus = read(&text).map_err(TestCaseError::fail)?;
        histograms_add_up(&prometheus)?;
        says(&prometheus, &snapshot, |name| name)?;
        let text = metrics.to_openmetrics();
        let text = text.strip_suffix("# EOF\n").expect("an end");
        let openmetrics = read(text).map_err(TestCaseError::fail)?;
        histograms_add_up(&openmetrics)?;
        says(&openmetrics, &snapshot, |name| name.strip_suffix("_total").unwrap_or(name))?;
        rules_of_openmetrics(&openmetrics)?;
    }
}

/// Buckets are cumulative, the last is the count, and no bound is there twice.
fn histograms_add_up(families: &BTreeMap<String, Family>) -> Result<(), TestCaseError> {
    for (name, family) in families.iter().filter(|(_, family)| family.kind == "histogram") {
        let mut series = BTreeMap::<_, Vec<&Sample>>::new();
        for sample in &family.samples {
            let labels: Vec<_> = sample.labels.iter().filter(|(name, _)| name != "le").collect();
            series.entry(labels).or_default().push(sample);
        }
        for (labels, samples) in series {
            let buckets: Vec<_> =
                samples.iter().filter(|sample| sample.suffix == "_bucket").collect();
            let bounds: Vec<f64> = buckets
                .iter()
                .map(|bucket| bucket.labels.last().unwrap())
                .map(|(name, bound)| {
                    assert_eq!(name, "le");
                    if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() }
                })
                .collect();
            prop_assert!(bounds.is_sorted_by(|a, b| a < b), "{} {:?}: {:?}", name, labels, bounds);
            prop_assert_eq!(bounds.last(), Some(&f64::INFINITY));
            let mut counts = buckets.iter().map(|bucket| bucket.value);
            prop_assert!(counts.clone().is_sorted(), "{} {:?} is not cumulative", name, labels);
            let one = |suffix: &str| {
                let all: Vec<_> = samples.iter().filter(|sample| sample.suffix == suffix).collect();
                assert_eq!(all.len(), 1, "{name} {labels:?}: {suffix}");
                all[0].value
            };
            prop_assert_eq!(counts.next_back(), Some(one("_count")));
            prop_assert!(
                (one("_sum") > 0.0) <= (one("_count") > 0.0),
                "a sum of nothing: {}",
                name
            );
            prop_assert_eq!(samples.len(), buckets.len() + 2);
        }
    }
    Ok(())
}

/// All families and all samples of the snapshot are there, and no others.
fn says(
    families: &BTreeMap<String, Family>,
    snapshot: &MetricsSnapshot,
    name_of: impl Fn(&str) -> &str,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(families.len(), snapshot.families.len());
    for said in &snapshot.families {
        let Some(family) = families.get(name_of(&said.name)) else {
            return Err(TestCaseError::fail(format!("{} is not there", said.name)));
        };
        let kind = match said.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
            ref other => panic!("{other:?}"),
        };
        prop_assert_eq!((family.kind.as_str(), family.help.as_str()), (kind, said.help));
        let mut values = BTreeMap::new();
        for sample in family.samples.iter().filter(|sample| sample.suffix != "_bucket") {
            let key = (sample.labels.clone(), sample.suffix.trim_start_matches("_total"));
            prop_assert_eq!(values.insert(key, sample.value), None, "a series is there twice");
        }
        for sample in &said.samples {
            let labels: Vec<_> =
                sample.labels.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
            let mut is = |suffix: &'static str, value: f64| {
                let read = values.remove(&(labels.clone(), suffix));
                prop_assert_eq!(read, Some(value), "{} {:?}{}", said.name, labels, suffix);
                Ok(())
            };
            match &sample.value {
                MetricValue::Counter(count) => is("", *count as f64)?,
                MetricValue::Gauge(value) => is("", *value)?,
                MetricValue::Histogram(histogram) => {
                    is("_count", histogram.count as f64)?;
                    is("_sum", histogram.sum)?;
                }
                other => panic!("{other:?}"),
            }
        }
        prop_assert!(values.is_empty(), "nobody has said {:?}", values);
    }
    Ok(())
}

/// <https://prometheus.io/docs/specs/om/open_metrics_spec/>, of what concerns these kinds.
fn rules_of_openmetrics(families: &BTreeMap<String, Family>) -> Result<(), TestCaseError> {
    let mut series = BTreeSet::new();
    for (name, family) in families {
        let suffixes: &[&str] = match family.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_count", "_sum"],
            other => return Err(TestCaseError::fail(format!("{name} is a {other}"))),
        };
        if let Some(unit) = &family.unit {
            prop_assert!(name.ends_with(&format!("_{unit}")), "{} is not in {}", name, unit);
        }
        for sample in &family.samples {
            prop_assert!(suffixes.contains(&sample.suffix.as_str()), "{}{}", name, sample.suffix);
            prop_assert!(!sample.value.is_nan() && (family.kind == "gauge" || sample.value >= 0.0));
            let mut labels = sample.labels.clone();
            labels.sort();
            labels.dedup_by(|a, b| a.0 == b.0);
            prop_assert_eq!(labels.len(), sample.labels.len(), "a label is there twice");
            // A sample's full name may be that of no other family's.
            let full = format!("{name}{}", sample.suffix);
            prop_assert!(series.insert((full, labels)), "a series is there twice: {}", name);
        }
    }
    Ok(())
}

#[test]
fn the_reader_refuses_what_is_wrong() {
    for (text, why) in [
        ("# HELP a b\n# TYPE a counter\na 1", "no end"),
        ("a 1\n", "of no family"),
        ("# HELP a b\nb 1\n", "of another family"),
        ("# HELP a b\n# HELP a b\n", "begins twice"),
        ("# HELP a b\na{c=\"d} 1\n", "without an end"),
        ("# HELP a b\na{c=\"\\t\"} 1\n", "an escape that there is not"),
        ("# HELP a b\na{c=\"d\"e} 1\n", "labels without an end"),
        ("# HELP a b\na one\n", "no number"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(why), "{text:?}: {error}");
    }
}

#[test]
fn hostile_names_are_read_as_they_are() {
    let bus = run(loaded(MetricsConfig::default(), HOSTILE));
    let read = read(&bus.metrics().to_prometheus()).unwrap();
    let samples = &read["handler_processed_total"].samples;
    for name in HOSTILE {
        let of_name =
            |sample: &&Sample| sample.labels.contains(&("handler".to_owned(), name.to_owned()));
        let counts: Vec<_> = samples.iter().filter(of_name).map(|sample| sample.value).collect();
        assert!(counts.len() == 1 && counts[0] > 0.0, "{name:?}: {counts:?}");
    }
}
