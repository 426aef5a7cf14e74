//! The tables, and the migrations that make them.

use sea_orm::sea_query::{
    ColumnDef, ColumnType, Expr, ExprTrait, Index, IntoIden, OnConflict, Query, Table,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, DynIden, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait};

use crate::Position;

/// One row: the counter, locked by whoever appends, and what is remembered of the log as a whole.
pub(super) mod log {
    pub(crate) const TABLE: &str = "sse_log";
    pub(crate) const ID: &str = "id";
    pub(crate) const EPOCH: &str = "epoch";
    /// The sequence of the newest record.
    pub(crate) const HEAD: &str = "head";
    /// The last position deleted from any topic: at or after it nobody can have missed anything.
    pub(crate) const DELETED: &str = "deleted";
    /// The floor of every topic that has no row in `sse_topic`.
    pub(crate) const FLOOR: &str = "floor";
    /// The last clear of every topic that has no row in `sse_topic`, at most.
    pub(crate) const CLEARED: &str = "cleared";
    /// The last clear of any topic: a fence that held since holds still.
    pub(crate) const LAST_CLEAR: &str = "last_clear";

    /// What PostgreSQL tells whoever listens when the head has moved.
    #[cfg(feature = "postgres")]
    pub(crate) const CHANNEL: &str = "sse_log";
}

/// A row for each record.
pub(super) mod entry {
    pub(crate) const TABLE: &str = "sse_entry";
    pub(crate) const SEQUENCE: &str = "sequence";
    pub(crate) const TOPIC: &str = "topic";
    /// Milliseconds since 1970.
    pub(crate) const TIME: &str = "time";
    /// 0 an event, 1 a clear, 2 a completion.
    pub(crate) const KIND: &str = "kind";
    /// What the record counts for in a page, in bytes; an index has it, so that a page is measured without its data.
    pub(crate) const SIZE: &str = "size";
    pub(crate) const TYPE: &str = "type";
    pub(crate) const DATA: &str = "data";
    pub(crate) const RETRY: &str = "retry";
    pub(crate) const COMMENTS: &str = "comments";

    /// Every column, in the order in which rows are written and read.
    pub(crate) const COLUMNS: [&str; 9] =
        [SEQUENCE, TOPIC, TIME, KIND, SIZE, TYPE, DATA, RETRY, COMMENTS];
}

/// A row for each topic of which something was deleted.
pub(super) mod topic {
    pub(crate) const TABLE: &str = "sse_topic";
    pub(crate) const TOPIC: &str = "topic";
    /// The last position deleted from the topic.
    pub(crate) const FLOOR: &str = "floor";
    /// The position of the topic's last clear.
    pub(crate) const CLEARED: &str = "cleared";
}

/// A row for each append that had a key.
pub(super) mod key {
    pub(crate) const TABLE: &str = "sse_key";
    pub(crate) const NAME: &str = "name";
    /// The sequence of the first record.
    pub(crate) const SEQUENCE: &str = "sequence";
    /// How many records there were.
    pub(crate) const RECORDS: &str = "records";
    /// Milliseconds since 1970.
    pub(crate) const TIME: &str = "time";

    /// Every column, in the order in which rows are written.
    pub(crate) const COLUMNS: [&str; 4] = [NAME, SEQUENCE, RECORDS, TIME];
}

/// Makes the tables, with a list of its own of what it has done, `sse_migrations`.
///
/// [`SeaOrmStore::connect`](crate::SeaOrmStore::connect) runs it. An application with a migrator of its own puts
/// [`migrations`](MigratorTrait::migrations) into its own list instead, and opens the store with
/// [`SeaOrmStore::new`](crate::SeaOrmStore::new). Both ways together do no harm.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(CreateLog)]
    }

    fn migration_table_name() -> DynIden {
        "sse_migrations".into_iden()
    }
}

struct CreateLog;

