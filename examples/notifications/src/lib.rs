//! Notifications over Server-Sent Events: to a user, to a channel, to everyone, and the progress of long tasks, on one
//! stream for each page.
//!
//! | route | asks for | gives |
//! |---|---|---|
//! | `POST /api/login` | `{name, password}` | `{token, expiresInSeconds}`: a JWT |
//! | `GET /api/me` | the token | who that is, and what there is to join |
//! | `POST /api/ticket` | the token, `{topics}` | `{ticket, expiresInSeconds}` |
//! | `GET /api/stream?ticket=…` | a ticket; `lastEventId` or `Last-Event-ID` | the stream |
//! | `POST /api/connections/{id}/join`, `…/leave` | the token, `{topic}` | 204 |
//! | `POST /api/notifications` | the token, `{to, text}` | 201, `{id}` |
//! | `POST /api/tasks` | the token, `{title, connection}` | 201, `{task}`: its topic |
//! | `GET /api/health` | | `{status}`: `ok`, or 503 while the log is not followed or the service stops |
//!
//! A topic is `everyone`, `user/<name>`, `channel/<name>` or `task/<owner>/<id>`. The token stands in
//! `Authorization: Bearer` and nowhere else; a request that has it in its URL is refused. What goes wrong is told as
//! `{"error":{"code","message"}}`.
//!
//! The stream begins with a `position` event, whose data is the connection's id, and tells `notification`, `progress`,
//! `finished`, `stopped`, `expired`, and what the hub tells of itself: `position`, `gap`, `reset`, `replaced`.
//!
//! Why the stream is opened by a ticket, and what else was decided: `docs/notifications.md`.

#![forbid(unsafe_code)]

mod api;
pub mod app;
mod audience;
pub mod config;
mod message;
mod page;
mod people;
mod problem;
mod random;
mod stream;
mod task;
mod text;
mod ticket;
mod token;
