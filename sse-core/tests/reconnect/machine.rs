//! One test for each thing that can happen.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use sse_core::{
    Backoff, Cause, Completion, Decoder, End, EventId, EventType, ReadyState, Reconnect, Step,
};

use super::rig::{Rig, SECOND, exact_backoff, stream_headers};

#[test]
fn the_first_request_is_sent_at_once_and_without_an_id() {
    let mut rig = Rig::new(Reconnect::new());
    assert_eq!(rig.source.ready_state(), ReadyState::Connecting);
    rig.connect();
    assert_eq!(rig.source.last_event_id_header(), None);
    assert_eq!(rig.step(), Step::Receive { deadline: None }, "one request at a time");
}

#[test]
fn a_200_with_an_event_stream_opens_and_anything_else_in_a_200_is_final() {
    let mut rig = Rig::new(Reconnect::new());
    rig.open();
    assert_eq!(rig.source.ready_state(), ReadyState::Open);

    for content_type in ["x bogus", "text/x-bogus", "application/json"] {
        let mut rig = Rig::new(Reconnect::new());
        rig.connect();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        rig.source.responded(StatusCode::OK, &headers, rig.now, SystemTime::now());
        assert_eq!(rig.end(), End::NotAnEventStream);
        assert_eq!(rig.source.ready_state(), ReadyState::Closed);
    }
}

#[test]
fn a_204_ends_it_for_good_and_is_no_error_even_where_it_is_to_be_retried() {
    for source in [Reconnect::new(), Reconnect::new().retry_on([StatusCode::NO_CONTENT])] {
        let mut rig = Rig::new(source);
        rig.connect();
        rig.status(204);
        assert_eq!(rig.end(), End::NoContent);
        assert!(!End::NoContent.is_error());
    }
}

#[test]
fn only_what_may_be_a_passing_trouble_is_asked_again() {
    for status in [100, 201, 205, 206, 210, 299, 300, 304, 400, 401, 403, 404, 408, 410, 501, 599] {
        let mut rig = Rig::new(Reconnect::new());
        rig.connect();
        rig.status(status);
        assert_eq!(rig.end(), End::Status(StatusCode::from_u16(status).unwrap()));
    }
    for status in [429, 500, 502, 503, 504] {
        let mut rig = Rig::exact();
        rig.connect();
        rig.status(status);
        let (_, cause) = rig.wait();
        assert_eq!(cause, Cause::Status(StatusCode::from_u16(status).unwrap()));
        rig.connect();
        let mut rig = Rig::new(Reconnect::new().retry_on([]));
        rig.connect();
        rig.status(status);
        assert!(matches!(rig.end(), End::Status(_)), "the standard's own way");
    }
}

#[test]
fn what_the_server_asks_for_is_waited_for() {
    for (value, least) in [("20", 20), ("0", 3), ("soon", 3)] {
        let mut rig = Rig::new(Reconnect::new());
        rig.connect();
        let mut headers = stream_headers();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        let status = StatusCode::SERVICE_UNAVAILABLE;
        rig.source.responded(status, &headers, rig.now, SystemTime::now());
        let (wait, _) = rig.wait();
        assert!((least * SECOND..=2 * least * SECOND).contains(&wait), "{value}: {wait:?}");
    }
    let mut rig = Rig::new(Reconnect::new());
    rig.connect();
    let mut headers = stream_headers();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("Thu, 01 Jan 1970 00:01:00 GMT"));
    let date = SystemTime::UNIX_EPOCH + 20 * SECOND;
    rig.source.responded(StatusCode::TOO_MANY_REQUESTS, &headers, rig.now, date);
    let (wait, _) = rig.wait();
    assert!((40 * SECOND..=60 * SECOND).contains(&wait), "{wait:?}");
}

#[test]
fn the_streams_own_reconnection_time_holds_also_without_a_blank_line() {
    let mut rig = Rig::new(Reconnect::new());
    rig.open();
    rig.feed("data: x\n\nretry: 5000\n");
    rig.ended();
    let (wait, cause) = rig.wait();
    assert_eq!(cause, Cause::Ended);
    assert!((5 * SECOND..=25 * SECOND / 4).contains(&wait), "{wait:?}");
}

