use std::sync::Arc;

use tokio::sync::watch;

use crate::wire::Conn;
use crate::wire::conn::chunk;

/// What a [`Scripted`](crate::Scripted) server does with one request.
///
/// The acts are done in their order. A body that does not say how it ends is held: nothing more is
/// sent, and the connection is closed when the client has closed it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Answer {
    head: Option<Head>,
    acts: Vec<Act>,
}

#[derive(Debug, Clone)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    has_body: bool,
}

#[derive(Debug, Clone)]
enum Act {
    Bytes(Vec<u8>),
    Chunk(Vec<u8>),
    Pause(Gate),
    End,
    Close,
    Reset,
}

/// How an answer left its connection.
pub(super) enum Left {
    /// Open for another request.
    Whole,
    /// Held until the client closed it, or ended by the script.
    Over,
}

impl Answer {
    /// 200 with the content type of an event stream, in chunks.
    pub fn stream() -> Self {
        Self::status(200).header("content-type", "text/event-stream").chunk("")
    }

    /// This status, without a body; the connection stays open for another request.
    pub fn status(status: u16) -> Self {
        let head = Head { status, headers: vec![], has_body: false };
        Self { head: Some(head), acts: vec![] }
    }

    /// A redirect with this status to this location.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::status(status).header("location", location)
    }

    /// Nothing yet: what follows is all there is, the head too.
    pub fn raw() -> Self {
        Self { head: None, acts: vec![] }
    }

    /// Adds a header to the head, which has the framing of its own.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        let head = self.head.as_mut().expect("a raw answer has no head");
        head.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Puts a header in place of those that have this name.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        let head = self.head.as_mut().expect("a raw answer has no head");
        head.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.header(name, value)
    }

    /// Sends this as it is.
    pub fn bytes(self, bytes: impl AsRef<[u8]>) -> Self {
        self.act(Act::Bytes(bytes.as_ref().to_vec()))
    }

    /// Sends this as a chunk of the body. No bytes are no chunk: that would be the end.
    pub fn chunk(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        if let Some(head) = &mut self.head {
            head.has_body = true;
        }
        if bytes.is_empty() {
            return self;
        }
        self.act(Act::Chunk(bytes.to_vec()))
    }

    /// Waits until the gate is open. A client that goes before is noted.
    pub fn pause(self, gate: &Gate) -> Self {
        self.act(Act::Pause(gate.clone()))
    }

    /// Ends the chunks of the body, so that it is whole; the connection stays open for another request.
    pub fn end(self) -> Self {
        self.act(Act::End)
    }

    /// Closes the connection, whatever is still owed on it.
    pub fn close(self) -> Self {
        self.act(Act::Close)
    }

    /// Ends the connection by a reset. What was sent just before may be lost with it.
    pub fn reset(self) -> Self {
        self.act(Act::Reset)
    }

    fn act(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }

    /// Does it; `None` when the client has gone.
    pub(super) async fn play(self, conn: &mut Option<Conn>) -> Option<Left> {
        let has_body = self.head.as_ref().is_none_or(|head| head.has_body);
        if let Some(head) = &self.head {
            conn.as_mut()?.try_send(&head.bytes()).await.ok()?;
        }
        for act in &self.acts {
            let to = conn.as_mut()?;
            match act {
                Act::Bytes(bytes) => to.try_send(bytes).await.ok()?,
                Act::Chunk(bytes) => to.try_send(&chunk(bytes)).await.ok()?,
                Act::Pause(gate) => tokio::select! {
                    () = gate.opened() => {}
                    false = to.more() => return None,
                },
                Act::End => {
                    if has_body {
                        to.try_send(b"0\r\n\r\n").await.ok()?;
                    }
                    return Some(Left::Whole);
                }
                Act::Close => {
                    *conn = None;
                    return Some(Left::Over);
                }
                Act::Reset => {
                    if let Some(conn) = conn.take() {
                        conn.reset();
                    }
                    return Some(Left::Over);
                }
            }
        }
        if !has_body {
            return Some(Left::Whole);
        }
        while conn.as_mut()?.more().await {}
        None
    }
}

impl Head {
    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(match (self.has_body, self.status) {
            (true, _) => "transfer-encoding: chunked\r\n\r\n",
            (false, 204 | 304) => "\r\n",
            (false, _) => "content-length: 0\r\n\r\n",
        });
        text.into_bytes()
    }
}

/// Holds a scripted answer back until the test opens it. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// One that is shut.
    #[allow(clippy::new_without_default)] // Whether it is open by default would be a guess.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Opens it for all who wait, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn opened(&self) {
        // The sender lives as long as this gate.
        let _ = self.0.subscribe().wait_for(|is_open| *is_open).await;
    }
}
