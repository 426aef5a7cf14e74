//! The SeaORM store on SQLite: how a file is opened, and what ends with the store.

#[path = "support/file.rs"]
mod file;

use std::task::{Context, Waker};

use sea_orm::sqlx::Connection as _;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, TransactionTrait};
use sse_store::{EventStore, SeaOrmStore};
use testkit::{BOUND, until};

use file::{folder, new, stored, topic, url};

fn alive_tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_one_line_with_its_name_and_the_cause() {
    let folder = folder();
    std::fs::write(
        folder.path().join("text"),
        "This is not a database, but it is long enough.".repeat(99),
    )
    .unwrap();
    for (path, cause) in [
        ("missing/log.db", "unable to open database file"),
        ("text/log.db", "unable to open database file"),
        ("text", "file is not a database"),
    ] {
        let url = format!("sqlite://{}", folder.path().join(path).display());
        let error = SeaOrmStore::connect(&url).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot open {url}: {cause}"));
        assert_eq!(error.is_unwritable(), cause.starts_with("unable"));
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn a_file_may_have_any_name_that_is_escaped() {
    let folder = folder();
    for (path, name) in
        [("a log.db", "a log.db"), ("für ☃.db", "für ☃.db"), ("100%25%3F%23.db", "100%?#.db")]
    {
        let url = format!("sqlite://{}", folder.path().join(path).display());
        let store = SeaOrmStore::connect(&url).await.unwrap();
        store.append(vec![new(name)]).await.unwrap();
        store.close().await;
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}

#[tokio::test]
async fn a_read_only_log_is_read_and_not_written() {
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    store.append(vec![new("a")]).await.unwrap();
    let store = SeaOrmStore::connect(&format!("{}?mode=ro", url(&folder))).await.unwrap();
    assert_eq!(stored(&store).await, ["a"]);
    let error = store.append(vec![new("b")]).await.unwrap_err();
    assert!(error.is_unwritable() && !error.is_unavailable(), "{error}");
}

#[tokio::test]
async fn a_url_of_no_database_is_refused() {
    for url in ["", "events.db", "oracle://me@host/x"] {
        let error = SeaOrmStore::connect(url).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains(url), "{error}");
        assert!(error.to_string().contains("sqlite:"), "{error}");
    }
}

/// In no form of the error, nor in what caused it, also where the URL is not one.
#[tokio::test]
async fn no_error_shows_a_password() {
    let mut urls = vec!["oracle://me:se:cret@host/x".to_owned(), "mysql//me:secret@host/x".into()];
    for scheme in ["postgres", "mysql", "mariadb"] {
        for rest in [
            // What is not escaped, and ends the authority, or begins a port.
            "me:sec/ret@127.0.0.1/x",
            "me:s#ecret@127.0.0.1/x",
            "me:1?secret@127.0.0.1/x",
            "me:s@secret/@127.0.0.1/x",
            "me:secret",
            "me:secret@127.0.0.1:port/x",
        ] {
            urls.push(format!("{scheme}://{rest}"));
        }
    }
    let connecting: Vec<_> = (urls.into_iter())
        .map(|url| tokio::spawn(async move { (SeaOrmStore::connect(&url).await, url) }))
        .collect();
    for connecting in connecting {
        let (connected, url) = connecting.await.unwrap();
        let error = connected.unwrap_err();
        let mut forms = vec![format!("{error:?}")];
        let mut source: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = source {
            forms.push(error.to_string());
            source = error.source();
        }
        for form in forms {
            let shows = ["secret", "cret", "sec/", "ecret"].iter().any(|part| form.contains(part));
            assert!(!shows, "{url}: {form}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_open_a_new_file_at_once_all_succeed() {
    for _ in 0..10 {
        let folder = folder();
        let opening: Vec<_> = (0..8)
            .map(|_| {
                let url = url(&folder);
                tokio::spawn(async move { SeaOrmStore::connect(&url).await })
            })
            .collect();
        let mut heads = Vec::new();
        for store in opening {
            let store = store.await.unwrap().unwrap();
            store.append(vec![new("a")]).await.unwrap();
            heads.push(store.head().await.unwrap());
        }
        assert!(heads.iter().all(|head| head.epoch() == heads[0].epoch()));
        assert_eq!(heads.last().unwrap().sequence(), 8);
    }
}

#[tokio::test]
async fn the_task_ends_with_the_last_handle() {
    let before = alive_tasks();
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let clone = store.clone();
    drop(store);
    clone.append(vec![new("a")]).await.unwrap();
    assert!(alive_tasks() > before);
    let mut append = clone.append(vec![new("b")]);
    assert!(append.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(append);
    drop(clone);
    until(BOUND, "no task is left", async || alive_tasks() == before).await;
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    assert_eq!(stored(&store).await, ["a", "b"], "what was queued is done before the end");
}

#[tokio::test]
async fn a_closed_store_says_so_and_leaves_one_whole_file() {
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    store.append(vec![new("a")]).await.unwrap();
    let clone = store.clone();
    let head = store.head().await.unwrap();
    let waiter = tokio::spawn(async move { clone.wait(head).await });
    tokio::task::yield_now().await;
    store.close().await;
    store.close().await;
    assert!(waiter.await.unwrap().unwrap_err().is_closed());
    assert!(store.append(vec![new("b")]).await.unwrap_err().is_closed());
    assert!(store.clear(&topic()).await.unwrap_err().is_closed());
    assert!(store.head().await.unwrap_err().is_closed());
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "no write-ahead log is left: {files:?}");
}

/// The task may have written before it went, and nobody knows.
#[tokio::test]
async fn a_write_whose_runtime_has_ended_is_unknown_and_the_store_is_closed() {
    let folder = folder();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let log = url(&folder);
    let opening = runtime.spawn(async move { SeaOrmStore::connect(&log).await });
    let store = opening.await.unwrap().unwrap();
    let db = Database::connect(url(&folder)).await.unwrap();
    let lock = db.begin().await.unwrap();
    lock.execute_unprepared("UPDATE sse_log SET head = head").await.unwrap();
    let mut append = store.append(vec![new("a")]);
    assert!(append.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    runtime.shutdown_background();
    let error = append.await.unwrap_err();
    assert!(error.is_outcome_unknown() && !error.is_closed(), "{error}");
    assert!(store.append(vec![new("b")]).await.unwrap_err().is_closed());
}

/// Also when another has closed it already, and that is still under way.
#[tokio::test]
async fn a_close_returns_once_all_is_closed() {
    for _ in 0..5 {
        let folder = folder();
        let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
        let closing = tokio::spawn({
            let store = store.clone();
            async move { store.close().await }
        });
        // At once when it takes no more, which is before it has ended.
        while store.append(vec![new("a")]).await.is_ok() {}
        store.close().await;
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is open");
        closing.await.unwrap();
    }
}

/// What the guide gives an application for its own pool: a connection goes once its commit has failed, and no other does.
#[tokio::test]
async fn a_pool_drops_a_connection_that_is_left_in_a_transaction() {
    let folder = folder();
    let mut options = ConnectOptions::new(format!("{}?mode=rwc", url(&folder)));
    options.max_connections(1).sqlx_logging(false);
    options.map_sqlx_sqlite_pool_opts(|pool| {
        pool.after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
    });
    let db = Database::connect(options).await.unwrap();
    db.execute_unprepared("CREATE TABLE application (number INTEGER NOT NULL)").await.unwrap();
    let insert = "INSERT INTO application VALUES (1)";
    // It is of one connection.
    db.execute_unprepared("CREATE TEMP TABLE mark (number)").await.unwrap();
    let is_marked = async || db.execute_unprepared("SELECT * FROM mark").await.is_ok();
    for _ in 0..3 {
        let transaction = db.begin().await.unwrap();
        transaction.execute_unprepared(insert).await.unwrap();
        transaction.commit().await.unwrap();
        drop(db.begin().await.unwrap());
        assert!(is_marked().await);
    }
    let transaction = db.begin().await.unwrap();
    transaction.execute_unprepared(insert).await.unwrap();
    // As SQLite does by itself where the disk is full.
    transaction.execute_unprepared("ROLLBACK").await.unwrap();
    transaction.commit().await.unwrap_err();
    assert!(!is_marked().await);
}
