//! The short way to append that a database has: one statement or text, which checks as it writes what it rests on.

use sea_orm::DatabaseConnection;
#[cfg(feature = "mysql")]
use sea_orm::sqlx::MySqlPool;
#[cfg(feature = "postgres")]
use sea_orm::sqlx::PgPool;
#[cfg(feature = "sqlite")]
use sea_orm::sqlx::SqlitePool;

use super::group::{Batch, Written};
#[cfg(feature = "mysql")]
use super::mysql;
#[cfg(feature = "postgres")]
use super::postgres;
#[cfg(feature = "sqlite")]
use super::sqlite;
use crate::{Position, StoreError};

/// The short way of a connection.
#[derive(Debug)]
pub(super) enum Short {
    #[cfg(feature = "mysql")]
    MySql(MySqlPool),
    #[cfg(feature = "postgres")]
    Postgres(PgPool),
    #[cfg(feature = "sqlite")]
    Sqlite(SqlitePool),
    None,
}

impl Short {
    pub(super) fn of(db: &DatabaseConnection) -> Self {
        #[cfg(feature = "mysql")]
        if let Some(pool) = mysql::pool(db) {
            return Self::MySql(pool);
        }
        #[cfg(feature = "postgres")]
        if let Some(pool) = postgres::pool(db) {
            return Self::Postgres(pool.clone());
        }
        #[cfg(feature = "sqlite")]
        if let Some(pool) = sqlite::pool(db) {
            return Self::Sqlite(pool.clone());
        }
        Self::None
    }

    /// Closes what is its own.
    pub(super) async fn close(&self) {
        #[cfg(feature = "mysql")]
        if let Self::MySql(pool) = self {
            pool.close().await;
        }
    }

    /// Appends some batches. Nothing, and nothing done, where it takes the way with a lock first.
    pub(super) async fn append(
        &self,
        url: &str,
        known: Position,
        batches: &[Batch<'_>],
    ) -> Result<Option<Written>, StoreError> {
        match self {
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => mysql::append(pool, url, known, batches).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => postgres::append(pool, url, known, batches).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => sqlite::append(pool, url, known, batches).await,
            Self::None => Ok(None),
        }
    }
}
