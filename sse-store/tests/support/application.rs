//! An application that has SeaORM already: its own migrations, and its own connection.

use sea_orm::{ConnectionTrait, Database, DbErr, TransactionTrait};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait};
use sse_core::Event;
use sse_store::{EventStore, Migrator, NewEntry, Position, SeaOrmStore, Topic, TopicSet};

struct Application;

impl MigratorTrait for Application {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all: Vec<Box<dyn MigrationTrait>> = vec![Box::new(CreateOrders)];
        all.extend(Migrator::migrations());
        all
    }
}

struct CreateOrders;

impl MigrationName for CreateOrders {
    fn name(&self) -> &str {
        "m20260101_000001_create_orders"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateOrders {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let create = "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY)";
        manager.get_connection().execute_unprepared(create).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP TABLE orders").await.map(drop)
    }
}

fn new(data: &str) -> NewEntry {
    NewEntry::new(Topic::new("t").unwrap(), Event::new(data))
}

/// Our tables are made by its migrator and gone with it, and its connection is ours too.
pub(crate) async fn an_application_migrates_and_shares_its_connection(url: &str) {
    let db = Database::connect(url).await.unwrap();
    let error = SeaOrmStore::new(db.clone()).await.unwrap_err();
    assert!(error.to_string().contains("sse_log"), "{error}");
    Application::up(&db, None).await.unwrap();
    let store = SeaOrmStore::new(db.clone()).await.unwrap();
    let position = store.append(vec![new("a")]).await.unwrap()[0];
    // One that makes the tables itself finds them made.
    let other = SeaOrmStore::connect(url).await.unwrap();
    assert_eq!(other.head().await.unwrap(), position);
    // SeaORM's pool of one is shared by the task, the readers and those who wait.
    let waiter = tokio::spawn({
        let store = store.clone();
        async move { store.wait(position).await }
    });
    let next = other.append(vec![new("b")]).await.unwrap()[0];
    assert_eq!(waiter.await.unwrap().unwrap(), next);

    let transaction = db.begin().await.unwrap();
    transaction.execute_unprepared("INSERT INTO orders VALUES (42)").await.unwrap();
    store.commit_with(transaction, vec![new("c")]).await.unwrap();
    let page = other.read(Position::START, &TopicSet::All, 9).await.unwrap();
    let data = page.entries.iter().filter_map(|entry| entry.event()?.data());
    assert_eq!(data.collect::<Vec<_>>(), ["a", "b", "c"]);

    Application::down(&db, None).await.unwrap();
    assert!(store.head().await.is_err());
    assert!(db.execute_unprepared("INSERT INTO orders VALUES (43)").await.is_err());
}
