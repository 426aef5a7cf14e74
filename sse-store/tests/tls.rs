//! Servers that are reached by TLS alone.

#[path = "support/server.rs"]
mod server;

use std::process::ExitCode;
use std::time::Duration;

use server::Server;
use sse_core::Event;
use sse_store::{EventStore, NewEntry, Position, SeaOrmStore, Topic, TopicSet};
use testkit::{Service, Test};

fn main() -> ExitCode {
    testkit::run([
        Test::new("postgres_is_reached_by_tls", [Service::PostgresPrograms], async || {
            let server = Server::start_with_tls(Service::PostgresPrograms).await;
            let ca = server.certificate();
            let ca = ca.display();
            is_reached_by_tls(
                &server.url(),
                "sslmode=disable",
                &["sslmode=require".to_owned(), format!("sslmode=verify-full&sslrootcert={ca}")],
                "sslmode=verify-full",
            )
            .await;
        }),
        Test::new("mariadb_is_reached_by_tls", [Service::MariaDbPrograms], async || {
            let server = Server::start_with_tls(Service::MariaDbPrograms).await;
            let ca = server.certificate();
            let ca = ca.display();
            is_reached_by_tls(
                &server.url(),
                "ssl-mode=DISABLED",
                &["ssl-mode=REQUIRED".to_owned(), format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}")],
                "ssl-mode=VERIFY_IDENTITY",
            )
            .await;
        }),
    ])
}

/// The server takes no connection without TLS: what works here does so by TLS on each connection that it takes.
async fn is_reached_by_tls(url: &str, without: &str, with: &[String], without_its_ca: &str) {
    for refused in [without, without_its_ca] {
        let error = SeaOrmStore::connect(&format!("{url}?{refused}")).await.unwrap_err();
        assert!(!error.is_refused() && error.to_string().contains("127.0.0.1"), "{error}");
    }
    for with in with {
        let url = format!("{url}?{with}");
        let (store, other) =
            (SeaOrmStore::connect(&url).await.unwrap(), SeaOrmStore::connect(&url).await.unwrap());
        let head = store.head().await.unwrap();
        let waiter = tokio::spawn(async move { other.wait(head).await });
        let entry = NewEntry::new(Topic::new("t").unwrap(), Event::new(with.as_str()));
        let position = store.append(vec![entry]).await.unwrap()[0];
        let waited = tokio::time::timeout(Duration::from_secs(30), waiter).await;
        assert_eq!(waited.unwrap().unwrap().unwrap(), position);
        let page = store.read(Position::START, &TopicSet::All, 10).await.unwrap();
        let last = page.entries.last().and_then(|entry| entry.event()?.data());
        assert_eq!(last, Some(with.as_str()));
        store.close().await;
    }
}
