//! The ticket that opens one stream: 128 random bits, good for seconds, taken back when it is shown.
//!
//! A browser's `EventSource` can send no header of the page's, so what lets it in stands in the URL; and a URL is
//! written to the logs of every proxy and server on the way. Hence not the token, but something that is worth nothing
//! any more by the time somebody reads it there. Tickets are in the database, so that one that was issued by this
//! instance opens a stream at any other, and at one of them only.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait as _, Query, Table};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbErr};

use crate::audience::Audience;
use crate::people::User;
use crate::random;

const TABLE: &str = "ticket";
const TICKET: &str = "ticket";
const USER: &str = "user_name";
/// The topics, separated by blanks.
const TOPICS: &str = "topics";
/// Until when the ticket is good, in milliseconds since 1970; as the one below.
const EXPIRES: &str = "expires";
/// Until when the token is good that the ticket was given for.
const SESSION_EXPIRES: &str = "session_expires";

/// The tickets of all instances on one database.
#[derive(Debug, Clone)]
pub(crate) struct Tickets {
    db: DatabaseConnection,
    lifetime: Duration,
}

/// What a ticket opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Whose stream it is.
    pub(crate) user: &'static User,
    /// What it is subscribed to.
    pub(crate) topics: Vec<Audience>,
    /// Until when it may last.
    pub(crate) expires: SystemTime,
}

/// Why there is no ticket, or why it opens nothing.
#[derive(Debug)]
pub(crate) enum TicketError {
    /// The request has none.
    Missing,
    /// It has not the form of one.
    Malformed,
    /// It was used, its time is over, or it was never issued: which of these, nobody is told.
    Refused,
    /// The system gave no random bits.
    Random(random::Error),
    /// The database failed.
    Database(DbErr),
}

impl Tickets {
    /// The tickets of this database, each good for so long. The table is made if it is not there.
    pub(crate) async fn open(url: &str, lifetime: Duration) -> Result<Self, DbErr> {
        let mut options = ConnectOptions::new(url.replacen("mariadb:", "mysql:", 1));
        options.max_connections(2).sqlx_logging(false);
        if url.starts_with("sqlite:") {
            // As many as there are: one in memory is gone with its last connection, and another one in each.
            options.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
        }
        let db = Database::connect(options).await?;
        let number = |name| ColumnDef::new(name).big_integer().not_null().take();
        let table = Table::create()
            .table(TABLE)
            .if_not_exists()
            .col(ColumnDef::new(TICKET).string_len(32).not_null().primary_key())
            .col(ColumnDef::new(USER).string_len(64).not_null())
            .col(ColumnDef::new(TOPICS).text().not_null())
            .col(number(EXPIRES))
            .col(number(SESSION_EXPIRES))
            .take();
        // Of two instances that make it at the same time PostgreSQL fails one, in spite of `IF NOT EXISTS`.
        if db.execute(&table).await.is_err() {
            db.execute(&table).await?;
        }
        Ok(Self { db, lifetime })
    }

    /// How long a ticket is good for.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A ticket that opens this, once.
    pub(crate) async fn issue(&self, admission: &Admission) -> Result<String, TicketError> {
        let ticket = random::hex::<16>().map_err(TicketError::Random)?;
        let now = SystemTime::now();
        let topics: Vec<String> = admission.topics.iter().map(Audience::to_string).collect();
        let insert = Query::insert()
            .into_table(TABLE)
            .columns([TICKET, USER, TOPICS, EXPIRES, SESSION_EXPIRES])
            .values_panic([
                ticket.clone().into(),
                admission.user.name.into(),
                topics.join(" ").into(),
                milliseconds(now + self.lifetime).into(),
                milliseconds(admission.expires).into(),
            ])
            .take();
        self.db.execute(&insert).await?;
        Ok(ticket)
    }

