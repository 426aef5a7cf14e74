//! Runs one contender of one row, for a profiler: `once <row> <contender> <times>`.

#![allow(clippy::expect_used)]

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("a row, a contender, and how often");
    let (row, contender) = (next(), next());
    let times: usize = next().parse().expect("a number");
    let rows = benches::rows();
    let row = rows.iter().find(|other| other.name == row).expect("a row");
    let contender =
        row.contenders.iter().find(|other| other.name == contender).expect("a contender");
    for _ in 0..times {
        std::hint::black_box((contender.prepare)()());
    }
}
