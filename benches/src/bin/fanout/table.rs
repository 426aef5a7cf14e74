//! The tables, in Markdown.

use std::fmt::Write as _;

use crate::DEPTHS;
use crate::contenders::{AXUM_SHARED, AXUM_STRINGS};
use crate::session::Figures;

/// Whom the CPU time of each of [`DEPTHS`] is compared with.
const AGAINST: [&str; DEPTHS.len()] = [AXUM_SHARED, AXUM_STRINGS];

/// The figures of each contender with so many clients.
pub(crate) fn of_figures<'a>(
    clients: usize,
    rows: impl Iterator<Item = (&'static str, &'a Figures)> + Clone,
) -> String {
    let mut table = format!("\n| {clients} clients |");
    for (depth, against) in DEPTHS.iter().zip(AGAINST) {
        let _ = write!(table, " {depth} at a time: CPU µs | of {against} | p50 ms | p99 ms |");
    }
    table.push_str(" KiB per idle connection |\n|---|");
    table.push_str(&"---|".repeat(4 * DEPTHS.len() + 1));
    for (name, figures) in rows.clone() {
        let _ = write!(table, "\n| {name} |");
        for (at, delivery) in figures.deliveries.iter().enumerate() {
            let against = rows.clone().find(|(name, _)| *name == AGAINST[at]);
            let ratio = against.map_or(String::new(), |(_, against)| {
                format!("{:.2}×", delivery.cpu / against.deliveries[at].cpu)
            });
            let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
            let (cpu, median, late) = (delivery.cpu / 1e3, ms(delivery.median), ms(delivery.late));
            let _ = write!(table, " {cpu:.2} | {ratio} | {median:.1} | {late:.1} |");
        }
        let _ = write!(table, " {:.1} |", figures.idle / 1024.0);
    }
    table
}

/// The memory of a connection of each contender, with each number of clients.
pub(crate) fn of_memory(
    clients: &[usize],
    rows: impl Iterator<Item = (&'static str, Vec<f64>)>,
) -> String {
    let mut table = String::from("\n| KiB per idle connection |");
    for clients in clients {
        let _ = write!(table, " {clients} clients |");
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(clients.len()));
    for (name, idle) in rows {
        let _ = write!(table, "\n| {name} |");
        for bytes in idle {
            let _ = write!(table, " {:.1} |", bytes / 1024.0);
        }
    }
    table
}
