//! `paltalkd status`, `users`, `rooms`, `strikes`, `bans` and `performance`: questions to the daemon.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::remote::{ask, follow, unexpected};
use crate::control::wire::{
    BanRow, Page, Performance, Reply, Request, Rows, Status, StrikeRow, Update, View, Window,
};
use crate::hub::rows::{RoomRow, UserRow};

/// A question without choices.
#[derive(Args)]
pub(super) struct Plain {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A question whose answer changes from second to second.
#[derive(Args)]
pub(super) struct Live {
    /// Go on with how it is every second, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Print JSON; with --follow, an object per line
    #[arg(long)]
    json: bool,
}

impl Live {
    pub(super) fn status(&self, global: &Global, output: &Output) -> Result<(), Failure> {
        if self.follow {
            return follow(global, View::Status, |update| match update {
                Update::Status(status) => self.next(&**status, status_fields, output),
                _ => Ok(true),
            });
        }
        let Reply::Status(status) = ask(global, Request::Status)? else { return Err(unexpected()) };
        if self.json { output.json(&status) } else { output.fields(&status_fields(&status)) }
    }

    pub(super) fn performance(&self, global: &Global, output: &Output) -> Result<(), Failure> {
        if self.follow {
            return follow(global, View::Metrics, |update| match update {
                Update::Metrics(_, performance) => self.next(&**performance, performance_fields, output),
                _ => Ok(true),
            });
        }
        let Reply::Performance(performance) = ask(global, Request::Performance)? else {
            return Err(unexpected());
        };
        if self.json { output.json(&performance) } else { output.fields(&performance_fields(&performance)) }
    }

    /// Prints what follows; whether anybody still reads.
    fn next<T: Serialize>(
        &self,
        it: &T,
        fields: fn(&T) -> Vec<(&'static str, String)>,
        output: &Output,
    ) -> Result<bool, Failure> {
        if self.json {
            return output.json_line(it);
        }
        output.fields(&fields(it))?;
        output.print_on("\n")
    }
}

/// A question for rows of a table.
#[derive(Args)]
pub(super) struct Table {
    /// Only what matches: words, and terms like room:lobby, strikes>1, idle>10m, ip:10.0.0.0/8; "!" turns
    /// one around, "or" and brackets combine
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// The column to sort by
    #[arg(long, value_name = "COLUMN", default_value = "", hide_default_value = true)]
    sort: String,
    /// The largest first
    #[arg(long)]
    descending: bool,
    /// At most N rows
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

impl Table {
    fn window(&self) -> Window {
        Window {
            filter: self.filter.join(" "),
            sort: self.sort.clone(),
            descending: self.descending,
            limit: self.limit.unwrap_or(0),
            ..Window::default()
        }
    }

    fn page(&self, global: &Global, request: fn(Window) -> Request) -> Result<Page, Failure> {
        match ask(global, request(self.window()))? {
            Reply::Page(page) => Ok(page),
            _ => Err(unexpected()),
        }
    }

    pub(super) fn users(&self, global: &Global, output: &Output) -> Result<(), Failure> {
        let Rows::Users(rows) = self.page(global, Request::Users)?.rows else { return Err(unexpected()) };
        if self.json {
            return output.json(&rows);
        }
        let headings = [
            "NICKNAME", "UID", "STATUS", "IDLE", "ONLINE", "ADDRESS", "CLIENT", "ROOMS", "MESSAGES",
            "STRIKES", "ROLES",
        ];
        output.table(&headings, rows.iter().map(user).collect())
    }

    pub(super) fn rooms(&self, global: &Global, output: &Output) -> Result<(), Failure> {
        let Rows::Rooms(rows) = self.page(global, Request::Rooms)?.rows else { return Err(unexpected()) };
        if self.json {
            return output.json(&rows);
        }
        let headings = ["ID", "NAME", "CATEGORY", "RATING", "MEMBERS", "SPEAKERS", "HANDS", "FLAGS", "OWNER"];
        output.table(&headings, rows.iter().map(room).collect())
    }

