//! The walk from the window to the store and back.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use shuttle::future::block_on;
use shuttle::rand::Rng as _;
use shuttle::thread;
use sse_core::Event;
use sse_store::{EventStore, MemoryStore, NewEntry, PageStatus, Position, TopicSet};

use super::{check, now, topic};
use crate::cursor::{Cursor, Member, Step};
use crate::live::Live;
use crate::page::Page;
use crate::slot::FRAME_OVERHEAD;
use crate::sync::{AtomicBool, Mutex, Ordering, lock};
use crate::window::{TOPIC_OVERHEAD, Window, Writer};
use crate::{ConnectionId, Overload};

/// A log, the window over it, and who publishes. The store's own locks are never held where another may run.
struct Scene {
    store: Mutex<Arc<MemoryStore>>,
    window: Arc<Window>,
    is_over: AtomicBool,
    begin: Position,
}

impl Scene {
    /// A scene whose window holds this many events, and its writer.
    fn new(events: usize) -> (Arc<Self>, Writer) {
        let store = Arc::new(MemoryStore::new());
        let begin = now(store.head());
        let window = Arc::new(Window::new());
        let event = FRAME_OVERHEAD + TOPIC_OVERHEAD + 40;
        let mut writer = Writer::new(window.clone(), events * event);
        writer.restart(begin);
        let (store, is_over) = (Mutex::new(store), AtomicBool::new(false));
        (Arc::new(Self { store, window, is_over, begin }), writer)
    }

    fn store(&self) -> Arc<MemoryStore> {
        lock(&self.store).clone()
    }

    fn publish(&self, name: &str, data: usize) {
        let entry = NewEntry::new(topic(name), Event::new(data.to_string()));
        now(self.store().append(vec![entry]));
    }

    /// Lets some time pass, by chance.
    fn idle(&self, most: usize) {
        for _ in 0..shuttle::rand::thread_rng().gen_range(0..=most) {
            self.is_over.load(Ordering::SeqCst);
        }
    }

    /// What the feed does, until all is published and written.
    fn feed(&self, mut writer: Writer) {
        let mut position = self.begin;
        loop {
            let is_over = self.is_over.load(Ordering::SeqCst);
            let page = now(self.store().read(position, &TopicSet::All, 2));
            if page.status == PageStatus::Reset {
                position = now(self.store().head());
                writer.restart(position);
                continue;
            }
            if page.next != position {
                position = page.next;
                writer.write(page);
            } else if is_over {
                return;
            } else {
                thread::yield_now();
            }
        }
    }
}

/// One who reads as a subscription does.
struct Reader {
    scene: Arc<Scene>,
    live: Arc<Live>,
    kept: Mutex<Option<Arc<Page>>>,
}

/// What a reader came by: a number that was published, or what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Event(usize),
    Told,
}

impl Reader {
    fn new(scene: &Arc<Scene>, number: u128, names: &[&str]) -> Self {
        let cursor = Cursor::new(Overload::KeepAll, names.len());
        let live = Live::new(ConnectionId::numbered(number), None, None, cursor);
        let reader = Self::of(scene, Arc::new(live));
        reader.live.cursor().begin(scene.begin, false, scene.begin);
        for name in names {
            reader.add(name, Position::START);
        }
        reader
    }

    fn of(scene: &Arc<Scene>, live: Arc<Live>) -> Self {
        Self { scene: scene.clone(), live, kept: Mutex::new(None) }
    }

    fn add(&self, name: &str, since: Position) {
        let (log, place) = self.scene.window.join(&topic(name), &self.live);
        let unused = self.live.cursor().add(Member { log, place, since });
        assert!(unused.is_none());
    }

    /// The next that it is given.
    fn next(&self) -> Heard {
        // A server polls again although nobody was woken.
        block_on(poll_fn(|cx| match self.poll(cx) {
            Poll::Pending => self.poll(cx),
            heard => heard,
        }))
    }

