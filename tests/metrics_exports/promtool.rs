//! Prometheus's own tool, from Debian's package `prometheus`.

use std::io::Write;
use std::process::{Command, Stdio};

use bus::{Bus, MetricsConfig};

use super::{HOSTILE, common, loaded};

#[tokio::test(start_paused = true)]
async fn promtool_accepts_a_loaded_bus_with_hostile_labels() {
    let fresh = Bus::from_registered().unwrap();
    let namespaced = loaded(MetricsConfig::default().namespace("shop"), HOSTILE).await;
    let without_buckets = loaded(MetricsConfig::default().buckets([]), HOSTILE).await;
    for bus in [fresh, namespaced, without_buckets] {
        let text = bus.metrics().to_prometheus();
        assert_accepts(&text);
    }
}

#[test]
fn promtool_accepts_what_the_example_prints() {
    assert_accepts(&printed(&[]));
}

#[test]
fn the_example_prints_the_same_as_json() {
    let json: serde_json::Value = serde_json::from_str(&printed(&["--json"])).unwrap();
    assert_eq!(json["counters"]["shop_commands_sent_total"], 40, "{json:#}");
    assert_eq!(json["histograms"]["shop_command_processing_duration_seconds"]["count"], 40);
}

fn printed(args: &[&str]) -> String {
    let output = Command::new(common::example("metrics")).args(args).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// With `BUS_PROMTOOL=1`, which CI sets, the tool has to be there.
fn assert_accepts(text: &str) {
    match check(text) {
        Ok((is_ok, said)) => assert!(is_ok && said.is_empty(), "{said}\n{text}"),
        Err(error) if std::env::var_os("BUS_PROMTOOL").is_some() => {
            panic!("`promtool` cannot be run: {error}; it is in the package `prometheus`")
        }
        Err(error) => return eprintln!("not checked, since `promtool` cannot be run: {error}"),
    }
    // Does it look?
    let (is_ok, said) =
        check("# HELP a_total b\n# TYPE a_total counter\na_total{c=\"d\\q\"} 1\n").unwrap();
    assert!(!is_ok, "{said}");
}

/// Does it accept the text, and what does it say?
fn check(text: &str) -> std::io::Result<(bool, String)> {
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    tool.stdin.take().expect("a pipe").write_all(text.as_bytes())?;
    let output = tool.wait_with_output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}
