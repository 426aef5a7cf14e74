//! Times by chance, so that many do not do the same at once.

use std::time::Duration;

/// The time between `from` and `to` at `chance`, a number from 0 to 1; any other counts as the nearer
/// of the two, and a NaN as 1. Where `to` is less, it is `from`.
pub(crate) fn between(from: Duration, to: Duration, chance: f64) -> Duration {
    let span = to.saturating_sub(from);
    let seconds = span.as_secs_f64() * chance.clamp(0.0, 1.0);
    from.saturating_add(Duration::try_from_secs_f64(seconds).map_or(span, |part| part.min(span)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_and_no_chance_makes_it_panic_or_leave_the_span() {
        let times =
            [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(9), Duration::MAX];
        for from in times {
            for to in times {
                for chance in [0.0, 0.3, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY] {
                    let time = between(from, to, chance);
                    assert!(time >= from && time <= to.max(from), "{from:?} {to:?} {chance}");
                }
            }
        }
        let second = Duration::from_secs(1);
        assert_eq!(between(second, 3 * second, 0.5), 2 * second);
        assert_eq!(between(second, 3 * second, 1.0), 3 * second);
    }
}
