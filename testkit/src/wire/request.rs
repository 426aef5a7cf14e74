use crate::wire::Conn;

/// A request as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// What it asks for: the path and the query.
    pub target: String,
    /// Its headers in their order, the names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body; what was in the chunks, where it came in chunks.
    pub body: Vec<u8>,
    /// Which connection of a [`Scripted`](crate::Scripted) server it came on, counted from 0.
    pub connection: usize,
}

impl Request {
    /// The next request of this connection; `None` when it ends first.
    pub(super) async fn read(conn: &mut Conn) -> Option<Self> {
        let head = conn.try_until(b"\r\n\r\n").await?;
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let first = String::from_utf8(lines.next()?.to_vec()).expect("a request line is text");
        let mut parts = first.split(' ').map(str::to_owned);
        let (method, target) = (parts.next()?, parts.next().expect("a request target"));
        let headers = lines.filter(|line| !line.is_empty()).map(|line| {
            let colon = line.iter().position(|byte| *byte == b':').expect("a header has a colon");
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            (name, line[colon + 1..].trim_ascii().to_vec())
        });
        let headers = headers.collect();
        let mut request = Self { method, target, headers, body: vec![], connection: 0 };
        if let Some(length) = request.header("content-length") {
            request.body = conn.try_exactly(length.parse().expect("a length")).await?;
        } else if request.header("transfer-encoding").is_some() {
            loop {
                let size = String::from_utf8(conn.try_until(b"\r\n").await?).expect("a size");
                let size = usize::from_str_radix(size.trim(), 16).expect("the size of a chunk");
                let chunk = conn.try_exactly(size + 2).await?;
                request.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        }
        Some(request)
    }

    /// The first header of this name as bytes, which need not be UTF-8.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &value[..])
    }

    /// The first header of this name as text.
    ///
    /// # Panics
    ///
    /// When it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_bytes(name).map(|value| std::str::from_utf8(value).expect("text"))
    }
}
