//! Times by chance, so that many do not do the same at once.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The time within `over` that `chance`, a number from 0 to 1, picks; so that clients that are told
/// the same do not come back together.
///
/// Any other number counts as the nearer of the two, and a NaN as 1. Where the range is empty, it is
/// its start.
///
/// ```
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// assert_eq!(sse_core::spread(2 * second..=10 * second, 0.25), 4 * second);
/// ```
pub fn spread(over: RangeInclusive<Duration>, chance: f64) -> Duration {
    let (from, to) = over.into_inner();
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
                    let time = spread(from..=to, chance);
                    assert!(time >= from && time <= to.max(from), "{from:?} {to:?} {chance}");
                }
            }
        }
        let second = Duration::from_secs(1);
        assert_eq!(spread(second..=3 * second, 0.5), 2 * second);
        assert_eq!(spread(second..=3 * second, 1.0), 3 * second);
    }
}
