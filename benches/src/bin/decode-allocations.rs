//! Prints how often each contender allocates per event, for `decode`.

#![allow(clippy::print_stdout)]

use allocation_counter::measure;
use benches::{decoders, streams};

fn main() {
    for stream in streams::all() {
        for contender in decoders::all() {
            let mut events = 0;
            let info = measure(|| events = (contender.run)(&stream.chunks).events);
            let per_event = info.count_total as f64 / events.max(1) as f64;
            println!("{}\t{}\t{per_event}", stream.name, contender.name);
        }
    }
}
