//! Databases of their own.

use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;
use testkit::Service;

/// A database that is gone at the end.
pub(crate) enum Scratch {
    File(TempDir),
    /// The server's URL, and the name of the database.
    OnServer(String, String),
}

impl Scratch {
    /// On the server of this service; a file if there is none.
    pub(crate) async fn new(service: Option<Service>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(service) = service else {
            return Self::File(tempfile::tempdir().unwrap());
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sse_store_test_{}_{number}", std::process::id());
        let server = service.find().unwrap();
        run(&server, &format!("CREATE DATABASE {name}")).await;
        Self::OnServer(server, name)
    }

    /// The URL of the database.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::File(folder) => {
                format!("sqlite://{}?mode=rwc", folder.path().join("log.db").display())
            }
            Self::OnServer(server, name) => {
                let server = server.split('?').next().unwrap();
                let (server, _) = server.rsplit_once('/').unwrap();
                format!("{server}/{name}")
            }
        }
    }
}

async fn run(url: &str, sql: &str) {
    let server = Database::connect(url).await.unwrap();
    server.execute_unprepared(sql).await.unwrap();
    server.close().await.unwrap();
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Self::OnServer(server, name) = self else {
            return;
        };
        let force = if server.starts_with("postgres") { "WITH (FORCE)" } else { "" };
        let drop = format!("DROP DATABASE {name} {force}");
        // The test's own runtime cannot be waited for here.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(run(server, &drop));
            });
        });
    }
}
