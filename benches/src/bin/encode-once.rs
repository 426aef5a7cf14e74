//! Encodes with one contender, for a profiler: `encode-once <group> <event> <contender> <times>`.

use benches::encoders;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [group, event, name, times] = arguments.as_slice() else { return };
    let contenders = match group.as_str() {
        "frame" => encoders::frames(),
        "buffer" => encoders::buffers(),
        _ => encoders::json(),
    };
    let parts = encoders::all_parts().into_iter().find(|parts| parts.name == event);
    let contender = contenders.iter().find(|contender| contender.name == name);
    if let (Some(parts), Some(contender), Ok(times)) = (parts, contender, times.parse()) {
        std::hint::black_box((contender.prepare)(&parts, times)());
    }
}
