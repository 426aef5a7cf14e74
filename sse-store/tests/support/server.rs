//! A database server of a test's own, that it may stop and start.

#![allow(dead_code, reason = "each target that has this uses some of it")]

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sea_orm::Database;
use tempfile::TempDir;
use testkit::{BOUND, Process, Service, until};

/// A server with its own folder and port, as a user that is not root.
pub(crate) struct Server {
    service: Service,
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    process: Option<Process>,
}

/// How a server is ended.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// Asked to, without waiting for those who are connected.
    Stop,
    /// Here and now.
    Crash,
}

impl Server {
    /// Makes a database and starts the server.
    pub(crate) async fn start_new(service: Service) -> Self {
        let mut server = Self::make(service);
        server.start().await;
        server
    }

    /// The same, where a client must come by TLS; with testkit's certificate.
    pub(crate) async fn start_with_tls(service: Service) -> Self {
        let mut server = Self::make(service);
        let key = server.folder.path().join("key.pem");
        for (path, content) in
            [(&server.certificate(), testkit::CERTIFICATE), (&key, testkit::PRIVATE_KEY)]
        {
            fs::write(path, content).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            server.own(path);
        }
        server.options = match service {
            Service::PostgresPrograms => {
                let only_tls = "hostssl all all all trust\n";
                fs::write(server.data().join("pg_hba.conf"), only_tls).unwrap();
                vec![
                    option("ssl_cert_file", &server.certificate()),
                    option("ssl_key_file", &key),
                    "--ssl=on".to_owned(),
                ]
            }
            _ => vec![
                option("ssl-cert", &server.certificate()),
                option("ssl-key", &key),
                "--require-secure-transport=ON".to_owned(),
            ],
        };
        server.start().await;
        server
    }

    fn make(service: Service) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let server = Self { service, folder, port, options: Vec::new(), process: None };
        server.own(server.folder.path());
        let data = server.data();
        let made = match service {
            Service::PostgresPrograms => server
                .command("initdb")
                .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D"])
                .arg(&data)
                .output(),
            _ => server
                .command("mariadb-install-db")
                .args([
                    "--no-defaults",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                ])
                .arg(option("datadir", &data))
                .output(),
        }
        .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server
    }

    pub(crate) fn url(&self) -> String {
        match self.service {
            Service::PostgresPrograms => self.url_of("postgres"),
            _ => self.url_of("mysql"),
        }
    }

    /// The URL of another database.
    pub(crate) fn url_of(&self, database: &str) -> String {
        let scheme_and_user = match self.service {
            Service::PostgresPrograms => "postgres://postgres",
            _ => "mysql://root",
        };
        format!("{scheme_and_user}@127.0.0.1:{}/{database}", self.port)
    }

    /// Gives a file or folder to the server's user.
    pub(crate) fn own(&self, path: &Path) {
        if let Some((user, group)) = self.user() {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    /// Where its certificate is.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Starts it and waits until it can be used.
    pub(crate) async fn start(&mut self) {
        let url = self.url();
        until(BOUND, "the server can be used", async || {
            // What is left of one that crashed keeps the next from starting for a moment.
            if self.process.as_ref().is_none_or(has_ended) {
                self.process = Some(Process::spawn(&mut self.server_command()));
            }
            match Database::connect(&url).await {
                Ok(db) => db.close().await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
    }

    /// Ends it and waits for the end.
    pub(crate) async fn end(&mut self, how: End) {
        let mut process = self.process.take().unwrap();
        let signal = match (how, self.service) {
            (End::Crash, _) => "-KILL",
            (End::Stop, Service::PostgresPrograms) => "-INT",
            (End::Stop, _) => "-TERM",
        };
        let id = process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        process.exit().await;
    }

    /// Stops it and starts it with more arguments than it needs.
    pub(crate) async fn restart_with(&mut self, options: &[&str]) {
        self.end(End::Stop).await;
        self.options = options.iter().map(|option| option.to_string()).collect();
        self.start().await;
    }

    fn server_command(&self) -> Command {
        let data = self.data();
        let port = self.port.to_string();
        let mut command = match self.service {
            Service::PostgresPrograms => {
                let mut command = self.command("postgres");
                command.arg("-D").arg(data).args(["-p", &port, "-c", "listen_addresses=127.0.0.1"]);
                command.arg("-k").arg(self.folder.path());
                command
            }
            _ => {
                let mut command = self.command("mariadbd");
                command.args(["--no-defaults", "--bind-address=127.0.0.1", "--port", &port]);
                command.arg(option("datadir", &data));
                command.arg(option("socket", &self.folder.path().join("socket")));
                command.arg(option("pid-file", &self.folder.path().join("pid")));
                command
            }
        };
        command.args(&self.options);
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of the server's, as its user.
    fn command(&self, program: &str) -> Command {
        let programs = PathBuf::from(self.service.find().unwrap());
        let own = programs.join(program);
        let mut command = Command::new(if own.exists() { own } else { program.into() });
        command.current_dir(self.folder.path());
        if let Some((user, group)) = self.user() {
            command.uid(user).gid(group);
        }
        command
    }

    /// The user and group that the server runs as; our own unless that is root.
    fn user(&self) -> Option<(u32, u32)> {
        let name = match self.service {
            Service::PostgresPrograms => "postgres",
            _ => "mysql",
        };
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map_while(|number| number.parse().ok());
        let is_root = fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        is_root.then_some((numbers.next()?, numbers.next()?))
    }
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

fn has_ended(process: &Process) -> bool {
    // A process that was not waited for yet is a zombie.
    let status = fs::read_to_string(format!("/proc/{}/stat", process.id()));
    status.map_or(true, |status| status.contains(") Z "))
}
