//! Faults at every byte of a stream.

use super::*;

/// Each kind of line end, comments, ids alone, an event of several lines, an id that is no number.
const BLOCKS: [&str; 8] = [
    "\u{FEFF}: c\nid: 1\ndata: one\ndata: more\n\n",
    "id: 2\r\nevent: t\r\ndata: two\r\n\r\n",
    ":\n\n",
    "id: 3\rdata: three\r\r",
    "id: é4\n\n",
    "data: fünf\nid: 5\n: c\n\n",
    "retry: 1000\n\n",
    "id: 6\ndata\n\n",
];

/// All of it.
fn text() -> String {
    BLOCKS.concat()
}

/// What an upstream sends that goes on after this id.
fn after(id: Option<&str>) -> String {
    let ids = ["1", "2", "2", "3", "é4", "5", "5", "6"];
    let from = id.map_or(0, |id| ids.iter().rposition(|it| *it == id).unwrap() + 1);
    BLOCKS[from..].concat()
}

/// How the upstream fails.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Cut,
    Stall,
    /// It ends its body as if it were whole.
    End,
}

const FAULTS: [Fault; 3] = [Fault::Cut, Fault::Stall, Fault::End];

/// This text in chunks of this size, and then the fault.
fn broken(text: &[u8], size: usize, fault: Fault) -> Vec<Part> {
    let mut parts: Vec<_> = text.chunks(size).map(chunk).collect();
    match fault {
        Fault::Cut => parts.push(Cut),
        Fault::Stall => parts.push(Stall),
        Fault::End => {}
    }
    parts
}

/// No end but the last event is one.
fn completing() -> Setup {
    let resume = Resume::new().complete_on(Completion::when(|message| message.id() == Some("6")));
    Setup { resume, ..Setup::default() }
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_byte_splits_merges_loses_and_doubles_nothing() {
    let text = text();
    for at in 0..=text.len() {
        for (fault, size) in FAULTS.into_iter().flat_map(|fault| [(fault, 1), (fault, 999)]) {
            let first = broken(&text.as_bytes()[..at], size, fault);
            let mut stream = completing().open(first, move |_, id| {
                Answer::Stream(broken(after(id).as_bytes(), size, Fault::Stall))
            });
            let got = stream.rest().await;
            let what = format!("{fault:?} at {at}");
            if at >= BLOCKS[0].len() {
                assert_eq!(messages(&got), messages(text.as_bytes()), "{what}");
                assert_eq!(stream.reasons(), [ForwardCloseReason::Completed], "{what}");
            } else {
                // There is nothing to go on from: that is told, and nothing else.
                assert!(error(&got).0.is_empty(), "{what}");
                assert!(stream.ids().is_empty(), "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_with_a_fault_at_any_byte_is_whole_or_says_that_it_is_not() {
    let text = text();
    for at in 0..=text.len() {
        for fault in FAULTS {
            let setup = Setup { method: Method::POST, has_body: true, ..completing() };
            let mut stream = setup.open(broken(&text.as_bytes()[..at], 999, fault), unasked);
            let got = stream.rest().await;
            if at == text.len() {
                assert_eq!(messages(&got), messages(text.as_bytes()));
            } else {
                let (before, _) = error(&got);
                assert_eq!(before, messages(&text.as_bytes()[..at]), "{fault:?} at {at}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_ignores_the_id_doubles_whole_events_and_splits_none() {
    let text = text();
    for at in BLOCKS[0].len()..text.len() {
        let again = Answer::Stream(vec![chunk(&text), Stall]);
        let first = broken(&text.as_bytes()[..at], 999, Fault::Cut);
        let mut stream = completing().open(first, move |_, _| again.clone());
        let before = messages(&text.as_bytes()[..at]);
        let got = messages(&stream.rest().await);
        assert_eq!(got, [before, messages(text.as_bytes())].concat(), "at {at}");
    }
}

/// One response: how many bytes of it come, in chunks of what size, and how it ends.
fn any_life() -> impl Strategy<Value = (usize, usize, Fault)> {
    (0_usize..60, 1_usize..20, proptest::sample::select(&FAULTS[..]))
}

proptest! {
    #[test]
    fn any_run_of_losses_gives_each_event_once_and_in_order(
        sizes in prop::collection::vec(0_usize..12, 2..30),
        lives in prop::collection::vec(any_life(), 0..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let event = |(number, size): (usize, &usize)| {
                format!("id: {number}\ndata: {}\n\n", "x".repeat(*size))
            };
            let log: Vec<String> = sizes.iter().enumerate().map(event).collect();
            let last = (log.len() - 1).to_string();
            // The client had the first one before, so that there is always one to go on from.
            let expected = messages(log[1..].concat().as_bytes());
            let life = move |number: usize, id: Option<&str>| {
                let after = id.unwrap().parse::<usize>().unwrap();
                let text = log[after + 1..].concat();
                match lives.get(number) {
                    None => broken(text.as_bytes(), 999, Fault::Stall),
                    Some((length, size, fault)) => {
                        broken(&text.as_bytes()[..text.len().min(*length)], *size, *fault)
                    }
                }
            };
            let done = Completion::when(move |message| message.id() == Some(&*last));
            let backoff = Backoff::new().bounds(secs(1), secs(1));
            let resume = Resume::new().complete_on(done).backoff(backoff);
            let setup = Setup { resume, last_event_id: Some("0"), ..Setup::default() };
            let first = life(0, Some("0"));
            let mut stream = setup.open(first, move |number, id| Answer::Stream(life(number, id)));
            assert_eq!(messages(&stream.rest().await), expected);
        });
    }
}
