//! How a write transaction ends.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};

use super::error::nested;

/// Refuses one that is nested in another, whose commit is none before the other's. PostgreSQL tells by itself as it writes.
///
/// To sqlx a nested one is a savepoint, whose number says how deep it is. To go back to that is what its rollback does
/// too, and where there is none, neither database minds that it was tried.
pub(super) async fn refuse_nested(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        return Ok(());
    }
    for back in
        ["ROLLBACK TO SAVEPOINT _sqlx_savepoint_2", "ROLLBACK TO SAVEPOINT _sqlx_savepoint_1"]
    {
        if transaction.execute_unprepared(back).await.is_ok() {
            return Err(nested());
        }
    }
    Ok(())
}

/// Commits it.
///
/// To sqlx, a transaction of SQLite whose commit has failed is still open, though SQLite has ended it where the disk is
/// full: the next one on that connection would be a savepoint, whose own commit may be none. So SQLite is told by
/// itself, and what is left to sqlx is to roll back nothing.
pub(super) async fn commit(transaction: DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() != DbBackend::Sqlite {
        return transaction.commit().await;
    }
    let committed = transaction.execute_unprepared("COMMIT").await;
    rollback(transaction).await;
    committed.map(drop)
}

/// Rolls it back, also where SQLite has done so already: then there is an empty one to roll back.
pub(super) async fn rollback(transaction: DatabaseTransaction) {
    if transaction.get_database_backend() == DbBackend::Sqlite {
        // It fails where the transaction is still open.
        let _ = transaction.execute_unprepared("BEGIN").await;
    }
    // If even this fails, the connection is lost and the database rolls back by itself.
    let _ = transaction.rollback().await;
}
