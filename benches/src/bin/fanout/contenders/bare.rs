//! The floor: a task for each client that writes shared bytes, and nothing else.

use bytes::Bytes;
use sse_axum::Event;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::broadcast::{Receiver, Sender};

use crate::server::{CAPACITY, Server, obey, tokio_listener};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                      transfer-encoding: chunked\r\n\r\n";

/// Writes each chunk on its own.
pub(super) fn each(server: Server) {
    serve(server, |mut stream, mut chunks| async move {
        while let Ok(chunk) = chunks.recv().await {
            if stream.write_all(&chunk).await.is_err() {
                return;
            }
        }
    });
}

/// Writes everything that is ready at once.
pub(super) fn together(server: Server) {
    serve(server, |mut stream, mut chunks| async move {
        let mut several = Vec::new();
        while let Ok(chunk) = chunks.recv().await {
            while let Ok(next) = chunks.try_recv() {
                if several.is_empty() {
                    several.extend_from_slice(&chunk);
                }
                several.extend_from_slice(&next);
            }
            let chunk = if several.is_empty() { &chunk[..] } else { &several };
            if stream.write_all(chunk).await.is_err() {
                return;
            }
            several.clear();
        }
    });
}

/// Answers one request of each client, and then has `write` write until the client has gone.
#[tokio::main(flavor = "current_thread")]
async fn serve<F>(
    server: Server,
    write: impl Fn(TcpStream, Receiver<Bytes>) -> F + Copy + Send + 'static,
) where
    F: Future<Output = ()> + Send,
{
    let chunks = Sender::<Bytes>::new(CAPACITY);
    let publish = async |batch| {
        for data in batch {
            let frame = Event::new(data).to_frame();
            let mut chunk = format!("{:x}\r\n", frame.as_bytes().len()).into_bytes();
            chunk.extend_from_slice(frame.as_bytes());
            chunk.extend_from_slice(b"\r\n");
            let _ = chunks.send(chunk.into());
        }
    };
    let listener = tokio_listener(server.clients);
    let serving = async {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let chunks = chunks.subscribe();
            tokio::spawn(async move {
                stream.set_nodelay(true).expect("TCP_NODELAY");
                let read = stream.read(&mut [0; 256]).await.expect("a request");
                assert!(read > 0, "no request");
                stream.write_all(HEAD).await.expect("a client");
                write(stream, chunks).await;
            });
        }
    };
    tokio::join!(serving, obey(server.orders, publish));
}
