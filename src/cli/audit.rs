//! `paltalkd audit`: who has done what, and why.

use std::time::Duration;

use clap::Args;

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::place::Place;
use super::query::when;
use crate::config::Config;
use crate::control::wire::{AuditAbout, AuditRow, AuditWindow, Target};
use crate::model::{RoomId, Timestamp};

#[derive(Args)]
pub(super) struct Audit {
    /// Only what was done since then: a time ago, as in 7d or 90m, a day, as in 2026-11-20, or a moment, as
    /// in 2026-11-20T22:29:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only what was done before then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only what this one has done: a nickname, a uid, the name of an operator, or "system"
    #[arg(long, value_name = "WHO", value_parser = who)]
    actor: Option<Target>,
    /// Only what was done to this one: a nickname, a uid, an address or network
    #[arg(long, value_name = "WHOM", value_parser = who, conflicts_with = "room")]
    target: Option<Target>,
    /// Only what was done to the room with this number
    #[arg(long, value_name = "ID")]
    room: Option<u32>,
    /// Only this, as in ban or set_room
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// At most N entries, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) fn run(self, global: &Global, config: &Config, output: &Output) -> Result<(), Failure> {
        let mut place = Place::open(global, config, output, false)?;
        let result = self.work(&mut place, output);
        place.close(result)
    }

    fn work(self, place: &mut Place, output: &Output) -> Result<(), Failure> {
        let target = self.target.map(|target| match target {
            Target::Uid(uid) => AuditAbout::Account(uid),
            Target::Nickname(name) => AuditAbout::Named(name),
        });
        let rows = place.audit(AuditWindow {
            action: self.action.map(|action| action.to_lowercase()),
            actor: self.actor,
            about: self.room.map(|room| AuditAbout::Room(RoomId(room))).or(target),
            from: self.since,
            to: self.until,
            before: None,
            limit: self.limit,
        })?;
        if self.json {
            return output.json(&rows);
        }
        let headings = ["NUMBER", "AT", "ACTOR", "FROM", "ACTION", "TARGET", "REASON", "DETAILS"];
        output.table(&headings, rows.iter().map(cells).collect())
    }
}

fn cells(row: &AuditRow) -> Vec<String> {
    vec![
        row.seq.to_string(),
        when(&row.at),
        row.actor.clone(),
        row.address.map(|address| address.to_string()).unwrap_or_default(),
        row.action.clone(),
        row.target.clone().unwrap_or_default(),
        row.reason.clone(),
        row.details.clone(),
    ]
}

/// Reads whom is meant. All that has a name is in the log, not only users; so a name may be anything.
fn who(text: &str) -> Result<Target, String> {
    Target::typed(text).ok_or_else(|| "no uid stands behind uid:".to_owned())
}

/// Reads a moment, or a time before now.
fn moment(text: &str) -> Result<Timestamp, String> {
    moment_at(Timestamp::now(), text)
}

fn moment_at(now: Timestamp, text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        let ago: Duration = ago;
        return Ok(now.before(ago));
    }
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let found = text.parse::<jiff::Timestamp>().ok().or_else(|| day().map(|day| day.timestamp()));
    let found = found.and_then(|found| u64::try_from(found.as_millisecond()).ok());
    found.map(Timestamp).ok_or_else(|| "neither a time ago, as in 7d, nor a day or moment".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uid;

    #[test]
    fn moments_are_read_in_three_ways() {
        let now = Timestamp(1_100_003_600_000);
        assert_eq!(moment_at(now, "1h"), Ok(Timestamp(1_100_000_000_000)));
        assert_eq!(moment_at(now, "2004-11-09T12:33:20Z"), Ok(now));
        assert_eq!(moment_at(now, "2004-11-09T13:33:20+01:00"), Ok(now));
        assert_eq!(moment_at(now, "2004-11-09"), Ok(Timestamp(1_099_958_400_000)));
        for wrong in ["", "yesterday", "2004-13-09", "1960-01-01"] {
            assert!(moment_at(now, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_is_a_uid_unless_it_cannot_be() {
        assert_eq!(who("1000007"), Ok(Target::Uid(Uid(1_000_007))));
        assert_eq!(who("nick:1000007"), Ok(Target::Nickname("1000007".to_owned())));
        assert_eq!(who("filter 3"), Ok(Target::Nickname("filter 3".to_owned())));
        assert_eq!(who("2001:db8::1"), Ok(Target::Nickname("2001:db8::1".to_owned())));
        assert!(who("uid:bob").is_err());
    }
}
