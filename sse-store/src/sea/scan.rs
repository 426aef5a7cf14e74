//! Some records in their order, up to a number and a size: what pages and listings are made of.

use std::cmp::Reverse;

use sea_orm::sea_query::{
    Cond, Expr, ExprTrait, Frame, FrameType, Func, JoinType, Order, Query as Sql, SelectStatement,
    UnionType, WindowStatement,
};
use sea_orm::{ConnectionTrait, DbErr, QueryResult};

use super::read::no_log;
use super::rows::{decode, size};
use super::schema::{entry, log, the_log};
use crate::{Entry, Page, Position, Topic, TopicSet};

/// How many topics one statement reads: SQLite takes at most 500 selects in a union.
const TOPICS_PER_STATEMENT: usize = 100;

/// The bytes of the records up to one, and of that.
const TOTAL: &str = "total";

/// Which records to read.
pub(super) struct Scan<'a> {
    pub(super) topics: &'a TopicSet,
    /// What else holds of them.
    pub(super) filter: Cond,
    pub(super) newest_first: bool,
    /// How many at most, at least 1.
    pub(super) limit: usize,
}

/// What was read.
pub(super) struct Scanned {
    /// The head when the first of the records were read, and what was deleted when the last were.
    pub(super) seen: Seen,
    pub(super) entries: Vec<Entry>,
    /// Whether the limit or the size of a page was reached, so that there may be more.
    pub(super) is_full: bool,
}

/// What a statement saw of the log.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) head: Position,
    pub(super) deleted: u64,
}

