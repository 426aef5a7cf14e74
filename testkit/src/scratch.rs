use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;

use crate::Service;

/// A database of a test's own, that is gone when this is dropped.
#[derive(Debug)]
pub struct Scratch(Place);

#[derive(Debug)]
enum Place {
    /// A folder for SQLite.
    Folder(TempDir),
    /// The server's URL, and the name of the database.
    OnServer(String, String),
}

impl Scratch {
    /// Makes one on the server of this service; for SQLite, in a file of its own, where it names none.
    ///
    /// # Panics
    ///
    /// When the service is missing, or refuses.
    pub async fn new(service: Option<Service>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(service) = service else {
            return Self(Place::Folder(tempfile::tempdir().unwrap()));
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("testkit_{}_{number}", std::process::id());
        let server = service.find().unwrap();
        run(&server, &format!("CREATE DATABASE {name}")).await;
        Self(Place::OnServer(server, name))
    }

    /// The URL of the database.
    pub fn url(&self) -> String {
        match &self.0 {
            Place::Folder(folder) => {
                format!("sqlite://{}?mode=rwc", folder.path().join("scratch.db").display())
            }
            Place::OnServer(server, name) => {
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
        let Place::OnServer(server, name) = &self.0 else {
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
