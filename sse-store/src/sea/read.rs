//! Reading: the head, pages and listings.

use std::collections::BTreeSet;

use sea_orm::sea_query::{
    Cond, Expr, ExprTrait, JoinType, Order, Query as Sql, SelectStatement, UnionType,
};
use sea_orm::{ConnectionTrait, DbErr};
use sse_core::EventType;

use super::rows::{EVENT_KIND, is_completion};
use super::scan::{Scan, Scanned};
use super::schema::{entry, log, the_log, topic};
use crate::{Entry, Newest, Page, PageStatus, Position, Query, StoreError, Topic, TopicSet};

/// How many topics one statement asks for.
const TOPICS_PER_STATEMENT: usize = 1000;

/// How many topics a union asks for: SQLite takes at most 500 selects in one.
const TOPICS_PER_UNION: usize = 100;

/// What is read of the newest records.
const NEWEST: [&str; 3] = [entry::TOPIC, entry::SEQUENCE, entry::KIND];

/// How many topics a gap names; more than these are told as all.
const TOPICS_PER_GAP: usize = 1000;

/// The most records of a page.
const MAX_LIMIT: usize = 10_000;

pub(super) async fn head(db: &impl ConnectionTrait) -> Result<Position, DbErr> {
    let select =
        Sql::select().columns([log::EPOCH, log::HEAD]).from(log::TABLE).and_where(the_log()).take();
    let row = db.query_one(&select).await?.ok_or_else(no_log)?;
    let epoch: i64 = row.try_get_by_index(0)?;
    let head: i64 = row.try_get_by_index(1)?;
    Ok(Position::new(epoch.cast_unsigned(), head.cast_unsigned()))
}

pub(super) fn no_log() -> DbErr {
    DbErr::RecordNotFound("the table sse_log has no row: was the migration run?".to_owned())
}

/// A page, and the head as it was then.
pub(super) async fn page(
    db: &impl ConnectionTrait,
    after: Position,
    topics: &TopicSet,
    limit: usize,
) -> Result<(Page, Position), DbErr> {
    let scan = |after| Scan {
        topics,
        filter: Cond::all().add(Expr::col(entry::SEQUENCE).gt(signed(after))),
        newest_first: false,
        limit: limit.clamp(1, MAX_LIMIT),
    };
    let mut scanned = scan(after.sequence()).run(db).await?;
    let reset = !after.is_within(scanned.seen.head);
    if reset {
        scanned = scan(0).run(db).await?;
    }
    let Scanned { seen, entries, is_full } = scanned;
    let next = match entries.last() {
        Some(last) if is_full => last.position,
        _ => seen.head,
    };
    // The floors are read after the rows: a purge in between is a gap, never a hole.
    let status = match () {
        () if reset => PageStatus::Reset,
        () if after == Position::START || after.sequence() >= seen.deleted => PageStatus::Exact,
        () => status(db, after, topics).await?,
    };
    Ok((Page::new(entries, next, status), seen.head))
}