impl MigrationName for CreateLog {
    fn name(&self) -> &str {
        "m20261122_000001_sse_create_log"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateLog {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let number = |name| ColumnDef::new(name).big_integer().not_null().take();
        manager
            .create_table(
                Table::create()
                    .table(log::TABLE)
                    .if_not_exists()
                    .col(ColumnDef::new(log::ID).integer().not_null().primary_key())
                    .col(number(log::EPOCH))
                    .col(number(log::HEAD))
                    .col(number(log::DELETED))
                    .col(number(log::FLOOR))
                    .col(number(log::CLEARED))
                    .col(number(log::LAST_CLEAR))
                    .take(),
            )
            .await?;
        let backend = manager.get_database_backend();
        let name_type = name_type(manager.get_connection()).await?;
        let name = |name| ColumnDef::new_with_type(name, name_type.clone()).not_null().take();
        let bytes = |name| ColumnDef::new_with_type(name, bytes_type(backend));
        manager
            .create_table(
                Table::create()
                    .table(entry::TABLE)
                    .if_not_exists()
                    .col(number(entry::SEQUENCE).primary_key())
                    .col(name(entry::TOPIC))
                    .col(number(entry::TIME))
                    .col(ColumnDef::new(entry::KIND).small_integer().not_null())
                    .col(ColumnDef::new(entry::SIZE).integer().not_null())
                    .col(bytes(entry::TYPE))
                    .col(bytes(entry::DATA))
                    .col(ColumnDef::new(entry::RETRY).big_integer())
                    .col(bytes(entry::COMMENTS))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table(topic::TABLE)
                    .if_not_exists()
                    .col(name(topic::TOPIC).primary_key())
                    .col(number(topic::FLOOR))
                    .col(number(topic::CLEARED))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table(key::TABLE)
                    .if_not_exists()
                    .col(name(key::NAME).primary_key())
                    .col(number(key::SEQUENCE))
                    .col(number(key::RECORDS))
                    .col(number(key::TIME))
                    .take(),
            )
            .await?;
        for (table, name, columns) in [
            (entry::TABLE, "sse_entry_topic", &[entry::TOPIC, entry::SEQUENCE, entry::SIZE][..]),
            (topic::TABLE, "sse_topic_floor", &[topic::FLOOR]),
            (key::TABLE, "sse_key_time", &[key::TIME]),
        ] {
            let mut index = Index::create();
            index.table(table).name(name);
            for column in columns {
                index.col(*column);
            }
            // MySQL has no `IF NOT EXISTS` for an index.
            if !manager.has_index(table, name).await? {
                manager.create_index(index).await?;
            }
        }
        let epoch = Position::random_epoch().cast_signed();
        let mut row = Query::insert();
        row.into_table(log::TABLE)
            .columns([
                log::ID,
                log::EPOCH,
                log::HEAD,
                log::DELETED,
                log::FLOOR,
                log::CLEARED,
                log::LAST_CLEAR,
            ])
            .values_panic([1, epoch, 0, 0, 0, 0, 0].map(Into::into))
            .on_conflict(OnConflict::column(log::ID).do_nothing_on([log::ID]).to_owned());
        manager.execute(row).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [entry::TABLE, topic::TABLE, key::TABLE, log::TABLE] {
            let drop = Table::drop().table(table).if_exists().take();
            manager.drop_table(drop).await?;
        }
        Ok(())
    }
}

/// Text of up to 255 bytes that is compared byte by byte.
async fn name_type(db: &impl ConnectionTrait) -> Result<ColumnType, DbErr> {
    Ok(match db.get_database_backend() {
        DbBackend::Postgres => ColumnType::custom("text COLLATE \"C\""),
        DbBackend::MySql => {
            let version = Statement::from_string(DbBackend::MySql, "SELECT VERSION()");
            let row = db.query_one_raw(version).await?;
            let version: String = row.map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
            // The usual collations ignore case, and even `utf8mb4_bin` ignores blanks at the end.
            ColumnType::custom(match version.contains("MariaDB") {
                true => "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
                false => "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin",
            })
        }
        _ => ColumnType::Text,
    })
}

/// Bytes of any value and length: what is text elsewhere loses a NUL here and an emoji there.
fn bytes_type(backend: DbBackend) -> ColumnType {
    match backend {
        DbBackend::MySql => ColumnType::custom("longblob"),
        _ => ColumnType::Blob,
    }
}

/// The one row of `sse_log`.
pub(super) fn the_log() -> sea_orm::sea_query::SimpleExpr {
    Expr::col((log::TABLE, log::ID)).eq(1)
}
