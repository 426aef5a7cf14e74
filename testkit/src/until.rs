use std::time::Duration;

use tokio::time::{sleep, timeout};

/// A bound far beyond what even a loaded machine needs: to reach it is a failure, never bad luck.
pub const BOUND: Duration = Duration::from_secs(30);

/// How long to wait before the condition is looked at again.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `condition` holds, looking again every 10 ms.
///
/// With tokio's clock paused no real time passes.
///
/// # Panics
///
/// When `bound` has passed first, also while `condition` itself hangs; the panic says `what`.
pub async fn until(bound: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let held = timeout(bound, async {
        while !condition().await {
            sleep(PAUSE).await;
        }
    });
    if held.await.is_err() {
        panic!("{what}: not within {bound:?}");
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_returns_as_soon_as_the_condition_holds() {
        let start = Instant::now();
        let mut looks = 0;
        until(BOUND, "three looks", async || {
            looks += 1;
            looks == 3
        })
        .await;
        assert_eq!(looks, 3);
        assert!(start.elapsed() < Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    #[should_panic = "the moon: not within 30s"]
    async fn what_did_not_happen_is_named() {
        until(BOUND, "the moon", async || false).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic = "an answer: not within 30s"]
    async fn a_condition_that_hangs_is_bounded_too() {
        until(BOUND, "an answer", std::future::pending).await;
    }
}
