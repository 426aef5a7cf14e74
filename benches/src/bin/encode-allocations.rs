//! Prints how often each contender allocates per event, for `encode`.

#![allow(clippy::print_stdout)]

use allocation_counter::measure;
use benches::encoders;

const EVENTS: usize = 1000;

fn main() {
    for (group, contenders) in
        [("frame", encoders::frames()), ("buffer", encoders::buffers()), ("json", encoders::json())]
    {
        for parts in encoders::all_parts() {
            for contender in &contenders {
                let mut run = (contender.prepare)(&parts, EVENTS);
                let info = measure(|| {
                    run();
                });
                let per_event = info.count_total as f64 / EVENTS as f64;
                println!("{group}, {}\t{}\t{per_event}", parts.name, contender.name);
            }
        }
    }
}
