//! nginx, as it is to be set for event streams.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::Process;

/// In one process, on a free port, before this server.
pub(crate) fn start(upstream: SocketAddr) -> Process {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let addr = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("its address")
    };
    let text = format!(
        "daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr crit;
         events {{ worker_connections 4096; }}
         http {{
             access_log off; tcp_nodelay on;
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             server {{
                 listen {addr};
                 location / {{
                     proxy_pass http://{upstream};
                     proxy_http_version 1.1;
                     proxy_set_header Connection \"\";
                     proxy_buffering off;
                     proxy_read_timeout 1h;
                 }}
             }}
         }}"
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, text).expect("its configuration");
    let child = Command::new("nginx")
        .arg("-p")
        .arg(&folder)
        .arg("-c")
        .arg(&path)
        .env("PATH", "/usr/sbin:/usr/bin:/bin")
        .stderr(Stdio::null())
        .spawn()
        .expect("nginx is installed");
    let began = Instant::now();
    while TcpStream::connect(addr).is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "nginx does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    Process::of(child, addr)
}
