//! What stands between a client and its server, and may lose an answer.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Passes bytes through until it is told otherwise.
pub(crate) struct Relay {
    url: String,
    next: Arc<Mutex<Option<Lost>>>,
    /// It ends with this.
    _passing: JoinSet<()>,
}

/// Which request's answer is lost, and what the client is told instead.
struct Lost {
    request: String,
    told: Told,
}

/// What a client is told for what its server says; whether that was all.
type Told = Box<dyn Fn(&[u8]) -> (Vec<u8>, bool) + Send>;

impl Relay {
    /// Starts one in front of the server of this URL.
    pub(crate) async fn start(url: &str) -> Self {
        let (before, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("{before}@{}/{database}", listener.local_addr().unwrap());
        let next = Arc::new(Mutex::new(None));
        let mut passing = JoinSet::new();
        let (server, shared) = (server.to_owned(), next.clone());
        passing.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                connections.spawn(pass(client, server, shared.clone()));
            }
        });
        Self { url, next, _passing: passing }
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// The next request that has this text is done, and its client told what this makes of the answer before the
    /// connection is cut.
    pub(crate) fn lose_the_answer(&self, request: &str, told: Told) {
        *self.next.lock().unwrap() = Some(Lost { request: request.to_owned(), told });
    }
}

/// An error of PostgreSQL in place of any answer.
#[allow(dead_code, reason = "of one server, as each target's is")]
pub(crate) fn postgres_error(severity: &str, state: &str) -> Told {
    let fields = format!("S{severity}\0V{severity}\0C{state}\0Mit is gone\0\0");
    let mut error = vec![b'E'];
    error.extend((fields.len() as u32 + 4).to_be_bytes());
    error.extend(fields.into_bytes());
    Box::new(move |_| (error.clone(), true))
}

/// An error of MySQL in place of the last statement's OK: the answer is a packet for each statement, or more.
#[allow(dead_code, reason = "of one server, as each target's is")]
pub(crate) fn mysql_error(number: u16) -> Told {
    const MORE_RESULTS: u8 = 8;
    Box::new(move |mut answer| {
        let mut told = Vec::new();
        while let [low, middle, high, sequence, rest @ ..] = answer {
            let packet = &rest[..u32::from_le_bytes([*low, *middle, *high, 0]) as usize];
            // Few rows and low ids have a byte each; the status follows.
            if let [0, _, _, status, ..] = packet
                && status & MORE_RESULTS == 0
            {
                let [a, b] = number.to_le_bytes();
                let error = [&[0xff, a, b][..], b"#08S01it is gone"].concat();
                told.extend([error.len() as u8, 0, 0, *sequence]);
                told.extend(error);
                return (told, true);
            }
            let (passed, left) = answer.split_at(4 + packet.len());
            told.extend(passed);
            answer = left;
        }
        (told, false)
    })
}

async fn pass(mut client: TcpStream, mut server: TcpStream, next: Arc<Mutex<Option<Lost>>>) {
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut lost = None;
    loop {
        // Either end may go.
        let passed = tokio::select! {
            Ok(len @ 1..) = client.read(&mut asked) => {
                let is_it = |lost: &mut Lost| {
                    asked[..len].windows(lost.request.len()).any(|part| part == lost.request.as_bytes())
                };
                lost = lost.or(next.lock().unwrap().take_if(is_it));
                server.write_all(&asked[..len]).await
            }
            Ok(len @ 1..) = server.read(&mut answered) => match &lost {
                None => client.write_all(&answered[..len]).await,
                Some(Lost { told, .. }) => {
                    let (told, is_all) = told(&answered[..len]);
                    let passed = client.write_all(&told).await;
                    if is_all {
                        return;
                    }
                    passed
                }
            },
            else => return,
        };
        if passed.is_err() {
            return;
        }
    }
}