#[test]
fn a_reconnection_time_is_clamped_at_both_ends() {
    for (retry, least, most) in [("0", 100, 125), ("18446744073709551615", 60_000, 60_000)] {
        let mut rig = Rig::new(Reconnect::new());
        rig.open();
        rig.feed(&format!("retry: {retry}\ndata: x\n\n"));
        rig.ended();
        let wait = rig.wait().0.as_millis();
        assert!((least..=most).contains(&wait), "{wait}");
    }
}

#[test]
fn the_last_event_id_survives_events_without_one_and_every_kind_of_loss() {
    let mut rig = Rig::exact();
    rig.open();
    assert_eq!(rig.feed("id: 7\ndata: a\n\ndata: b\n\nid: 8\ndata: cut o"), ["a", "b"]);
    rig.failed();
    for lose in [
        (|rig: &mut Rig| rig.status(503)) as fn(&mut Rig),
        |rig| rig.source.unreachable(rig.now),
        |rig| rig.failed(),
        |rig| {
            rig.status(200);
            rig.feed("data: no id\n\n");
            rig.ended();
        },
    ] {
        rig.wait();
        rig.connect();
        assert_eq!(rig.source.last_event_id_header().unwrap(), "7");
        lose(&mut rig);
    }
    rig.wait();
    rig.open();
    assert_eq!(rig.feed("data: d\n\nid\n\n"), ["d"], "nothing is left of what was cut off");
    rig.ended();
    rig.wait();
    rig.connect();
    assert_eq!(rig.source.last_event_id_header(), None, "an empty id is none");
}

#[test]
fn a_stored_position_is_where_it_begins() {
    let decoder = || Decoder::builder().last_event_id(&EventId::from(41)).build();
    let mut rig = Rig::new(Reconnect::new().decoder(decoder()));
    rig.connect();
    assert_eq!(rig.source.last_event_id_header().unwrap(), "41");
}

#[test]
fn an_id_is_sent_as_utf_8_and_one_that_no_header_can_carry_is_told() {
    let mut rig = Rig::exact();
    rig.open();
    rig.feed("id: …\ndata: x\n\n");
    rig.ended();
    rig.wait();
    rig.open();
    assert_eq!(rig.source.last_event_id_header().unwrap().as_bytes(), "…".as_bytes());
    rig.feed("id: \u{1}\ndata: x\n\n");
    rig.ended();
    assert_eq!(rig.end(), End::UnsendableId(Cause::Ended));
}

#[test]
fn a_stream_that_ends_after_its_events_is_asked_for_at_its_own_pace_for_ever() {
    let mut rig = Rig::new(Reconnect::new().backoff(Backoff::new().budget(1)));
    for _ in 0..100 {
        rig.open();
        rig.feed("data: x\n\n");
        rig.ended();
        let (wait, _) = rig.wait();
        assert!((3 * SECOND..=15 * SECOND / 4).contains(&wait), "{wait:?}");
    }
}

#[test]
fn what_ends_without_an_event_or_is_cut_off_counts() {
    for lose in [
        (|rig: &mut Rig| {
            rig.feed(": nothing\nid: 1\n\n");
            rig.ended();
        }) as fn(&mut Rig),
        |rig| {
            rig.feed("data: x\n\n");
            rig.failed();
        },
    ] {
        let mut rig = Rig::new(Reconnect::new().backoff(exact_backoff().budget(2)));
        for _ in 0..2 {
            rig.open();
            lose(&mut rig);
            rig.wait();
        }
        rig.open();
        lose(&mut rig);
        assert!(matches!(rig.end(), End::BudgetSpent(Cause::Cut | Cause::Ended)));
    }
}

#[test]
fn a_healthy_period_gives_the_budget_back() {
    let mut rig = Rig::new(Reconnect::new().backoff(exact_backoff().budget(1)));
    for _ in 0..10 {
        rig.open();
        rig.now += 30 * SECOND;
        rig.failed();
        rig.wait();
    }
    rig.connect();
    rig.failed();
    assert_eq!(rig.end(), End::BudgetSpent(Cause::Failed));
}

