//! What stands between a client and PostgreSQL, and may lose an answer.

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
    error: Vec<u8>,
}

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

    /// The next request that has this text is done, and its client told of an error before the connection is cut.
    pub(crate) fn lose_the_answer(&self, request: &str, severity: &str, state: &str) {
        let fields = format!("S{severity}\0V{severity}\0C{state}\0Mit is gone\0\0");
        let mut error = vec![b'E'];
        error.extend((fields.len() as u32 + 4).to_be_bytes());
        error.extend(fields.into_bytes());
        *self.next.lock().unwrap() = Some(Lost { request: request.to_owned(), error });
    }
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
            Ok(len @ 1..) = server.read(&mut answered) => match lost {
                None => client.write_all(&answered[..len]).await,
                Some(Lost { error, .. }) => {
                    let _ = client.write_all(&error).await;
                    return;
                }
            },
            else => return,
        };
        if passed.is_err() {
            return;
        }
    }
}
