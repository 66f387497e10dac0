//! One look at the daemon without a screen: for scripts, and for terminals that can show none.

use std::path::Path;

use serde::Serialize;

use crate::control::wire::{Performance, Reply, Request, Rows, Status, StrikeRow, Window};
use crate::hub::rows::{RoomRow, UserRow};
use crate::model::display_safe;

use super::format::{bytes, count, duration, micros, percent, rate};
use super::link::{self, LinkOptions};

/// Everything the console would show, at one moment. Its fields in JSON are those of the one-shot
/// commands.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Snapshot {
    /// The name of the server.
    pub server: String,
    /// How the daemon is.
    pub status: Status,
    /// How fast it is.
    pub performance: Performance,
    /// Everybody signed in.
    pub users: Vec<UserRow>,
    /// All rooms.
    pub rooms: Vec<RoomRow>,
    /// Whom the limits have caught.
    pub strikes: Vec<StrikeRow>,
}

impl Snapshot {
    /// Asks the daemon at `socket`.
    ///
    /// # Errors
    ///
    /// Why there is no answer, in words.
    pub(super) async fn take(socket: &Path) -> Result<Snapshot, String> {
        let options =
            LinkOptions { socket: socket.to_owned(), read_only: true, reconnect: false, retry_for: None };
        let all = Window::default;
        let requests = vec![
            Request::Status,
            Request::Performance,
            Request::Users(all()),
            Request::Rooms(all()),
            Request::Strikes(all()),
        ];
        let (hello, replies) = link::ask(&options, requests).await?;
        let mut snapshot = Snapshot {
            server: hello.server,
            status: Status::default(),
            performance: Performance::default(),
            users: Vec::new(),
            rooms: Vec::new(),
            strikes: Vec::new(),
        };
        for reply in replies {
            match reply {
                Reply::Status(status) => snapshot.status = *status,
                Reply::Performance(performance) => snapshot.performance = *performance,
                Reply::Page(page) => match page.rows {
                    Rows::Users(rows) => snapshot.users = rows,
                    Rows::Rooms(rows) => snapshot.rooms = rows,
                    Rows::Strikes(rows) => snapshot.strikes = rows,
                },
                _ => return Err("the daemon has answered something else than was asked".to_owned()),
            }
        }
        Ok(snapshot)
    }

    /// As a text for people.
    pub fn to_text(&self) -> String {
        let (status, performance) = (&self.status, &self.performance);
        let mut lines = vec![
            format!(
                "{} · {} · up {} · {}",
                self.server,
                status.version,
                duration(status.uptime_seconds),
                status.health
            ),
            format!(
                "{} users · {} of {} rooms with somebody in them · {} msg/s · {} speaking · {} cpu · {} memory",
                count(status.users_online),
                count(status.rooms_open),
                count(status.rooms_total),
                rate(status.messages_per_second),
                count(status.voice_streams),
                percent(status.cpu_percent),
                bytes(status.memory_bytes),
            ),
            format!(
                "hub queue {} · delivery p50 {} p99 {} · store query {} commit {}",
                count(performance.hub_queue),
                micros(performance.delivery_micros.p50),
                micros(performance.delivery_micros.p99),
                micros(performance.store.avg_query_micros),
                micros(performance.store.commit_avg_micros),
            ),
            String::new(),
            format!("users ({})", self.users.len()),
        ];
        lines.extend(self.users.iter().map(|row| {
            format!("  {}  {}  {}  idle {}", row.uid, row.nickname, row.address, duration(row.idle_seconds))
        }));
        lines.push(format!("rooms ({})", self.rooms.len()));
        lines.extend(
            self.rooms.iter().map(|row| format!("  {}  {}  {} members", row.id, row.name, row.members)),
        );
        lines.push(format!("strikes ({})", self.strikes.len()));
        lines.extend(self.strikes.iter().map(|row| {
            format!(
                "  {}  {}  {} strikes, stage {}  {}",
                row.uid, row.nickname, row.strikes, row.stage, row.last_reason
            )
        }));
        lines.iter().map(|line| display_safe(line) + "\n").collect()
    }
}
