//! Prints what one client's burst costs the server, through Axum: events per second of its CPU time,
//! for our response and for Axum's own, over a real connection on loopback.
//!
//! The server is a process of its own, so that its CPU time is its own; the two take turns, and the
//! best of each counts.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic)]

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use futures_util::stream;

/// How many events a burst has.
const EVENTS: usize = 2_000_000;
const ROUNDS: usize = 4;

fn main() {
    match std::env::args().nth(1) {
        Some(contender) => serve(&contender),
        None => compare(),
    }
}

/// Of 100 bytes on the wire, as each contender writes it.
fn data() -> String {
    "x".repeat(92)
}

#[tokio::main(flavor = "current_thread")]
async fn serve(contender: &str) {
    let ours = || async {
        let frame = sse_core::Event::new(data()).to_frame();
        sse_axum::Sse::new(stream::iter(std::iter::repeat_n(frame, EVENTS))).into_response()
    };
    let axum = || async {
        let event = axum::response::sse::Event::default().data(data());
        let events = std::iter::repeat_n(event, EVENTS).map(Ok::<_, Infallible>);
        axum::response::Sse::new(stream::iter(events)).into_response()
    };
    let router = match contender {
        "ours" => Router::new().route("/", get(ours)),
        _ => Router::new().route("/", get(axum)),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await.expect("a server");
}

fn compare() {
    let contenders = ["ours", "axum"];
    let mut best = [f64::MAX; 2];
    for _ in 0..ROUNDS {
        for (contender, best) in contenders.iter().zip(&mut best) {
            *best = burst(contender).min(*best);
        }
    }
    println!("one client, a burst of {EVENTS} events of 100 bytes, through Axum");
    for (contender, seconds) in contenders.iter().zip(best) {
        println!(
            "  {contender:<6} {:>6.2} M events per CPU second {:>6.2}x",
            EVENTS as f64 / seconds / 1e6,
            best[1] / seconds
        );
    }
}

/// The CPU seconds that a server takes for one burst.
fn burst(contender: &str) -> f64 {
    let program = std::env::current_exe().expect("this program");
    let mut server = Command::new(program)
        .arg(contender)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut address = String::new();
    let output = server.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut address).expect("an address");
    let before = cpu_seconds(&server);
    let received = receive(address.trim());
    let seconds = cpu_seconds(&server) - before;
    server.kill().expect("it still runs");
    server.wait().expect("it ends");
    assert!(received >= EVENTS * 100, "{contender}: {received} bytes");
    seconds
}

/// Reads the whole response, and says how long it is.
fn receive(address: &str) -> usize {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).expect("a request");
    let mut buffer = vec![0; 1 << 20];
    let mut len = 0;
    loop {
        match stream.read(&mut buffer).expect("a response") {
            0 => return len,
            read => len += read,
        }
    }
}

/// The CPU time of a process so far, by `/proc`: ticks of 10 ms.
fn cpu_seconds(process: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}
