//! nginx with the configuration of the guide, in front of a service of the test.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{BOUND, Process, Service};
use tokio::time::{sleep, timeout};

/// The configuration of the guide.
const CONFIGURATION: &str = include_str!("../../../docs/nginx.conf");

/// What it is included in: a process of its own in a folder of its own, where responses are
/// compressed of whatever type they are.
const AROUND: &str = "
    daemon off;
    master_process off;
    pid nginx.pid;
    error_log stderr warn;
    events { worker_connections 512; }
    http {
        access_log off;
        client_body_temp_path body;
        proxy_temp_path proxy;
        fastcgi_temp_path fastcgi;
        scgi_temp_path scgi;
        uwsgi_temp_path uwsgi;
        gzip on;
        gzip_types *;
        gzip_min_length 1;
        gzip_proxied any;
        include service.conf;
    }";

/// A running nginx; killed when dropped.
#[derive(Debug)]
pub(crate) struct Nginx {
    /// Where it speaks HTTP/1.1.
    pub(crate) http1: SocketAddr,
    /// Where it speaks HTTP/2, with prior knowledge.
    pub(crate) http2: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one with the configuration of the guide.
    pub(crate) async fn start(service: SocketAddr) -> Self {
        Self::changed(service, &[]).await
    }

    /// The same with other lines in the place of some.
    pub(crate) async fn changed(service: SocketAddr, changes: &[(&str, &str)]) -> Self {
        loop {
            if let Some(nginx) = Self::attempt(service, changes).await {
                return nginx;
            }
        }
    }

    /// `None` where somebody else was faster to take one of the ports: nginx wants to be told.
    async fn attempt(service: SocketAddr, changes: &[(&str, &str)]) -> Option<Self> {
        let [http1, http2] = free_ports();
        let listen = format!("listen {http1};\nlisten {http2} http2;");
        let service = format!("server {service};");
        let mut configuration = CONFIGURATION.to_owned();
        let addresses = [
            ("listen 8080;", &*listen),
            ("server 127.0.0.1:3000;", &service),
            ("location /api/ {", "location /events {"),
        ];
        for (line, other) in addresses.iter().chain(changes) {
            assert_eq!(configuration.matches(line).count(), 1, "{line}");
            configuration = configuration.replace(line, other);
        }
        let folder = TempDir::with_prefix("nginx-").unwrap();
        fs::write(folder.path().join("service.conf"), configuration).unwrap();
        fs::write(folder.path().join("nginx.conf"), AROUND).unwrap();

        let mut command = Command::new(Service::Nginx.find().unwrap());
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
        let process = Process::spawn(&mut command);
        // It is written once the ports are open. Not by `until`: its closure cannot be sent.
        let pid = folder.path().join("nginx.pid");
        let listens = timeout(BOUND, async {
            loop {
                if fs::read_to_string(&pid).is_ok_and(|it| it.trim() == process.id().to_string()) {
                    return true;
                }
                if process.lines().iter().any(|line| line.contains("Address already in use")) {
                    return false;
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
        let listens = listens.await.expect("nginx starts in time");
        listens.then_some(Self { http1, http2, _process: process, _folder: folder })
    }
}

fn free_ports() -> [SocketAddr; 2] {
    // Both at once, or they could be the same.
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}
