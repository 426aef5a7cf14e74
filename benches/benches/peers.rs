//! The rows of the table, by criterion.

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    for row in benches::rows() {
        let mut group = criterion.benchmark_group(&row.name);
        group.throughput(Throughput::Elements(row.events as u64));
        for contender in &row.contenders {
            group.bench_function(contender.name, |bencher| {
                bencher.iter_batched_ref(
                    || (contender.prepare)(),
                    |run| run(),
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
