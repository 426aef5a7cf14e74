//! Reading: the head, pages and listings.

use std::collections::BTreeSet;

use sea_orm::sea_query::{
    Cond, Expr, ExprTrait, JoinType, Order, Query as Sql, SelectStatement, UnionType,
};
use sea_orm::{ConnectionTrait, DbErr};
use sse_core::EventType;

use super::rows::{EVENT_KIND, decode};
use super::schema::{entry, log, the_log, topic};
use crate::{Entry, Page, PageStatus, Position, Query, StoreError, Topic, TopicSet};

/// How many topics one statement reads: SQLite takes at most 500 selects in a union.
const TOPICS_PER_STATEMENT: usize = 100;

/// How many topics a gap names; more than these are told as all.
const TOPICS_PER_GAP: usize = 1000;

/// The most records of a page.
const MAX_LIMIT: usize = 10_000;

/// What a statement saw of the log.
#[derive(Clone, Copy)]
struct Seen {
    head: Position,
    deleted: u64,
}

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
    let limit = limit.clamp(1, MAX_LIMIT);
    let (seen, entries) = records(db, after.sequence(), topics, limit).await?;
    let reset = !after.is_within(seen.head);
    let (seen, entries) = match reset {
        false => (seen, entries),
        true => records(db, 0, topics, limit).await?,
    };
    let next = match entries.last() {
        Some(last) if entries.len() == limit => last.position,
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

/// The records after a sequence up to the head, and the log as it was when the first of them were read.
async fn records(
    db: &impl ConnectionTrait,
    after: u64,
    topics: &TopicSet,
    limit: usize,
) -> Result<(Seen, Vec<Entry>), DbErr> {
    let rows = |topic: Option<&Topic>| {
        let mut select = Sql::select();
        select
            .columns(entry::COLUMNS)
            .from(entry::TABLE)
            .and_where(Expr::col(entry::SEQUENCE).gt(i64::try_from(after).unwrap_or(i64::MAX)))
            .order_by(entry::SEQUENCE, Order::Asc)
            .limit(limit as u64);
        if let Some(topic) = topic {
            select.and_where(Expr::col(entry::TOPIC).eq(topic.as_str()));
        }
        select
    };
    let selects: Vec<Option<SelectStatement>> = match topics {
        TopicSet::All => vec![Some(rows(None))],
        TopicSet::Only(topics) if topics.is_empty() => vec![None],
        TopicSet::Only(topics) => {
            let topics: Vec<&Topic> = topics.iter().collect();
            let chunks = topics.chunks(TOPICS_PER_STATEMENT);
            chunks.map(|chunk| union(chunk.iter().map(|topic| rows(Some(topic))), limit)).collect()
        }
    };
    let many = selects.len() > 1;
    let mut first: Option<Seen> = None;
    let mut entries = Vec::new();
    for select in selects {
        let (seen, more) = with_log(db, select).await?;
        // What was committed since the first statement may have been missed by it.
        let head = first.get_or_insert(seen).head;
        entries.extend(more.into_iter().filter(|entry| !many || entry.position <= head));
    }
    if many {
        entries.sort_unstable_by_key(|entry| entry.position.sequence());
        entries.truncate(limit);
    }
    first.map(|seen| (seen, entries)).ok_or_else(no_log)
}

/// A limited read of each topic by its index, rather than of all of them and a sort.
fn union(selects: impl Iterator<Item = SelectStatement>, limit: usize) -> Option<SelectStatement> {
    let mut arms = selects.map(|select| {
        // SQLite takes a limit in a union only inside a subquery.
        let mut arm = Sql::select();
        arm.columns(entry::COLUMNS).from_subquery(select, "topic");
        arm
    });
    let mut union = arms.next()?;
    for arm in arms {
        union.union(UnionType::All, arm);
    }
    let mut select = Sql::select();
    select
        .columns(entry::COLUMNS)
        .from_subquery(union, "topics")
        .order_by(entry::SEQUENCE, Order::Asc)
        .limit(limit as u64);
    Some(select)
}

/// Runs a select of records together with the log's own row, so that both are of one moment.
async fn with_log(
    db: &impl ConnectionTrait,
    records: Option<SelectStatement>,
) -> Result<(Seen, Vec<Entry>), DbErr> {
    let mut select = Sql::select();
    select
        .columns([(log::TABLE, log::EPOCH), (log::TABLE, log::HEAD), (log::TABLE, log::DELETED)])
        .from(log::TABLE)
        .and_where(the_log());
    let has_records = records.is_some();
    if let Some(records) = records {
        select
            .columns(entry::COLUMNS.map(|column| ("record", column)))
            .join_subquery(JoinType::LeftJoin, records, "record", Cond::all())
            .order_by(("record", entry::SEQUENCE), Order::Asc);
    }
    let rows = db.query_all(&select).await?;
    let row = rows.first().ok_or_else(no_log)?;
    let number = |at| row.try_get_by_index::<i64>(at).map(i64::cast_unsigned);
    let (epoch, head, deleted) = (number(0)?, number(1)?, number(2)?);
    let seen = Seen { head: Position::new(epoch, head), deleted };
    if !has_records || row.try_get_by_index::<Option<i64>>(3)?.is_none() {
        return Ok((seen, Vec::new()));
    }
    let entries = rows.iter().map(|row| decode(row, 3, epoch));
    Ok((seen, entries.collect::<Result<_, _>>()?))
}

/// Which of the topics have lost something after a position of this log.
async fn status(
    db: &impl ConnectionTrait,
    after: Position,
    topics: &TopicSet,
) -> Result<PageStatus, DbErr> {
    let after = i64::try_from(after.sequence()).unwrap_or(i64::MAX);
    let folded = Sql::select().column(log::FLOOR).from(log::TABLE).and_where(the_log()).take();
    let folded = db.query_one(&folded).await?.ok_or_else(no_log)?;
    let folded = folded.try_get_by_index::<i64>(0)? > after;
    let missed = match topics {
        TopicSet::All if folded => TopicSet::All,
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
                let mut unknown: BTreeSet<Topic> = chunk.iter().copied().cloned().collect();
                for row in db.query_all(&select).await? {
                    let topic = name(row.try_get_by_index(0)?)?;
                    unknown.remove(&topic);
                    if row.try_get_by_index::<i64>(1)? > after {
                        missed.insert(topic);
                    }
                }
                if folded {
                    missed.append(&mut unknown);
                }
            }
            TopicSet::Only(missed)
        }
    };
    Ok(match &missed {
        TopicSet::Only(none) if none.is_empty() => PageStatus::Exact,
        _ => PageStatus::Gap { topics: missed },
    })
}

