//! What the hub is synchronised by: `std`'s own, or, in this crate's unit tests, that of the model checker. The same
//! for the tasks and the timers of what is checked; there a timer goes off whenever it likes.

#[cfg(not(test))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(not(test))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(test)]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(test)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};

use std::sync::PoisonError;

use tokio::runtime::Handle;

#[cfg(not(test))]
pub(crate) use tokio::time::{sleep, timeout};

#[cfg(test)]
pub(crate) use chance::{sleep, timeout};

/// Runs a task by itself.
pub(crate) fn spawn(runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
    #[cfg(not(test))]
    runtime.spawn(task);
    #[cfg(test)]
    let _ = (runtime, shuttle::future::spawn(task));
}

/// Nothing under our locks is left half changed, so a panic elsewhere is no reason to stop.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod chance {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    use shuttle::future::yield_now;
    use shuttle::rand::Rng as _;

    /// For how many steps at the most a timer runs.
    const STEPS: usize = 50;

    pub(crate) async fn timeout<T>(
        _: Duration,
        future: impl Future<Output = T>,
    ) -> Result<T, Duration> {
        let mut future = pin!(future);
        for _ in 0..shuttle::rand::thread_rng().gen_range(1..=STEPS) {
            if let Poll::Ready(it) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
                return Ok(it);
            }
            yield_now().await;
        }
        Err(Duration::ZERO)
    }

    pub(crate) async fn sleep(time: Duration) {
        let _ = timeout(time, std::future::pending::<()>()).await;
    }
}
