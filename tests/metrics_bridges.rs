//! The metrics of a bus in the hands of others: the recorders of the crate `metrics`, and OpenTelemetry.

use std::collections::BTreeMap;
use std::time::Duration;

use bus::prelude::*;
use bus::{MetricValue, MetricsConfig, MetricsFacade, MetricsSnapshot, Sample};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};

#[command]
struct Brew(u64);
#[handler(retry(max_retries = 1, initial_delay = "1ms", jitter = none), circuit_breaker(failure_threshold = 9))]
async fn brew(brew: &Brew, cx: &Context, emit: Emit<Brewed>) -> bus::Result<()> {
    cx.sleep(Duration::from_millis(brew.0)).await;
    if brew.0.is_multiple_of(4) {
        return Err(bus::Error::msg("no water"));
    }
    emit.send(Brewed(brew.0));
    Ok(())
}
#[event]
struct Brewed(u64);
#[handler]
async fn drink(event: &Brewed, cx: &Context) {
    cx.sleep(Duration::from_millis(5 * event.0)).await;
}

async fn work(bus: &Bus) {
    for n in 0..20 {
        let _ = bus.execute(Brew(n)).await;
    }
    bus.idle().await;
}

fn bus() -> Bus {
    Bus::builder().metrics(MetricsConfig::default().namespace("cafe")).build().unwrap()
}

/// A series as all of them have it: its name, and its labels in order of their names.
type Series = (String, BTreeMap<String, String>);

fn series<N: Into<String>, V: Into<String>>(
    name: &str,
    labels: impl Iterator<Item = (N, V)>,
) -> Series {
    (name.to_owned(), labels.map(|(name, value)| (name.into(), value.into())).collect())
}

/// All series of the bus itself.
fn of_bus(snapshot: &MetricsSnapshot) -> BTreeMap<Series, MetricValue> {
    let all = snapshot.families.iter().flat_map(|family| {
        let of = |sample: &Sample| {
            series(&family.name, sample.labels.iter().map(|(n, v)| (*n, v.clone())))
        };
        family.samples.iter().map(move |sample| (of(sample), sample.value.clone()))
    });
    all.collect()
}

/// What a recorder was told since it was last asked.
fn recorded(snapshotter: &Snapshotter) -> BTreeMap<Series, DebugValue> {
    let all = snapshotter.snapshot().into_vec().into_iter().map(|(key, unit, help, value)| {
        let (_, key) = key.into_parts();
        assert!(help.is_some_and(|help| help.ends_with('.')), "{key} has no meaning");
        assert_eq!(unit.is_some(), key.name().contains("_seconds"), "{key}");
        (series(key.name(), key.labels().map(|label| (label.key(), label.value()))), value)
    });
    all.collect()
}

