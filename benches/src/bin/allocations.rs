//! Prints how often each contender of each row allocates per event, for the table.

#![allow(clippy::print_stdout)]

use allocation_counter::measure;

fn main() {
    for row in benches::rows() {
        for contender in &row.contenders {
            let mut run = (contender.prepare)();
            let counted = measure(|| {
                std::hint::black_box(run());
            });
            let per_event = counted.count_total as f64 / row.events as f64;
            println!("{}\t{}\t{per_event}", row.name, contender.name);
        }
    }
}