    /// Takes a ticket back and says what it opens. Of all who show it, to whatever instance, one is let in: who
    /// has deleted its row.
    pub(crate) async fn redeem(&self, ticket: Option<&str>) -> Result<Admission, TicketError> {
        let ticket = ticket.ok_or(TicketError::Missing)?;
        if !random::is_hex::<16>(ticket) {
            return Err(TicketError::Malformed);
        }
        let select = Query::select()
            .columns([USER, TOPICS, EXPIRES, SESSION_EXPIRES])
            .from(TABLE)
            .and_where(Expr::col(TICKET).eq(ticket))
            .take();
        let row = self.db.query_one(&select).await?.ok_or(TicketError::Refused)?;
        let delete =
            Query::delete().from_table(TABLE).and_where(Expr::col(TICKET).eq(ticket)).take();
        let is_ours = self.db.execute(&delete).await?.rows_affected() == 1;
        let is_good = row.try_get_by::<i64, _>(EXPIRES)? > milliseconds(SystemTime::now());
        if !is_ours || !is_good {
            return Err(TicketError::Refused);
        }
        // A user or a channel that was there a moment ago and is no longer: the page asks anew.
        let user = User::find(&row.try_get_by::<String, _>(USER)?).ok_or(TicketError::Refused)?;
        let topics: String = row.try_get_by(TOPICS)?;
        let topics = topics.split(' ').map(str::parse).collect::<Result<_, _>>();
        let session_expires: i64 = row.try_get_by(SESSION_EXPIRES)?;
        Ok(Admission {
            user,
            topics: topics.map_err(|_| TicketError::Refused)?,
            expires: UNIX_EPOCH + Duration::from_millis(session_expires.try_into().unwrap_or(0)),
        })
    }

    /// Deletes those that were never used, and returns how many that were.
    pub(crate) async fn sweep(&self) -> Result<u64, DbErr> {
        let now = milliseconds(SystemTime::now());
        let delete =
            Query::delete().from_table(TABLE).and_where(Expr::col(EXPIRES).lte(now)).take();
        Ok(self.db.execute(&delete).await?.rows_affected())
    }

    /// Closes the connections to the database.
    pub(crate) async fn close(self) -> Result<(), DbErr> {
        self.db.close().await
    }
}

/// As the database has times.
fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(i64::MAX)
}

impl From<DbErr> for TicketError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "ask for a ticket first, and give it as ticket",
            Self::Malformed => "a ticket is 32 hexadecimal digits",
            Self::Refused => {
                "the ticket was used, is too old, or was never issued: ask for another"
            }
            Self::Random(_) => "the system gave no random bits",
            Self::Database(_) => "the database of the tickets failed",
        })
    }
}

impl std::error::Error for TicketError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Random(error) => Some(error),
            Self::Database(error) => Some(error),
            Self::Missing | Self::Malformed | Self::Refused => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Admission {
        Admission {
            user: User::find("ada").unwrap(),
            topics: ["everyone", "user/ada", "task/ada/0123456789abcdef"]
                .map(|text| text.parse().unwrap())
                .into(),
            expires: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        }
    }

    async fn tickets(lifetime: Duration) -> Tickets {
        Tickets::open("sqlite::memory:", lifetime).await.unwrap()
    }

    #[tokio::test]
    async fn a_ticket_opens_what_it_was_issued_for_once() {
        let tickets = tickets(Duration::from_secs(30)).await;
        let ticket = tickets.issue(&admission()).await.unwrap();
        assert_ne!(ticket, tickets.issue(&admission()).await.unwrap());
        assert_eq!(tickets.redeem(Some(&ticket)).await.unwrap(), admission());
        let again = tickets.redeem(Some(&ticket)).await;
        assert!(matches!(again, Err(TicketError::Refused)), "{again:?}");
    }

    #[tokio::test]
    async fn a_ticket_that_is_too_old_opens_nothing_and_is_swept_away() {
        let tickets = tickets(Duration::ZERO).await;
        let ticket = tickets.issue(&admission()).await.unwrap();
        let redeemed = tickets.redeem(Some(&ticket)).await;
        assert!(matches!(redeemed, Err(TicketError::Refused)), "{redeemed:?}");
        tickets.issue(&admission()).await.unwrap();
        assert_eq!(tickets.sweep().await.unwrap(), 1);
        let longer = Tickets { lifetime: Duration::from_secs(30), ..tickets };
        longer.issue(&admission()).await.unwrap();
        assert_eq!(longer.sweep().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_no_ticket_is_not_asked_for() {
        let tickets = tickets(Duration::from_secs(30)).await;
        assert!(matches!(tickets.redeem(None).await, Err(TicketError::Missing)));
        for text in ["", "x", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", &"A".repeat(32), &"0".repeat(33)] {
            let redeemed = tickets.redeem(Some(text)).await;
            assert!(matches!(redeemed, Err(TicketError::Malformed)), "{text}: {redeemed:?}");
        }
    }
}
