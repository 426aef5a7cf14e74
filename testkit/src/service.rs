use std::env;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::geteuid;

use crate::Disk;

/// Something outside of this workspace that a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Service {
    /// Chromium and its driver: `chromium` and `chromedriver` in the path.
    Browser,
    /// MariaDB or MySQL: `MYSQL_URL`, or `DATABASE_URL` with the scheme `mysql`, or the usual port
    /// of this machine.
    MariaDb,
    /// The programs of MariaDB, to run a server of one's own: their folder.
    MariaDbPrograms,
    /// The right to mount a filesystem, which root has: see `Disk`.
    Mount,
    /// nginx: the program, to run one of one's own.
    Nginx,
    /// PostgreSQL: `POSTGRES_URL`, or `DATABASE_URL` with the scheme `postgres`, or the usual port
    /// of this machine.
    Postgres,
    /// The programs of PostgreSQL, to run a server of one's own: their folder.
    PostgresPrograms,
}

impl Service {
    /// Where the service is: a database's URL, the path of the browser's driver.
    ///
    /// A URL from the environment is taken at its word: the test fails where nothing is there.
    ///
    /// # Errors
    ///
    /// Why it is taken for missing, in a few words.
    pub fn find(self) -> Result<String, String> {
        match self {
            Self::Browser => {
                program("chromium")?;
                Ok(program("chromedriver")?.to_string_lossy().into_owned())
            }
            Self::MariaDb => from_environment("MYSQL_URL", &["mysql:", "mariadb:"])
                .map_or_else(|| listening(3306, "mysql://root@127.0.0.1:3306/mysql"), Ok),
            Self::MariaDbPrograms => folder_of("mariadbd", &["/usr/sbin".into()]),
            Self::Mount => {
                if !geteuid().is_root() {
                    return Err("not root".to_owned());
                }
                Disk::new("64k").map(|_| "tmpfs".to_owned())
            }
            Self::Nginx => {
                folder_of("nginx", &["/usr/sbin".into()]).map(|folder| folder + "/nginx")
            }
            Self::PostgresPrograms => folder_of("initdb", &postgres_folders()),
            Self::Postgres => from_environment("POSTGRES_URL", &["postgres:", "postgresql:"])
                .map_or_else(
                    || listening(5432, "postgres://postgres:postgres@127.0.0.1:5432/postgres"),
                    Ok,
                ),
        }
    }
}

impl Service {
    /// Whether it must be there where services are required: none is required of who cannot have it.
    pub(crate) fn can_be_required(self) -> bool {
        self != Self::Mount || (geteuid().is_root() && program("mount").is_ok())
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Browser => "a browser",
            Self::MariaDb => "MariaDB",
            Self::MariaDbPrograms => "the programs of MariaDB",
            Self::Mount => "the right to mount",
            Self::Nginx => "nginx",
            Self::Postgres => "PostgreSQL",
            Self::PostgresPrograms => "the programs of PostgreSQL",
        })
    }
}

fn program(name: &str) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("no {name} in the path"))
}

/// The folder that has a program: one in the path, or one of these.
fn folder_of(name: &str, others: &[PathBuf]) -> Result<String, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(others.iter().cloned())
        .find(|folder| folder.join(name).is_file())
        .map(|folder| folder.to_string_lossy().into_owned())
        .ok_or_else(|| format!("no {name} in the path"))
}

/// Where Debian keeps the programs of each version.
fn postgres_folders() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin")).collect()
}

fn from_environment(name: &str, schemes: &[&str]) -> Option<String> {
    let own = env::var(name).ok().filter(|url| !url.is_empty());
    own.or_else(|| {
        let url = env::var("DATABASE_URL").ok()?;
        schemes.iter().any(|scheme| url.starts_with(scheme)).then_some(url)
    })
}

fn listening(port: u16, url: &str) -> Result<String, String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1))
        .map(|_| url.to_owned())
        .map_err(|_| format!("nothing listens at {address}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_missing_program_is_named() {
        assert_eq!(program("no-such-program").unwrap_err(), "no no-such-program in the path");
        assert!(program("sh").is_ok());
    }

    #[test]
    fn a_service_is_there_when_its_port_is_open() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(listening(address.port(), "url"), Ok("url".to_owned()));
        drop(listener);
        assert_eq!(listening(address.port(), "url"), Err(format!("nothing listens at {address}")));
    }
}