    /// As `Subscription` polls.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Heard> {
        let live = &self.live;
        if live.is_asleep(cx.waker()) {
            return Poll::Pending;
        }
        let heard = self.look(cx);
        if heard.is_ready() {
            live.gave(1);
        }
        heard
    }

    fn look(&self, cx: &mut Context<'_>) -> Poll<Heard> {
        let (live, window) = (&self.live, &self.scene.window);
        let mut cursor = live.cursor();
        let (mut sleeps, mut held) = (false, None);
        loop {
            match live.walk(&mut cursor, window, cx.waker(), &mut sleeps) {
                Step::Slot(slot) => {
                    let data = slot.frame.data().unwrap().parse().unwrap();
                    return Poll::Ready(Heard::Event(data));
                }
                Step::Tell => {
                    while cursor.tell.next().is_some() {}
                    return Poll::Ready(Heard::Told);
                }
                Step::UpToDate => return Poll::Pending,
                Step::Behind => {
                    let question = cursor.question();
                    let topics = question.topics.iter().cloned().collect();
                    let after = cursor.position();
                    let limit = shuttle::rand::thread_rng().gen_range(1..=4);
                    let epoch = window.view().epoch;
                    let page = now(self.scene.store().read(after, &topics, limit));
                    let page = held.insert(Arc::new(Page::new(after, page, epoch)));
                    cursor.accept(page, window);
                    // Every other page is there no longer when the next of it is looked for.
                    let mut kept = lock(&self.kept);
                    *kept = if kept.is_some() { None } else { held.clone() };
                }
            }
        }
    }

    fn until(&self, last: usize) -> Vec<Heard> {
        let mut heard = Vec::new();
        while heard.last() != Some(&Heard::Event(last)) {
            heard.push(self.next());
        }
        self.live.leave_all(&self.scene.window);
        heard
    }
}

fn events(numbers: impl IntoIterator<Item = usize>) -> Vec<Heard> {
    numbers.into_iter().map(Heard::Event).collect()
}

#[test]
fn a_reader_that_goes_to_sleep_is_woken_by_what_comes_meanwhile() {
    check(|| {
        let (scene, mut writer) = Scene::new(3);
        let reader = Reader::new(&scene, 1, &["a"]);
        scene.publish("a", 0);
        let page = now(scene.store().read(scene.begin, &TopicSet::All, 2));
        let feed = thread::spawn(move || _ = writer.write(page));
        assert_eq!(reader.until(0), events([0]));
        feed.join().unwrap();
    });
}

#[test]
fn each_reader_gets_its_topics_once_and_in_order_whatever_the_window_holds() {
    check(|| {
        for size in [0, 1, 3] {
            let (scene, writer) = Scene::new(size);
            let readers = [Reader::new(&scene, 1, &["a", "b"]), Reader::new(&scene, 2, &["b"])];
            let publisher = thread::spawn({
                let scene = scene.clone();
                move || {
                    for (number, name) in ["a", "b", "c", "a", "c", "b"].into_iter().enumerate() {
                        scene.publish(name, number);
                    }
                    scene.is_over.store(true, Ordering::SeqCst);
                }
            });
            let feed = thread::spawn({
                let scene = scene.clone();
                move || scene.feed(writer)
            });
            let [both, one] = readers.map(|reader| thread::spawn(move || reader.until(5)));
            assert_eq!(both.join().unwrap(), events([0, 1, 3, 5]));
            assert_eq!(one.join().unwrap(), events([1, 5]));
            publisher.join().unwrap();
            feed.join().unwrap();
        }
    });
}

#[test]
fn a_reader_that_comes_while_its_topic_is_evicted_misses_nothing() {
    check(|| {
        let (scene, writer) = Scene::new(1);
        let feed = thread::spawn({
            let scene = scene.clone();
            move || {
                for (number, name) in ["a", "b", "b", "a"].into_iter().enumerate() {
                    scene.publish(name, number);
                }
                scene.is_over.store(true, Ordering::SeqCst);
                scene.feed(writer);
            }
        });
        // Its log in the window is made, forgotten, and made anew meanwhile.
        let passers = thread::spawn({
            let scene = scene.clone();
            move || {
                for number in 0..3 {
                    scene.idle(30);
                    Reader::new(&scene, number, &["a"]).live.leave_all(&scene.window);
                }
            }
        });
        let late = thread::spawn({
            let scene = scene.clone();
            move || {
                scene.idle(100);
                Reader::new(&scene, 9, &["a"]).until(3)
            }
        });
        assert_eq!(late.join().unwrap(), events([0, 3]));
        passers.join().unwrap();
        feed.join().unwrap();
    });
}