fn name(name: String) -> Result<Topic, DbErr> {
    Topic::new(name).map_err(|error| DbErr::Type(format!("sse_topic: {error}")))
}

/// Lists records for people; the outer error is the query's, the inner one the database's.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    query: &Query,
) -> Result<Result<Vec<Entry>, StoreError>, DbErr> {
    let head = head(db).await?;
    let after = match query.listed_after(head) {
        Ok(after) => after.map(|after| i64::try_from(after).unwrap_or(i64::MAX)),
        Err(error) => return Ok(Err(error)),
    };
    let mut select = Sql::select();
    select.columns(entry::COLUMNS).from(entry::TABLE);
    let sequence = Expr::col(entry::SEQUENCE);
    match (query.newest_first, after) {
        (true, Some(after)) => select.and_where(sequence.lt(after)),
        (false, Some(after)) => select.and_where(sequence.gt(after)),
        (_, None) => &mut select,
    };
    if let TopicSet::Only(topics) = &query.topics {
        select.and_where(Expr::col(entry::TOPIC).is_in(topics.iter().map(Topic::as_str)));
    }
    if query.events_only || query.event_type.is_some() {
        select.and_where(Expr::col(entry::KIND).eq(EVENT_KIND));
    }
    if let Some(wanted) = &query.event_type {
        let column = Expr::col(entry::TYPE);
        let same = column.clone().eq(wanted.as_str().as_bytes().to_vec());
        select.and_where(match *wanted == EventType::MESSAGE {
            true => same.or(column.is_null()),
            false => same,
        });
    }
    let time = |time| i64::try_from(time).unwrap_or(i64::MAX);
    if let Some(from) = query.from {
        select.and_where(Expr::col(entry::TIME).gte(time(from)));
    }
    if let Some(until) = query.until {
        select.and_where(Expr::col(entry::TIME).lt(time(until)));
    }
    let order = match query.newest_first {
        true => Order::Desc,
        false => Order::Asc,
    };
    select.order_by(entry::SEQUENCE, order).limit(query.limit.clamp(1, Query::MAX_LIMIT) as u64);
    let rows = db.query_all(&select).await?;
    let entries = rows.iter().map(|row| decode(row, 0, head.epoch()));
    entries.collect::<Result<_, _>>().map(Ok)
}
