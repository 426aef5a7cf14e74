use std::fs;
use std::net::{SocketAddr, TcpStream};

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// The socket of this process whose peer is at `address`: where a client and its server are both in
/// this process, the server's end of the client's connection, whoever holds it. It is a duplicate:
/// the connection is closed when this is dropped too.
///
/// `None` where there is none, such as one that is not accepted yet.
///
/// # Panics
///
/// When the process may not look at its own sockets.
pub fn other_end(address: SocketAddr) -> Option<TcpStream> {
    let process = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    let sockets = open.filter(|entry| {
        fs::read_link(entry.path())
            .is_ok_and(|link| link.as_os_str().as_encoded_bytes().starts_with(b"socket:"))
    });
    let mut streams = sockets.filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        match pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
            Ok(socket) => Some(TcpStream::from(socket)),
            // Closed since.
            Err(rustix::io::Errno::BADF) => None,
            Err(error) => panic!("a socket of this process cannot be looked at: {error}"),
        }
    });
    streams.find(|stream| stream.peer_addr().is_ok_and(|peer| peer == address))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_servers_end_is_found_with_its_options_while_it_is_open() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let address = client.local_addr().unwrap();
        assert!(other_end(address).is_none(), "not accepted yet");

        let (accepted, _) = listener.accept().unwrap();
        let found = other_end(address).unwrap();
        assert_eq!(found.local_addr().unwrap(), listener.local_addr().unwrap());
        assert!(!found.nodelay().unwrap());
        accepted.set_nodelay(true).unwrap();
        assert!(found.nodelay().unwrap());
        drop((accepted, found));
        assert!(other_end(address).is_none(), "closed");
    }
}
