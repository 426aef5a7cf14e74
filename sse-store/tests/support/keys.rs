//! Keys that are old enough to go.

use sea_orm::{ConnectionTrait, Database};
use sse_core::Event;
use sse_store::{EventStore, Key, NewEntry, Retention, SeaOrmStore, Topic};

/// Retention forgets them, also where there are more than one transaction deletes, and leaves the young and every record.
pub(crate) async fn old_keys_go_with_retention(url: &str) {
    let store = SeaOrmStore::connect(url).await.unwrap();
    let append = async |name: &str| {
        let entry = NewEntry::new(Topic::new("t").unwrap(), Event::new("x"));
        store.append_once(&Key::new(name).unwrap(), vec![entry]).await.unwrap()[0]
    };
    let (old, young) = (append("old").await, append("young").await);
    let db = Database::connect(url).await.unwrap();
    let age = Key::KEPT.as_millis();
    for sql in [
        &format!("UPDATE sse_key SET time = time - {age} WHERE name = 'old'"),
        // Some of the same millisecond, as many as are deleted at once, and more.
        "INSERT INTO sse_key (name, sequence, records, time) \
         WITH RECURSIVE row (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM row WHERE number < 700) \
         SELECT number, 1, 1, number / 7 FROM row",
    ] {
        db.execute_unprepared(sql).await.unwrap();
    }
    for number in 0..4 {
        let more = format!(
            "INSERT INTO sse_key (name, sequence, records, time) \
             SELECT CONCAT(name, '.{number}'), 1, 1, time + {number} FROM sse_key \
             WHERE name NOT LIKE '%.%' AND time < 1000"
        );
        db.execute_unprepared(&more).await.unwrap();
    }
    assert_eq!(Retention::new().apply(&store).await.unwrap(), 0);
    assert_eq!(append("young").await, young);
    assert!(append("old").await > young, "{old} was forgotten");
    let left =
        sea_orm::Statement::from_string(db.get_database_backend(), "SELECT COUNT(*) FROM sse_key");
    let left: i64 = db.query_one_raw(left).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert_eq!(left, 2);
}