/// Which of the topics have lost something after a position of this log.
async fn status(
    db: &impl ConnectionTrait,
    after: Position,
    topics: &TopicSet,
) -> Result<PageStatus, DbErr> {
    let after = signed(after.sequence());
    // Of what has no row, the floor that all of them have tells; it is read last, since a row may be folded into it meanwhile.
    let mut without_row: BTreeSet<Topic> = BTreeSet::new();
    let mut missed = match topics {
        TopicSet::All => {
            let select = Sql::select()
                .column(topic::TOPIC)
                .from(topic::TABLE)
                .and_where(Expr::col(topic::FLOOR).gt(after))
                .limit(TOPICS_PER_GAP as u64 + 1)
                .take();
            let rows = db.query_all(&select).await?;
            match rows.len() > TOPICS_PER_GAP {
                true => TopicSet::All,
                false => rows
                    .iter()
                    .map(|row| name(row.try_get_by_index(0)?))
                    .collect::<Result<_, _>>()?,
            }
        }
        TopicSet::Only(topics) => {
            without_row.clone_from(topics);
            let mut missed = BTreeSet::new();
            let all: Vec<&Topic> = topics.iter().collect();
            for chunk in all.chunks(TOPICS_PER_STATEMENT) {
                let select = Sql::select()
                    .columns([topic::TOPIC, topic::FLOOR])
                    .from(topic::TABLE)
                    .and_where(
                        Expr::col(topic::TOPIC).is_in(chunk.iter().map(|topic| topic.as_str())),
                    )
                    .take();
                for row in db.query_all(&select).await? {
                    let topic = name(row.try_get_by_index(0)?)?;
                    without_row.remove(&topic);
                    if row.try_get_by_index::<i64>(1)? > after {
                        missed.insert(topic);
                    }
                }
            }
            TopicSet::Only(missed)
        }
    };
    let folded = Sql::select().column(log::FLOOR).from(log::TABLE).and_where(the_log()).take();
    let folded = db.query_one(&folded).await?.ok_or_else(no_log)?;
    if folded.try_get_by_index::<i64>(0)? > after {
        missed = match (topics, missed) {
            (TopicSet::Only(_), TopicSet::Only(mut missed)) => {
                missed.append(&mut without_row);
                TopicSet::Only(missed)
            }
            _ => TopicSet::All,
        };
    }
    Ok(match &missed {
        TopicSet::Only(none) if none.is_empty() => PageStatus::Exact,
        _ => PageStatus::Gap { topics: missed },
    })
}

fn name(name: String) -> Result<Topic, DbErr> {
    Topic::new(name).map_err(|error| DbErr::Type(format!("sse_topic: {error}")))
}

/// The newest record of each of these topics, and the head as it was when the first of them were read.
pub(super) async fn newest(
    db: &impl ConnectionTrait,
    topics: &BTreeSet<Topic>,
) -> Result<(Vec<Newest>, Position), DbErr> {
    let topics: Vec<&Topic> = topics.iter().collect();
    let (mut found, mut first) = (Vec::new(), None);
    for chunk in topics.chunks(TOPICS_PER_UNION) {
        let mut arms = chunk.iter().map(|topic| newest_of(topic));
        let Some(mut union) = arms.next() else { break };
        for arm in arms {
            union.union(UnionType::All, arm);
        }
        let select = Sql::select()
            .columns([log::EPOCH, log::HEAD].map(|column| (log::TABLE, column)))
            .columns(NEWEST.map(|column| ("newest", column)))
            .from(log::TABLE)
            .join_subquery(JoinType::LeftJoin, union, "newest", Cond::all())
            .and_where(the_log())
            .take();
        for row in db.query_all(&select).await? {
            let number = |at| row.try_get_by_index::<i64>(at).map(i64::cast_unsigned);
            let epoch = number(0)?;
            first.get_or_insert(Position::new(epoch, number(1)?));
            // Where none of them has a record, the log's row stands alone.
            if let Some(topic) = row.try_get_by_index::<Option<String>>(2)? {
                let position = Position::new(epoch, number(3)?);
                found.push(Newest::new(name(topic)?, position, is_completion(&row, 4)?));
            }
        }
    }
    let head = match first {
        Some(head) => head,
        None => head(db).await?,
    };
    Ok((found, head))
}

/// One index entry and one row, whatever the topic has. SQLite takes a limit in a union only inside a subquery.
fn newest_of(topic: &Topic) -> SelectStatement {
    let newest = Sql::select()
        .columns(NEWEST)
        .from(entry::TABLE)
        .and_where(Expr::col(entry::TOPIC).eq(topic.as_str()))
        .order_by(entry::SEQUENCE, Order::Desc)
        .limit(1)
        .take();
    Sql::select().columns(NEWEST).from_subquery(newest, "of_topic").take()
}

