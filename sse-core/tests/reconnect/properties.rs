//! Whatever happens, in whatever order: what the machine may never do.

use std::time::{Duration, Instant, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use proptest::prelude::*;
use sse_core::{Backoff, Completion, Decoder, End, EventId, Reconnect, Step};

use super::rig::{SECOND, stream_headers};

const MIN: Duration = Duration::from_millis(500);
const MAX: Duration = Duration::from_secs(40);
const HEALTHY: Duration = Duration::from_secs(30);
const GIVE_UP_AFTER: Duration = Duration::from_secs(100);
const IDLE: Duration = Duration::from_secs(45);
const NO_RESPONSE: Duration = Duration::from_secs(20);
const FIRST_ID: &str = "0";

/// What happens next, whether it fits or not.
#[derive(Debug, Clone)]
enum Happens {
    /// Time passes, and the machine is asked.
    Pass(u64),
    /// The machine is asked as soon as it wants to be.
    Due,
    Response {
        status: u16,
        retry_after: Option<u8>,
    },
    Unreachable,
    Failed,
    Event {
        id: Option<&'static str>,
        retry: Option<u32>,
        is_last: bool,
    },
    /// An event whose end has not come yet.
    Partial,
    Ended,
    Restart,
    Close,
}

fn happens() -> impl Strategy<Value = Happens> {
    let id = prop::option::of(prop::sample::select(vec!["", "1", "2", "an id …"]));
    prop_oneof![
        4 => (0_u64..50_000).prop_map(Happens::Pass),
        12 => Just(Happens::Due),
        10 => (prop::sample::select(vec![200, 200, 200, 200, 503, 503, 429, 204, 404]),
            prop::option::of(any::<u8>()))
            .prop_map(|(status, retry_after)| Happens::Response { status, retry_after }),
        2 => Just(Happens::Unreachable),
        4 => Just(Happens::Failed),
        8 => (id, prop::option::of(0_u32..90_000), prop::bool::weighted(0.02))
            .prop_map(|(id, retry, is_last)| Happens::Event { id, retry, is_last }),
        1 => Just(Happens::Partial),
        4 => Just(Happens::Ended),
        1 => Just(Happens::Restart),
        1 => prop::bool::weighted(0.1)
            .prop_map(|close| if close { Happens::Close } else { Happens::Due }),
    ]
}

/// What is known from outside: what was told, and what the machine has said.
#[derive(Debug)]
enum Phase {
    New,
    InFlight { since: Instant },
    Open { since: Instant, last_byte: Instant, has_dispatched: bool },
    Lost { not_before: Instant, not_after: Instant },
    Over,
}

struct World {
    source: Reconnect,
    phase: Phase,
    now: Instant,
    id: String,
    retry: Duration,
    budget: u32,
    resends: bool,
    requests: u32,
    /// Whether the open stream has begun an event, with an id, that has not ended.
    has_partial: bool,
    /// Losses since the last healthy stream, and when the first of them was.
    losses: u32,
    since: Option<Instant>,
}

impl World {
    fn lose(&mut self, retry_after: Duration, is_by_wish: bool, ended: bool, was_sent: bool) {
        let was_well = match self.phase {
            Phase::Open { since, has_dispatched, .. } => {
                self.now - since >= HEALTHY || (ended && has_dispatched)
            }
            _ => false,
        };
        if was_well || is_by_wish {
            self.losses = 0;
            self.since = None;
        }
        self.losses += 1;
        self.since.get_or_insert(self.now);
        let least = self.retry.max(retry_after).clamp(MIN, MAX);
        self.phase = if !self.resends && was_sent && !is_by_wish || self.losses > self.budget {
            Phase::Over
        } else {
            Phase::Lost { not_before: self.now + least, not_after: self.now + MAX }
        };
    }

    fn step(&mut self) -> Step {
        match self.phase {
            Phase::InFlight { since } if self.now >= since + NO_RESPONSE => {
                self.lose(Duration::ZERO, false, false, true);
            }
            Phase::Open { last_byte, .. } if self.now >= last_byte + IDLE => {
                self.lose(Duration::ZERO, false, false, true);
            }
            _ => {}
        }
        let step = self.source.step(self.now);
        match (step, &self.phase) {
            (Step::Connect, Phase::New | Phase::Lost { .. }) => {
                if let Phase::Lost { not_before, .. } = self.phase {
                    assert!(self.now >= not_before, "sooner than allowed");
                }
                assert!(self.losses <= self.budget, "past the budget");
                let header = self.source.last_event_id_header();
                let header = header.as_ref().map(|value| value.as_bytes());
                let id = Some(self.id.as_bytes()).filter(|id| !id.is_empty());
                assert_eq!(header, id, "the wrong id");
                self.requests += 1;
                self.has_partial = false;
                self.phase = Phase::InFlight { since: self.now };
            }
            (Step::Wait { until, .. }, Phase::Lost { not_before, not_after }) => {
                assert!((*not_before..=*not_after).contains(&until), "{until:?}");
                assert!(until - self.since.unwrap() <= GIVE_UP_AFTER, "past the budget of time");
            }
            (
                Step::Receive { deadline: Some(deadline) },
                Phase::InFlight { .. } | Phase::Open { .. },
            ) => {
                assert!(deadline > self.now);
            }
            (Step::End(End::BudgetSpent(_)), Phase::Lost { not_after, .. }) => {
                // Out of time: the wait is not known from outside, but its bound is.
                assert!(*not_after - self.since.unwrap() > GIVE_UP_AFTER, "too soon");
                self.phase = Phase::Over;
            }
            (Step::End(_), Phase::Over) => {}
            (step, phase) => panic!("{step:?} while {phase:?}"),
        }
        step
    }

    fn feed(&mut self, bytes: &str) {
        self.source.feed(bytes, self.now);
        while self.source.next_message().unwrap().is_some() {}
    }

    fn happen(&mut self, what: Happens) {
        let now = self.now;
        match what {
            Happens::Pass(millis) => self.now += Duration::from_millis(millis),
            Happens::Due => match self.step() {
                Step::Wait { until, .. } => self.now = until,
                Step::Receive { deadline: Some(deadline) } if self.requests.is_multiple_of(5) => {
                    self.now = deadline;
                }
                _ => {}
            },
            Happens::Response { status, retry_after } => {
                let mut headers = stream_headers();
                if let Some(seconds) = retry_after {
                    headers.insert(RETRY_AFTER, HeaderValue::from(u16::from(seconds)));
                }
                let code = StatusCode::from_u16(status).unwrap();
                self.source.responded(code, &headers, now, SystemTime::now());
                if let Phase::InFlight { .. } = self.phase {
                    match status {
                        200 => {
                            self.phase =
                                Phase::Open { since: now, last_byte: now, has_dispatched: false };
                        }
                        503 | 429 => {
                            let least = SECOND * retry_after.unwrap_or_default().into();
                            self.lose(least, false, false, true);
                        }
                        _ => self.phase = Phase::Over,
                    }
                }
            }
            Happens::Unreachable => {
                self.source.unreachable(now);
                if let Phase::InFlight { .. } = self.phase {
                    self.lose(Duration::ZERO, false, false, false);
                }
            }
            Happens::Failed => {
                self.source.failed(now);
                if let Phase::InFlight { .. } | Phase::Open { .. } = self.phase {
                    self.lose(Duration::ZERO, false, false, true);
                }
            }
            Happens::Event { id, retry, is_last } => {
                let id_field = id.as_ref().map(|id| format!("id: {id}\n")).unwrap_or_default();
                let retry_field = retry.map(|it| format!("retry: {it}\n")).unwrap_or_default();
                let data = if is_last { "last" } else { "more" };
                self.feed(&format!("\n\n{id_field}{retry_field}data: {data}\n\n"));
                if let Phase::Open { last_byte, has_dispatched, .. } = &mut self.phase {
                    *last_byte = now;
                    *has_dispatched = true;
                    if std::mem::take(&mut self.has_partial) {
                        "wrong".clone_into(&mut self.id);
                    }
                    self.id = id.map_or_else(|| std::mem::take(&mut self.id), str::to_owned);
                    self.retry = retry.map_or(self.retry, |it| Duration::from_millis(it.into()));
                    if is_last {
                        self.phase = Phase::Over;
                    }
                }
            }
            Happens::Partial => {
                self.feed("\n\ndata: cut off\nid: wrong");
                if let Phase::Open { last_byte, has_dispatched, .. } = &mut self.phase {
                    *last_byte = now;
                    if std::mem::replace(&mut self.has_partial, true) {
                        *has_dispatched = true;
                        "wrong".clone_into(&mut self.id);
                    }
                }
            }
            Happens::Ended => {
                self.source.ended(now);
                if let Phase::Open { .. } = self.phase {
                    self.lose(Duration::ZERO, false, true, true);
                }
            }
            Happens::Restart => {
                self.source.restart(now);
                if let Phase::InFlight { .. } | Phase::Open { .. } = self.phase {
                    self.lose(Duration::ZERO, true, false, true);
                }
            }
            Happens::Close => {
                self.source.close();
                self.phase = Phase::Over;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn one_request_at_a_time_never_too_soon_never_after_the_end_never_past_the_budget_from_the_last_id(
        seed: u64,
        budget in 0_u32..6,
        resends in prop::bool::weighted(0.8),
        happenings in prop::collection::vec(happens(), 1..300),
    ) {
        let backoff = Backoff::new()
            .bounds(MIN, MAX)
            .healthy_after(HEALTHY)
            .budget(budget)
            .give_up_after(GIVE_UP_AFTER);
        let source = Reconnect::new()
            .backoff(backoff)
            .decoder(Decoder::builder().last_event_id(&EventId::from_static(FIRST_ID)).build())
            .complete_on(Completion::data("last"))
            .response_timeout(NO_RESPONSE)
            .idle_timeout(IDLE)
            .resend(resends)
            .seed(seed);
        let mut world = World {
            source,
            phase: Phase::New,
            now: Instant::now(),
            id: FIRST_ID.to_owned(),
            retry: Duration::from_secs(3),
            budget,
            resends,
            requests: 0,
            has_partial: false,
            losses: 0,
            since: None,
        };
        for what in happenings {
            world.happen(what);
            world.step();
        }
    }
}
