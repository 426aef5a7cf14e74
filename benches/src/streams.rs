//! The streams that are decoded.

use bytes::Bytes;

/// A stream, cut into chunks.
#[derive(Debug)]
pub(crate) struct Stream {
    /// What it stands for.
    pub(crate) name: &'static str,
    /// The chunks, as they would come from a connection.
    pub(crate) chunks: Vec<Bytes>,
    /// How many bytes they are together.
    pub(crate) len: usize,
    /// How many blocks.
    pub(crate) blocks: usize,
}

impl Stream {
    fn new(name: &'static str, block: &str, len: usize, chunk: usize) -> Self {
        let bytes = block.repeat(len.div_ceil(block.len())).into_bytes();
        Self {
            name,
            len: bytes.len(),
            blocks: bytes.len() / block.len(),
            chunks: bytes.chunks(chunk).map(shared).collect(),
        }
    }
}

/// Shared bytes of which a clone allocates nothing, as the first clone otherwise does.
fn shared(bytes: &[u8]) -> Bytes {
    let bytes = Bytes::copy_from_slice(bytes);
    drop(bytes.clone());
    bytes
}

/// A token of a language model, as it is sent: 210 bytes.
fn token() -> String {
    let token = concat!(
        r#"data: {"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012","object":"chat.completion.chunk","#,
        r#""created":1766000000,"model":"a-model-2026-01-01","choices":[{"index":0,"#,
        r#""delta":{"content":" wonderful"},"finish_reason":null}]}"#,
        "\n\n"
    );
    debug_assert_eq!(token.len(), 210);
    token.to_owned()
}

/// The streams of the table of decoding, in its order.
pub(crate) fn all() -> Vec<Stream> {
    const LEN: usize = 1 << 20;
    let token = token();
    let typed = format!("event: content_block_delta\n{token}");
    let with_id = format!("id: 1765432100-17\n{token}");
    let unicode = token.replace("wonderful", "wunderschön 🎉 ありがとう");
    let long = format!("data: {}\n\n", "x".repeat(64 << 10));
    let lines = "data: one of twenty lines, of forty bytes or so\n".repeat(20) + "\n";
    vec![
        Stream::new("tokens, 1.4 K chunks", &token, LEN, 1400),
        Stream::new("tokens, 16 K chunks", &token, LEN, 16 << 10),
        Stream::new("typed tokens, 16 K", &typed, LEN, 16 << 10),
        Stream::new("tokens with ids, 16 K", &with_id, LEN, 16 << 10),
        Stream::new("unicode tokens, 1.4 K", &unicode, LEN, 1400),
        Stream::new("tokens with CRLF, 16 K", &token.replace('\n', "\r\n"), LEN, 16 << 10),
        Stream::new("tiny events, 16 K", "data: 1\n\n", LEN, 16 << 10),
        Stream::new("64 K events, 16 K", &long, 4 * LEN, 16 << 10),
        Stream::new("20 lines of data, 16 K", &lines, LEN, 16 << 10),
        Stream::new("comments only, 16 K", ": still here\n\n", LEN, 16 << 10),
        Stream::new("tokens, 1-byte chunks", &token, LEN / 16, 1),
    ]
}