    pub(super) fn strikes(&self, global: &Global, output: &Output) -> Result<(), Failure> {
        let Rows::Strikes(rows) = self.page(global, Request::Strikes)?.rows else { return Err(unexpected()) };
        if self.json {
            return output.json(&rows);
        }
        let headings = ["NICKNAME", "UID", "STRIKES", "STAGE", "MUTED", "VIOLATIONS", "LAST", "DETAIL", "AT"];
        output.table(&headings, rows.iter().map(strike).collect())
    }
}

impl Plain {
    pub(super) fn bans(&self, global: &Global, output: &Output) -> Result<(), Failure> {
        let Reply::Bans(rows) = ask(global, Request::Bans)? else { return Err(unexpected()) };
        if self.json {
            return output.json(&rows);
        }
        let headings = ["TARGET", "SCOPE", "ROOM", "UNTIL", "BY", "AT", "REASON"];
        output.table(&headings, rows.iter().map(ban).collect())
    }
}

fn user(row: &UserRow) -> Vec<String> {
    let roles: Vec<String> = row.roles.iter().map(ToString::to_string).collect();
    vec![
        row.nickname.clone(),
        row.uid.to_string(),
        format!("{:?}", row.status).to_lowercase(),
        time(row.idle_seconds),
        time(row.connected_seconds),
        row.address.to_string(),
        row.client.clone(),
        row.rooms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        row.messages.to_string(),
        row.strikes.to_string(),
        roles.join(" "),
    ]
}

fn room(row: &RoomRow) -> Vec<String> {
    let flags = [
        ("voice", row.voice),
        ("private", row.private),
        ("locked", row.locked),
        ("permanent", row.permanent),
    ];
    let flags: Vec<&str> = flags.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
    vec![
        row.id.to_string(),
        row.name.clone(),
        row.category.clone(),
        row.rating.to_string(),
        row.members.to_string(),
        row.speakers.to_string(),
        row.hands_up.to_string(),
        flags.join(" "),
        row.owner.clone().unwrap_or_default(),
    ]
}

fn strike(row: &StrikeRow) -> Vec<String> {
    vec![
        row.nickname.clone(),
        row.uid.to_string(),
        row.strikes.to_string(),
        row.stage.to_string(),
        if row.muted_seconds > 0 { time(row.muted_seconds) } else { String::new() },
        row.violations.to_string(),
        row.last_reason.clone(),
        row.last_detail.clone(),
        row.last_at.as_deref().map(when).unwrap_or_default(),
    ]
}

fn ban(row: &BanRow) -> Vec<String> {
    vec![
        row.target.clone(),
        row.scope.clone(),
        row.room.map(|room| room.to_string()).unwrap_or_default(),
        row.until.as_deref().map_or_else(|| "for good".to_owned(), when),
        row.by.clone(),
        when(&row.at),
        row.reason.clone(),
    ]
}

fn status_fields(status: &Status) -> Vec<(&'static str, String)> {
    let counted = |counters: &[(String, u64)]| {
        let counters: Vec<String> = counters.iter().map(|(name, count)| format!("{name} {count}")).collect();
        counters.join(", ")
    };
    let listed = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(", ");
    let mut talkers = status.top_talkers.iter().map(|it| format!("{} {}", it.nickname, it.messages));
    let mut rooms =
        status.busiest_rooms.iter().map(|it| format!("{} {} ({} inside)", it.name, it.messages, it.members));
    let mut health = status.health.clone();
    if !status.health_reasons.is_empty() {
        health = format!("{health}: {}", status.health_reasons.join("; "));
    }
    vec![
        ("health", health),
        ("version", format!("{} (process {})", status.version, status.pid)),
        ("up", time(status.uptime_seconds)),
        (
            "users",
            format!(
                "{} online: {} active, {} idle, {} away; at most {}",
                status.users_online,
                status.users_active,
                status.users_idle,
                status.users_away,
                status.peak_users
            ),
        ),
        ("connections", format!("{}; at most {}", status.connections, status.peaks.connections)),
        (
            "rooms",
            format!(
                "{} of {} with somebody in them; at most {}",
                status.rooms_open, status.rooms_total, status.peaks.rooms_open
            ),
        ),
        (
            "messages",
            format!(
                "{} ({} per second, at most {}), {} deliveries, {} waiting",
                status.messages_total,
                status.messages_per_second,
                status.peaks.messages_per_second,
                status.deliveries_total,
                status.offline_messages_pending
            ),
        ),
        (
            "voice",
            format!(
                "{} speaking (at most {}), {} listening; {} packets in, {} out",
                status.voice_streams,
                status.peaks.voice_streams,
                status.voice_listeners,
                status.voice_packets_in,
                status.voice_packets_out
            ),
        ),
        ("traffic", format!("{} in, {} out", bytes(status.bytes_in), bytes(status.bytes_out))),
        ("memory", bytes(status.memory_bytes)),
        ("cpu", format!("{} %", status.cpu_percent)),
        ("chat", status.listen.chat_tcp.join(" ")),
        ("voice tcp", status.listen.voice_tcp.join(" ")),
        ("voice udp", status.listen.voice_udp.join(" ")),
        ("http", status.listen.http.join(" ")),
        ("closed", counted(&status.closed)),
        ("refused", counted(&status.refused)),
        ("counted", counted(&status.counters)),
        ("control", counted(&status.control)),
        ("top talkers", listed(&mut talkers)),
        ("busiest rooms", listed(&mut rooms)),
    ]
}

fn performance_fields(it: &Performance) -> Vec<(&'static str, String)> {
    let delivery = it.delivery_micros;
    vec![
        ("cpu", format!("{} %", it.cpu_percent)),
        ("memory", bytes(it.memory_bytes)),
        ("threads", it.threads.to_string()),
        ("open files", it.open_files.to_string()),
        ("hub", format!("{} % busy, {} commands wait", it.hub_busy_percent, it.hub_queue)),
        (
            "outboxes",
            format!("{}; {} slow readers dropped", bytes(it.outbox_bytes), it.slow_consumers_dropped),
        ),
        (
            "delivery",
            format!(
                "median {} µs, 90 % {} µs, 99 % {} µs, worst {} µs",
                delivery.p50, delivery.p90, delivery.p99, delivery.max
            ),
        ),
        (
            "store",
            format!(
                "{} queries, {} failed; of the last {}: mean {} µs, 99 % {} µs",
                it.store.queries_total,
                it.store.errors_total,
                it.store.recent.len(),
                it.store.avg_query_micros,
                it.store.p99_query_micros
            ),
        ),
        ("commits", format!("mean {} µs", it.store.commit_avg_micros)),
        ("store size", bytes(it.store.size_bytes)),
    ]
}

/// A time of RFC 3339 in UTC as people read it everywhere, as in `2026-11-20 22:29:00 UTC`.
pub(super) fn when(rfc3339: &str) -> String {
    match rfc3339.strip_suffix('Z') {
        Some(time) => format!("{} UTC", time.replacen('T', " ", 1)),
        None => rfc3339.to_owned(),
    }
}

fn time(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}