impl Scan<'_> {
    pub(super) async fn run(self, db: &impl ConnectionTrait) -> Result<Scanned, DbErr> {
        let topics: Vec<&Topic> = match self.topics {
            TopicSet::All => Vec::new(),
            TopicSet::Only(topics) => topics.iter().collect(),
        };
        let chunks: Vec<&[&Topic]> = match topics.is_empty() {
            true => vec![&[]],
            false => topics.chunks(TOPICS_PER_STATEMENT).collect(),
        };
        let mut first: Option<Seen> = None;
        let mut found: Vec<(Entry, usize)> = Vec::new();
        let mut is_full = false;
        for chunk in chunks {
            let mut filter = self.filter.clone();
            let sequence = || Expr::col(entry::SEQUENCE);
            if let Some(seen) = first {
                // What was committed since the first statement may have been missed by it.
                filter = filter.add(sequence().lte(signed(seen.head)));
            }
            if let Some((last, _)) = found.last().filter(|_| is_full) {
                // Nothing is read to be thrown away.
                filter = filter.add(match self.newest_first {
                    true => sequence().gte(signed(last.position)),
                    false => sequence().lte(signed(last.position)),
                });
            }
            let keys = match (self.topics, chunk) {
                (TopicSet::All, _) => Some(self.keys(filter)),
                (TopicSet::Only(_), chunk) => self.keys_of_topics(&filter, chunk),
            };
            let (seen, rows) = self.fetch(db, keys).await?;
            let first = first.get_or_insert(seen);
            // What a purge has deleted between two statements is missing from the page too.
            first.deleted = seen.deleted;
            let epoch = first.head.epoch();
            for row in &rows {
                let at = Seen::COLUMNS.len();
                found.push((decode(row, at, epoch)?, size(row, at)?));
            }
            is_full = self.cut(&mut found);
        }
        let seen = first.ok_or_else(no_log)?;
        Ok(Scanned { seen, entries: found.into_iter().map(|(entry, _)| entry).collect(), is_full })
    }

    /// The sequences and sizes of the first records: what an index has, without the records themselves.
    fn keys(&self, filter: Cond) -> SelectStatement {
        let mut keys = Sql::select();
        keys.columns([entry::SEQUENCE, entry::SIZE]).from(entry::TABLE).cond_where(filter);
        self.limited(keys)
    }

    /// A limited read of each topic, rather than of all of them and a sort.
    fn keys_of_topics(&self, filter: &Cond, topics: &[&Topic]) -> Option<SelectStatement> {
        let of_topic = |topic: &&Topic| {
            self.keys(filter.clone().add(Expr::col(entry::TOPIC).eq(topic.as_str())))
        };
        let mut arms = topics.iter().map(of_topic);
        let mut union = arms.next()?;
        if topics.len() == 1 {
            return Some(union);
        }
        // SQLite takes a limit in a union only inside a subquery.
        union = nested(union);
        for arm in arms {
            union.union(UnionType::All, nested(arm));
        }
        Some(self.limited(nested(union)))
    }

    fn limited(&self, mut keys: SelectStatement) -> SelectStatement {
        keys.order_by(entry::SEQUENCE, self.order()).limit(self.limit as u64);
        keys
    }

    fn order(&self) -> Order {
        match self.newest_first {
            true => Order::Desc,
            false => Order::Asc,
        }
    }

    /// Runs a read of the records that have these keys, as many as fill a page, together with the log's own row, so
    /// that all are of one moment.
    async fn fetch(
        &self,
        db: &impl ConnectionTrait,
        keys: Option<SelectStatement>,
    ) -> Result<(Seen, Vec<QueryResult>), DbErr> {
        let mut select = Sql::select();
        select.columns(Seen::COLUMNS.map(|column| (log::TABLE, column))).from(log::TABLE);
        let has_keys = keys.is_some();
        if let Some(keys) = keys {
            let mut up_to_here = WindowStatement::new();
            up_to_here
                .order_by(entry::SEQUENCE, self.order())
                .frame_start(FrameType::Rows, Frame::UnboundedPreceding);
            let size = || Expr::col(entry::SIZE);
            let mut summed = Sql::select();
            summed
                .columns([entry::SEQUENCE, entry::SIZE])
                .expr_window_as(Func::sum(size()), up_to_here, TOTAL)
                .from_subquery(keys, "listed");
            let mut page = Sql::select();
            page.column(entry::SEQUENCE)
                .from_subquery(summed, "summed")
                .and_where(Expr::col(TOTAL).sub(size()).lt(Page::FULL_BYTES as i64));
            let key = |table| Expr::col((table, entry::SEQUENCE));
            select
                .columns(entry::COLUMNS.map(|column| (entry::TABLE, column)))
                .join_subquery(JoinType::LeftJoin, page, "page", Cond::all())
                .left_join(entry::TABLE, key(entry::TABLE).equals(("page", entry::SEQUENCE)));
        }
        select.and_where(the_log());
        let mut rows = db.query_all(&select).await?;
        let seen = Seen::of(rows.first().ok_or_else(no_log)?)?;
        let first = rows.first().filter(|_| has_keys);
        let is_empty = match first {
            Some(row) => row.try_get_by_index::<Option<i64>>(Seen::COLUMNS.len())?.is_none(),
            None => true,
        };
        if is_empty {
            rows.clear();
        }
        Ok((seen, rows))
    }

    /// Sorts what was found and leaves what makes one page; whether that is full.
    fn cut(&self, found: &mut Vec<(Entry, usize)>) -> bool {
        match self.newest_first {
            true => found.sort_by_key(|(entry, _)| Reverse(entry.position.sequence())),
            false => found.sort_by_key(|(entry, _)| entry.position.sequence()),
        }
        let mut bytes = 0;
        let room = found.iter().take(self.limit).take_while(|(_, size)| {
            let has_room = bytes < Page::FULL_BYTES;
            bytes += size;
            has_room
        });
        let len = room.count();
        let bytes: usize = found[..len].iter().map(|(_, size)| size).sum();
        found.truncate(len);
        len == self.limit || bytes >= Page::FULL_BYTES
    }
}

impl Seen {
    const COLUMNS: [&str; 3] = [log::EPOCH, log::HEAD, log::DELETED];

    fn of(row: &QueryResult) -> Result<Self, DbErr> {
        let number = |at| row.try_get_by_index::<i64>(at).map(i64::cast_unsigned);
        Ok(Self { head: Position::new(number(0)?, number(1)?), deleted: number(2)? })
    }
}

/// The keys that a select gives, by a select around it.
fn nested(keys: SelectStatement) -> SelectStatement {
    let mut select = Sql::select();
    select.columns([entry::SEQUENCE, entry::SIZE]).from_subquery(keys, "keys");
    select
}

fn signed(position: Position) -> i64 {
    i64::try_from(position.sequence()).unwrap_or(i64::MAX)
}
