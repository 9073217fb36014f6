//! Prometheus's own tool, from Debian's package `prometheus`.

use std::io::Write;
use std::process::{Command, Stdio};

use bus::{Bus, MetricsConfig};

use super::{HOSTILE, loaded};

/// With `BUS_PROMTOOL=1`, which CI sets, it has to be there.
#[tokio::test(start_paused = true)]
async fn promtool_accepts_a_loaded_bus_with_hostile_labels() {
    let must = std::env::var_os("BUS_PROMTOOL").is_some();
    let fresh = Bus::from_registered().unwrap();
    let namespaced = loaded(MetricsConfig::default().namespace("shop"), HOSTILE).await;
    let without_buckets = loaded(MetricsConfig::default().buckets([]), HOSTILE).await;
    for bus in [fresh, namespaced, without_buckets] {
        let text = bus.metrics().to_prometheus();
        let (is_ok, said) = match check(&text) {
            Ok(answer) => answer,
            Err(error) if must => {
                panic!("`promtool` cannot be run: {error}; it is in the package `prometheus`")
            }
            Err(error) => return eprintln!("not checked, since `promtool` cannot be run: {error}"),
        };
        assert!(is_ok && said.is_empty(), "{said}\n{text}");
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