/// Lists records for people; the outer error is the query's, the inner one the database's.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    query: &Query,
) -> Result<Result<Vec<Entry>, StoreError>, DbErr> {
    let head = head(db).await?;
    let after = match query.listed_after(head) {
        Ok(after) => after.map(signed),
        Err(error) => return Ok(Err(error)),
    };
    let mut filter = Cond::all();
    let sequence = Expr::col(entry::SEQUENCE);
    filter = match (query.newest_first, after) {
        (true, Some(after)) => filter.add(sequence.lt(after)),
        (false, Some(after)) => filter.add(sequence.gt(after)),
        (_, None) => filter,
    };
    if query.events_only || query.event_type.is_some() {
        filter = filter.add(Expr::col(entry::KIND).eq(EVENT_KIND));
    }
    if let Some(wanted) = &query.event_type {
        let column = Expr::col(entry::TYPE);
        let same = column.clone().eq(wanted.as_str().as_bytes().to_vec());
        filter = filter.add(match *wanted == EventType::MESSAGE {
            true => same.or(column.is_null()),
            false => same,
        });
    }
    if let Some(from) = query.from {
        filter = filter.add(Expr::col(entry::TIME).gte(signed(from)));
    }
    if let Some(until) = query.until {
        filter = filter.add(Expr::col(entry::TIME).lt(signed(until)));
    }
    let scan = Scan {
        topics: &query.topics,
        filter,
        newest_first: query.newest_first,
        limit: query.limit.clamp(1, Query::MAX_LIMIT),
    };
    Ok(Ok(scan.run(db).await?.entries))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sea_orm::{DatabaseConnection, DbBackend, ExecResult, QueryResult, Statement};
    use sea_orm_migration::async_trait;
    use sse_core::Event;

    use super::*;
    use crate::{EventStore, NewEntry, SeaOrmStore};

    /// A connection at which retention comes between two statements.
    struct Interrupted<'a> {
        store: &'a SeaOrmStore,
        db: &'a DatabaseConnection,
        /// How many statements are yet to come before.
        left: AtomicUsize,
    }

    impl Interrupted<'_> {
        async fn interrupt(&self) {
            if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
                self.store.trim(0).await.unwrap();
            }
        }
    }

    #[async_trait::async_trait]
    impl ConnectionTrait for Interrupted<'_> {
        fn get_database_backend(&self) -> DbBackend {
            self.db.get_database_backend()
        }

        async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
            self.db.execute_raw(statement).await
        }

        async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
            self.db.execute_unprepared(sql).await
        }

        async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
            let row = self.db.query_one_raw(statement).await;
            self.interrupt().await;
            row
        }

        async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
            let rows = self.db.query_all_raw(statement).await;
            self.interrupt().await;
            rows
        }
    }

    /// What was known of a topic may be folded into what is known of all, between two looks at it.
    #[tokio::test]
    async fn a_floor_that_is_folded_while_a_reader_looks_is_a_gap() {
        let topic = |name: &str| Topic::new(name).unwrap();
        for topics in [TopicSet::All, TopicSet::from(topic("a"))] {
            for statement in 1..=4 {
                let store = SeaOrmStore::connect("sqlite::memory:").await.unwrap();
                let origin = store.head().await.unwrap();
                let entry = NewEntry::new(topic("a"), Event::new("x"));
                store.append(vec![entry]).await.unwrap();
                store.trim(0).await.unwrap();
                // So many idle topics that the next purge forgets the oldest.
                let idle = "INSERT INTO sse_topic (topic, floor, cleared) \
                    WITH RECURSIVE row (number) AS (SELECT 2 UNION ALL SELECT number + 1 FROM row WHERE number < 10002) \
                    SELECT 't' || number, number, 0 FROM row";
                store.db.execute_unprepared(idle).await.unwrap();
                let left = AtomicUsize::new(statement);
                let db = Interrupted { store: &store, db: &store.db, left };
                let (page, _) = page(&db, origin, &topics, 9).await.unwrap();
                let PageStatus::Gap { topics } = page.status else {
                    panic!("{topics:?}, interrupted after statement {statement}: {page:?}");
                };
                assert!(topics.contains("a"));
            }
        }
    }
}
