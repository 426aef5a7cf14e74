//! How many tasks a user may have at a time.

mod support;

use support::{Fixture, User, ok, problem};
use testkit::{BOUND, until};

/// The most tasks of one user that run at a time.
const MAX_TASKS: usize = 10;

#[tokio::test]
async fn who_has_too_many_tasks_takes_no_place_from_others() {
    let fixture = Fixture::start(&["--step-ms=600000"]).await;
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    for _ in 0..MAX_TASKS {
        ok(ada.start_task(None)).await;
    }
    for _ in 0..2 {
        assert_eq!(problem(ada.start_task(None)).await, (429, "too_many_tasks".into()));
    }
    for _ in 0..MAX_TASKS {
        ok(bob.start_task(None)).await;
    }
}

#[tokio::test]
async fn a_task_that_is_over_or_was_never_started_has_given_its_place_back() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let nobodys = "0".repeat(32);
    for _ in 0..=MAX_TASKS {
        let unknown = (404, "no_such_connection".to_owned());
        assert_eq!(problem(ada.start_task(Some(&nobodys))).await, unknown);
    }
    for _ in 0..=MAX_TASKS {
        until(BOUND, "there is a place", async || starts(&ada).await).await;
    }
}

async fn starts(user: &User) -> bool {
    user.start_task(None).send().await.expect("an answer").status().is_success()
}
