//! What the kernel holds for all TCP connections of the machine.

use std::fs;

/// What a connection's end is made of in the kernel.
const OBJECTS: [&str; 6] =
    ["TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "eventpoll_pwq"];
const PAGE: f64 = 4096.0;

/// The bytes in the buffers of all sockets.
pub(crate) fn buffers() -> f64 {
    let text = fs::read_to_string("/proc/net/sockstat").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:")).expect("a line");
    let mut words = line.split_whitespace().skip_while(|word| *word != "mem");
    words.nth(1).and_then(|pages| pages.parse::<f64>().ok()).expect("a number") * PAGE
}

/// The bytes of the sockets and of what belongs to them; `None` where only another user may know it.
pub(crate) fn sockets() -> Option<f64> {
    let text = fs::read_to_string("/proc/slabinfo").ok()?;
    let bytes = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        OBJECTS.contains(&words.next()?).then_some(())?;
        let count: f64 = words.next()?.parse().ok()?;
        let size: f64 = words.nth(1)?.parse().ok()?;
        Some(count * size)
    });
    Some(bytes.sum())
}
