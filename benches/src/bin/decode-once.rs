//! Runs one contender over one stream, for a profiler: `decode-once <stream> <contender> [times]`.

#![allow(clippy::print_stdout, clippy::expect_used)]

use benches::{decoders, streams};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("a stream, a contender, and how often");
    let (stream, contender) = (next(), next());
    let times = next().parse().expect("a number");
    let streams = streams::all();
    let stream = streams.iter().find(|other| other.name == stream).expect("a stream");
    let contenders = decoders::all();
    let contender = contenders.iter().find(|other| other.name == contender).expect("a contender");
    for _ in 0..times {
        println!("{:?}", (contender.run)(&stream.chunks));
    }
}