#[test]
fn a_budget_of_time_is_kept() {
    let backoff = exact_backoff().give_up_after(3 * SECOND);
    let mut rig = Rig::new(Reconnect::new().backoff(backoff));
    for _ in 0..3 {
        rig.connect();
        rig.source.unreachable(rig.now);
        rig.wait();
    }
    rig.connect();
    rig.source.unreachable(rig.now);
    assert_eq!(rig.end(), End::BudgetSpent(Cause::Unreachable));
}

#[test]
fn a_response_that_does_not_come_is_given_up() {
    let source = Reconnect::new().backoff(exact_backoff()).response_timeout(5 * SECOND);
    let mut rig = Rig::new(source);
    rig.connect();
    let deadline = rig.now + 5 * SECOND;
    assert_eq!(rig.step(), Step::Receive { deadline: Some(deadline) });
    rig.now = deadline;
    assert_eq!(rig.wait(), (SECOND, Cause::NoResponse));
    rig.open();
    rig.now += 100 * SECOND;
    assert_eq!(rig.step(), Step::Receive { deadline: None }, "an open stream may be silent");
}

#[test]
fn a_silent_stream_is_asked_for_again_and_any_byte_is_a_sign_of_life() {
    let source = Reconnect::new().backoff(exact_backoff()).idle_timeout(5 * SECOND);
    let mut rig = Rig::new(source);
    rig.open();
    for _ in 0..10 {
        rig.now += 4 * SECOND;
        rig.feed(":");
        let deadline = rig.now + 5 * SECOND;
        assert_eq!(rig.step(), Step::Receive { deadline: Some(deadline) });
    }
    rig.now += 5 * SECOND;
    assert_eq!(rig.wait(), (SECOND, Cause::Idle));
}

#[test]
fn the_completing_event_is_the_last_that_is_dispatched_and_no_request_follows() {
    let completion = Completion::event_type(EventType::from_static("done"));
    let mut rig = Rig::new(Reconnect::new().complete_on(completion));
    rig.open();
    let fed = "data: a\n\nevent: done\ndata: b\n\ndata: c\n\n";
    assert_eq!(rig.feed(fed), ["a", "b"]);
    assert_eq!(rig.end(), End::Completed);
    assert!(!End::Completed.is_error());

    let completion = Completion::data("[DONE]");
    let mut rig = Rig::new(Reconnect::new().complete_on(completion));
    rig.open();
    rig.source.feed("data: [DONE]\n\ndata: c\n\n", rig.now);
    assert!(rig.source.next().unwrap().is_some());
    assert!(rig.source.next().unwrap().is_none());
    assert_eq!(rig.end(), End::Completed);
}

#[test]
fn a_request_that_is_not_to_be_repeated_is_sent_once_and_its_loss_is_told() {
    for (lose, end) in [
        ((|rig| rig.failed()) as fn(&mut Rig), End::NotResent(Cause::Failed)),
        (|rig| rig.status(503), End::NotResent(Cause::Status(StatusCode::SERVICE_UNAVAILABLE))),
        (
            |rig| {
                rig.status(200);
                rig.feed("data: x\n\n");
                rig.failed();
            },
            End::NotResent(Cause::Cut),
        ),
    ] {
        let mut rig = Rig::new(Reconnect::new().resend(false));
        rig.connect();
        lose(&mut rig);
        assert_eq!(rig.end(), end);
        assert!(end.is_error());
    }
}

#[test]
fn a_request_that_never_left_is_sent_again_all_the_same() {
    let mut rig = Rig::new(Reconnect::new().backoff(exact_backoff()).resend(false));
    rig.connect();
    rig.source.unreachable(rig.now);
    rig.wait();
    rig.connect();
}

