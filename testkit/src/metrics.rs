//! What is counted by the `metrics` facade, to be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, LocalRecorderGuard,
    Metadata, Recorder, SharedString, Unit,
};

use crate::{BOUND, until};

/// A recorder that keeps each counter and gauge, and how many times each histogram was given.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    values: BTreeMap<String, f64>,
    kinds: BTreeSet<String>,
}

/// One counter, gauge or histogram.
struct One(Metrics, String);

impl Metrics {
    /// Records what this thread counts, until the guard is dropped.
    pub fn record(&self) -> LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(self)
    }

    /// The value of one; 0 where nothing was counted. It is named with its labels: `streams path=/sse`.
    pub fn value(&self, name: &str) -> f64 {
        self.0.lock().unwrap().values.get(name).copied().unwrap_or(0.0)
    }

    /// Waits until each of these has its value.
    ///
    /// # Panics
    ///
    /// Where one has not within [`BOUND`].
    pub async fn says(&self, expected: &[(&str, f64)]) {
        for (name, value) in expected {
            let what = format!("{name} is {value}");
            until(BOUND, &what, async || self.value(name) == *value).await;
        }
    }

    /// All that there are, as the row of a table begins that has each with its kind and its labels:
    /// ``| `streams` | gauge | `path` |``.
    pub fn rows(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().kinds.clone()
    }

    fn one(&self, kind: &str, key: &Key) -> Arc<One> {
        let labels: Vec<_> = key.labels().map(|label| format!("`{}`", label.key())).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        let row = format!("| `{}` | {kind} | {labels} |", key.name());
        self.0.lock().unwrap().kinds.insert(row);
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        Arc::new(One(self.clone(), key.name().to_owned() + &labels.collect::<String>()))
    }
}

impl One {
    fn add(&self, value: f64) {
        *self.0.0.lock().unwrap().values.entry(self.1.clone()).or_default() += value;
    }
}

impl CounterFn for One {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, _: u64) {
        panic!("{} is set, where others may count too", self.1)
    }
}

impl GaugeFn for One {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _: f64) {
        panic!("{} is set, where others may count too", self.1)
    }
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        assert!(value.is_finite() && value >= 0.0, "{} is {value}", self.1);
        self.add(1.0);
    }
}

impl Recorder for Metrics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.one("counter", key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.one("gauge", key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one("histogram", key))
    }
}