#[test]
fn a_topic_joins_where_it_was_added_and_loses_nothing_after() {
    check(|| {
        for size in [0, 2] {
            let (scene, writer) = Scene::new(size);
            let reader = Reader::new(&scene, 1, &["a"]);
            let live = reader.live.clone();
            let feed = thread::spawn({
                let scene = scene.clone();
                move || scene.feed(writer)
            });
            let reading = thread::spawn(move || reader.until(9));
            let adder = Reader::of(&scene, live);
            for (number, name) in ["a", "b", "a"].into_iter().enumerate() {
                scene.publish(name, number);
            }
            // The feed may be behind, so that the store has had some of it by then.
            let since = scene.window.now();
            adder.add("b", since);
            adder.live.wake(1);
            for (number, name) in [(3, "b"), (4, "a"), (9, "b")] {
                scene.publish(name, number);
            }
            scene.is_over.store(true, Ordering::SeqCst);
            let mut heard = reading.join().unwrap();
            heard.retain(|heard| *heard != Heard::Event(1));
            assert_eq!(heard, events([0, 2, 3, 4, 9]));
            feed.join().unwrap();
        }
    });
}

#[test]
fn what_a_clear_took_from_a_reader_is_told_before_what_follows() {
    check(|| {
        let (scene, writer) = Scene::new(3);
        let reader = Reader::new(&scene, 1, &["a", "b"]);
        let publisher = thread::spawn({
            let scene = scene.clone();
            move || {
                scene.publish("a", 0);
                scene.publish("b", 1);
                now(scene.store().clear(&topic("a")));
                scene.publish("a", 2);
                scene.is_over.store(true, Ordering::SeqCst);
            }
        });
        let feed = thread::spawn({
            let scene = scene.clone();
            move || scene.feed(writer)
        });
        let heard = reader.until(2);
        let told = heard.iter().filter(|heard| **heard == Heard::Told).count();
        let numbers: Vec<_> = heard.iter().copied().filter(|it| *it != Heard::Told).collect();
        match heard.contains(&Heard::Event(0)) {
            true => assert_eq!((numbers, told), (events([0, 1, 2]), 0)),
            false => {
                assert_eq!(numbers, events([1, 2]));
                assert!(told > 0, "{heard:?}");
            }
        }
        publisher.join().unwrap();
        feed.join().unwrap();
    });
}

#[test]
fn nothing_of_another_log_is_taken_for_what_was_to_come() {
    check(|| {
        let (scene, mut writer) = Scene::new(9);
        let reader = Reader::new(&scene, 1, &["a"]);
        let feed = thread::spawn({
            let scene = scene.clone();
            move || {
                scene.publish("a", 0);
                writer.write(now(scene.store().read(scene.begin, &TopicSet::All, 2)));
                let other = Arc::new(MemoryStore::new());
                let begin = now(other.head());
                *lock(&scene.store) = other;
                writer.restart(begin);
                scene.publish("a", 10);
                writer.write(now(scene.store().read(begin, &TopicSet::All, 2)));
            }
        });
        let heard = reader.until(10);
        let whole = [Heard::Event(0), Heard::Told, Heard::Event(10)];
        assert!(heard == whole || heard == whole[1..], "{heard:?}");
        feed.join().unwrap();
    });
}

#[test]
fn another_log_is_told_as_a_reset_and_then_given_whole() {
    check(|| {
        let (scene, writer) = Scene::new(2);
        let reader = Reader::new(&scene, 1, &["a"]);
        let publisher = thread::spawn({
            let scene = scene.clone();
            move || {
                scene.publish("a", 0);
                scene.publish("a", 1);
                // What is in the new log has the sequences of what was in the old one.
                *lock(&scene.store) = Arc::new(MemoryStore::new());
                scene.publish("a", 10);
                scene.publish("b", 11);
                scene.publish("a", 12);
                scene.is_over.store(true, Ordering::SeqCst);
            }
        });
        let feed = thread::spawn({
            let scene = scene.clone();
            move || scene.feed(writer)
        });
        let heard = reader.until(12);
        let at = heard.iter().position(|it| *it == Heard::Told).expect("the reset is told");
        let all = events([0, 1]);
        assert!(all.starts_with(&heard[..at]), "{heard:?}");
        assert_eq!(heard[at + 1..], events([10, 12]));
        publisher.join().unwrap();
        feed.join().unwrap();
    });
}