#[test]
fn the_end_of_what_is_not_repeated_is_an_end_unless_a_completion_was_awaited() {
    let mut rig = Rig::new(Reconnect::new().resend(false));
    rig.open();
    rig.ended();
    assert_eq!(rig.end(), End::Ended);
    assert!(!End::Ended.is_error());

    let source = Reconnect::new().resend(false).complete_on(Completion::data("[DONE]"));
    let mut rig = Rig::new(source);
    rig.open();
    rig.feed("data: [DONE\n\n");
    rig.ended();
    assert_eq!(rig.end(), End::NotResent(Cause::Ended));
}

#[test]
fn who_must_not_repeat_events_goes_on_only_from_an_id() {
    let source = || Reconnect::new().backoff(exact_backoff()).only_from_a_position(true);
    let mut rig = Rig::new(source());
    rig.connect();
    rig.failed();
    rig.wait();
    rig.open();
    rig.feed("data: x\n\n");
    rig.failed();
    assert_eq!(rig.end(), End::NoPosition(Cause::Cut));

    let mut rig = Rig::new(source());
    rig.open();
    rig.feed("id: 1\ndata: x\n\n");
    rig.failed();
    rig.wait();
    rig.connect();
}

#[test]
fn what_failed_moves_on_to_the_next_endpoint_and_what_ended_comes_back() {
    let mut rig = Rig::new(Reconnect::new().backoff(exact_backoff()).endpoints(3));
    let mut asked = vec![];
    for lose in [
        (|rig: &mut Rig| rig.source.unreachable(rig.now)) as fn(&mut Rig),
        |rig| rig.status(503),
        |rig| {
            rig.status(200);
            rig.ended();
        },
        |rig| {
            rig.status(200);
            rig.source.restart(rig.now);
        },
        |rig| {
            rig.status(200);
            rig.failed();
        },
        |rig| rig.failed(),
    ] {
        rig.connect();
        asked.push(rig.source.endpoint());
        lose(&mut rig);
        rig.wait();
    }
    assert_eq!(asked, [0, 1, 2, 2, 2, 0]);
    assert_eq!(rig.source.endpoint(), 1);
}

#[test]
fn a_restart_is_a_new_request_after_the_reconnection_time() {
    let mut rig = Rig::new(Reconnect::new().backoff(exact_backoff().budget(1)).resend(false));
    for _ in 0..3 {
        rig.open();
        rig.source.restart(rig.now);
        let (wait, cause) = rig.wait();
        assert_eq!((wait, cause), (SECOND, Cause::Restarted));
    }
    rig.connect();
    rig.source.restart(rig.now);
    let Step::Wait { until, .. } = rig.step() else { panic!() };
    rig.now += Duration::from_millis(1);
    rig.source.restart(rig.now);
    assert!(matches!(rig.step(), Step::Wait { until: still, .. } if still == until));
}

#[test]
fn a_refused_redirect_and_the_callers_wish_are_final() {
    let mut rig = Rig::new(Reconnect::new());
    rig.connect();
    rig.source.redirect_refused();
    assert_eq!(rig.end(), End::Redirect);

    let mut rig = Rig::new(Reconnect::new());
    rig.open();
    rig.source.close();
    assert_eq!(rig.end(), End::Closed);
    assert!(!End::Closed.is_error());
}

#[test]
fn a_bound_beyond_the_clock_is_a_very_long_wait() {
    let backoff = Backoff::new().bounds(Duration::MAX, Duration::MAX);
    let mut rig = Rig::new(Reconnect::new().backoff(backoff).idle_timeout(Duration::MAX));
    rig.open();
    rig.failed();
    assert!(rig.wait().0 > 1_000_000_000 * SECOND);
}

#[test]
fn a_loss_is_told_also_where_there_is_nothing_to_wait_for() {
    let backoff = Backoff::new().bounds(Duration::ZERO, Duration::ZERO);
    let mut rig = Rig::new(Reconnect::new().backoff(backoff));
    rig.open();
    rig.failed();
    assert_eq!(rig.step(), Step::Wait { until: rig.now, cause: Cause::Cut });
    rig.connect();
    rig.failed();
    rig.now += 100 * SECOND;
    assert!(matches!(rig.step(), Step::Wait { cause: Cause::Failed, .. }), "late, but told");
    rig.connect();
}