#[tokio::test(start_paused = true)]
async fn a_recorder_is_told_all_that_the_bus_knows() {
    let bus = bus();
    let recorder = DebuggingRecorder::new();
    let (told, facade) = (recorder.snapshotter(), bus.metrics().to_facade());
    let flush = || assert!(metrics::with_local_recorder(&recorder, || facade.flush()));
    let mut values = BTreeMap::<Series, Vec<f64>>::new();
    for _ in 0..2 {
        work(&bus).await;
        flush();
        let (told, said) = (recorded(&told), of_bus(&bus.metrics().snapshot()));
        assert_eq!(told.keys().collect::<Vec<_>>(), said.keys().collect::<Vec<_>>());
        for (series, said) in said {
            match (&told[&series], said) {
                (DebugValue::Counter(told), MetricValue::Counter(said)) => {
                    assert_eq!(*told, said, "{series:?}");
                }
                (DebugValue::Gauge(told), MetricValue::Gauge(said)) => {
                    assert_eq!(told.0, said, "{series:?}");
                }
                (DebugValue::Histogram(new), MetricValue::Histogram(said)) => {
                    let all = values.entry(series.clone()).or_default();
                    all.extend(new.iter().map(|value| value.0));
                    assert_eq!(all.len() as u64, said.count, "{series:?}");
                    for (bound, count) in said.buckets {
                        assert_eq!(
                            all.iter().filter(|value| **value <= bound).count() as u64,
                            count
                        );
                    }
                    // Of single handlers the middles of buckets are told.
                    if series.1.is_empty() {
                        let sum: f64 = all.iter().sum();
                        assert!(
                            (sum - said.sum).abs() <= said.sum / 16.0,
                            "{sum} for {}",
                            said.sum
                        );
                    }
                }
                other => panic!("{series:?}: {other:?}"),
            }
        }
    }
    let took = (String::from("cafe_command_processing_duration_seconds"), BTreeMap::new());
    assert_eq!(values[&took].len(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_recorder_is_told_every_so_often_until_the_bus_is_gone() {
    let recorder = DebuggingRecorder::new();
    let told = recorder.snapshotter();
    recorder.install().unwrap();
    let bus = bus();
    let facade: MetricsFacade = bus.metrics().to_facade();
    let telling = tokio::spawn(facade.every(Duration::from_secs(10)));
    bus.execute(Brew(1)).await.unwrap();
    let sent = (String::from("cafe_commands_sent_total"), BTreeMap::new());
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(recorded(&told).is_empty());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(matches!(recorded(&told)[&sent], DebugValue::Counter(1)));
    bus.execute(Brew(2)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(matches!(recorded(&told)[&sent], DebugValue::Counter(2)));
    bus.execute(Brew(3)).await.unwrap();
    bus.shutdown().await;
    telling.await.unwrap();
    assert!(matches!(recorded(&told)[&sent], DebugValue::Counter(3)), "what came last is told too");
    // Nobody shuts it down.
    let bus = self::bus();
    let telling = tokio::spawn(bus.metrics().to_facade().every(Duration::from_secs(10)));
    for _ in 0..4 {
        bus.execute(Brew(1)).await.unwrap();
    }
    drop(bus);
    telling.await.unwrap();
    assert!(matches!(recorded(&told)[&sent], DebugValue::Counter(4)));
}

/// A sample as both have it; buckets each for itself.
#[derive(Debug, PartialEq)]
enum Known {
    Count(u64),
    Value(f64),
    Buckets(Vec<(f64, u64)>),
}

impl Known {
    fn of(value: MetricValue) -> Self {
        match value {
            MetricValue::Counter(count) => Self::Count(count),
            MetricValue::Gauge(value) => Self::Value(value),
            MetricValue::Histogram(histogram) => {
                let mut before = 0;
                let single =
                    |(bound, up_to)| (bound, up_to - std::mem::replace(&mut before, up_to));
                Self::Buckets(histogram.buckets.into_iter().map(single).collect())
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What the last collection has, with units.
fn collected(all: &[ResourceMetrics]) -> BTreeMap<Series, (String, Known)> {
    let mut read = BTreeMap::new();
    let scopes = all.last().into_iter().flat_map(|last| last.scope_metrics());
    for metric in scopes.flat_map(|scope| scope.metrics()) {
        assert!(metric.description().ends_with('.'), "{metric:?}");
        let mut add = |attributes: &mut dyn Iterator<Item = &KeyValue>, known| {
            let labels = attributes.map(|label| (label.key.as_str(), label.value.to_string()));
            let series = series(metric.name(), labels);
            let former = read.insert(series, (metric.unit().to_owned(), known));
            assert!(former.is_none(), "{} is there twice", metric.name());
        };
        match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) if sum.is_monotonic() => {
                for point in sum.data_points() {
                    add(&mut point.attributes(), Known::Count(point.value()));
                }
            }
            AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                for point in gauge.data_points() {
                    add(&mut point.attributes(), Known::Value(point.value()));
                }
            }
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                for point in histogram.data_points() {
                    let bounds = point.bounds().chain([f64::INFINITY]);
                    let buckets = bounds.zip(point.bucket_counts()).collect();
                    add(&mut point.attributes(), Known::Buckets(buckets));
                }
            }
            other => panic!("{}: {other:?}", metric.name()),
        }
    }
    read
}

#[tokio::test(start_paused = true)]
async fn opentelemetry_collects_what_the_bus_knows() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let bus = bus();
    bus.metrics().observe_with(&provider.meter("bus"));
    for _ in 0..2 {
        work(&bus).await;
        provider.force_flush().unwrap();
        let told = collected(&exporter.get_finished_metrics().unwrap());
        let said = of_bus(&bus.metrics().snapshot());
        assert_eq!(told.keys().collect::<Vec<_>>(), said.keys().collect::<Vec<_>>());
        for (series, said) in said {
            let (unit, told) = &told[&series];
            assert_eq!(unit == "s", series.0.contains("_seconds"), "{series:?} in {unit:?}");
            assert_eq!(*told, Known::of(said), "{series:?}");
        }
    }
    // Of a bus that is gone nothing is observed; what was recorded is the meter's.
    exporter.reset();
    bus.shutdown().await;
    drop(bus);
    provider.force_flush().unwrap();
    let left = collected(&exporter.get_finished_metrics().unwrap());
    assert!(left.values().all(|(_, known)| matches!(known, Known::Buckets(_))), "{left:?}");
}
