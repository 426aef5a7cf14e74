//! Clocks, in nanoseconds.

use rustix::time::{ClockId, clock_gettime};

/// The clock that all processes of a machine share.
pub fn now() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// The CPU time that this process has used.
pub fn cpu() -> u64 {
    nanoseconds(ClockId::ProcessCPUTime)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
