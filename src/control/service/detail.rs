//! One user, one room, and all bans.

use std::time::Duration;

use crate::hub::FeedEntry;
use crate::hub::actor::Query as HubQuery;
use crate::model::{Nickname, RoomId, Timestamp, Uid, to_cp1252};
use crate::store::{Account, BanTarget, Reader, Sanctions, StoreError};

use super::super::tables::{ask, store_refusal, strike_row};
use super::super::wire::{BanRow, Refusal, RoomDetail, Target, UserDetail};
use super::{Service, no_such_room, no_such_user};

/// Events shown with a user or room.
const EVENTS_OF_ONE: usize = 50;

impl Service {
    /// A user in detail.
    pub(in crate::control) async fn user(
        &self,
        target: Target,
        age: Duration,
    ) -> Result<UserDetail, Refusal> {
        let now = Timestamp::now();
        let found = self.parts.store.read(move |reader| account(reader, &target)).await.flatten();
        let Some((account, sanctions)) = found.map_err(store_refusal)? else {
            return Err(no_such_user());
        };
        let uid = account.uid;
        let mut row = self.tables.users(age).await?.iter().find(|row| row.uid == uid).cloned();
        self.trips.fill(row.as_mut_slice()).await;
        let inside = row.as_ref().map(|row| row.rooms.clone()).unwrap_or_default();
        let mut rooms = Vec::new();
        if !inside.is_empty() {
            let all = self.tables.rooms(age).await?;
            rooms.extend(
                all.iter().filter(|room| inside.contains(&room.id)).map(|room| (room.id, room.name.clone())),
            );
        }
        let nickname = account.nickname.to_string();
        let strikes = sanctions.strikes.as_ref();
        Ok(UserDetail {
            address: row.as_ref().map(|row| row.address),
            row,
            uid,
            roles: account.roles.iter().collect(),
            rooms,
            strikes: strikes.map(|record| strike_row(uid, nickname.clone(), record, now)),
            nickname,
            warnings: sanctions
                .warnings
                .iter()
                .map(|warning| (warning.at, warning.by.name(), warning.reason.clone()))
                .collect(),
            sanctions: in_words(&sanctions, now),
            created: account.created,
            events: self.events(|entry| entry.actor_uid == Some(uid) || entry.target_uid == Some(uid)),
        })
    }

    /// A room in detail.
    pub(in crate::control) async fn room(&self, id: RoomId) -> Result<RoomDetail, Refusal> {
        let inside = ask(&self.parts.hub, |to| HubQuery::Room(id, to)).await?;
        let Some(mut inside) = inside else {
            return Err(no_such_room(id));
        };
        inside.row.speakers = self.tables.speakers(id);
        inside.row.voice_traffic = self.tables.voice_traffic(id);
        let activity =
            self.parts.voice.as_ref().and_then(|voice| voice.room_activity(id)).unwrap_or_default();
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(RoomDetail {
            row: inside.row,
            members: inside.members,
            welcome: inside.welcome,
            slowmode: inside.slowmode,
            kept_out: inside.kept_out,
            listeners: (small(activity.tcp_listeners), small(activity.udp_listeners)),
            events: self.events(|entry| entry.room == Some(id)),
        })
    }

    fn events(&self, concerns: impl Fn(&FeedEntry) -> bool) -> Vec<FeedEntry> {
        let all = self.parts.feed.since(0, usize::MAX).entries;
        let mut found: Vec<_> = all
            .iter()
            .rev()
            .filter(|entry| concerns(entry))
            .take(EVENTS_OF_ONE)
            .map(|it| (**it).clone())
            .collect();
        found.reverse();
        found
    }
}

fn uid_of(reader: &Reader, target: &Target) -> Result<Option<Uid>, StoreError> {
    match target {
        Target::Uid(uid) => Ok(Some(*uid)),
        Target::Nickname(name) => match Nickname::built_in(&to_cp1252(name)) {
            Ok(nickname) => reader.uid_by_name(&nickname.key()),
            Err(_) => Ok(None),
        },
    }
}

fn account(reader: &Reader, target: &Target) -> Result<Option<(Account, Sanctions)>, StoreError> {
    let Some(uid) = uid_of(reader, target)? else { return Ok(None) };
    let Some(account) = reader.account(uid)? else { return Ok(None) };
    Ok(Some((account, reader.sanctions(uid)?)))
}

fn in_words(sanctions: &Sanctions, now: Timestamp) -> Vec<String> {
    let until =
        |until: Option<Timestamp>| until.map_or("for good".to_owned(), |at| format!("until {}", at.utc()));
    let because = |reason: &str| if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let mut words = Vec::new();
    if let Some(ban) = sanctions.ban.as_ref().filter(|ban| ban.holds(now)) {
        words.push(format!("banned {} by {}{}", until(ban.until), ban.by, because(&ban.reason)));
    }
    for mute in sanctions.mutes.iter().filter(|mute| mute.holds(now)) {
        let what = match mute.kind {
            crate::store::MuteKind::Text => "muted",
            crate::store::MuteKind::Media => "without voice, calls and files",
        };
        words.push(format!("{what} {} by {}{}", until(mute.until), mute.by, because(&mute.reason)));
    }
    words
}

pub(super) fn all_bans(reader: &Reader, now: Timestamp) -> Result<Vec<BanRow>, StoreError> {
    let mut rows = Vec::new();
    for ban in reader.bans()?.into_iter().filter(|ban| ban.holds(now)) {
        let (target, scope) = match ban.target {
            BanTarget::Account(uid) => {
                let name = reader.account(uid)?.map(|account| account.nickname).or(ban.nickname);
                (name.map_or_else(|| uid.to_string(), |name| name.to_string()), "account")
            }
            BanTarget::Network(net) if net.prefix_len() == net.max_prefix_len() => {
                (net.addr().to_string(), "address")
            }
            BanTarget::Network(net) => (net.to_string(), "address"),
        };
        rows.push(BanRow {
            target,
            scope: scope.to_owned(),
            room: None,
            until: ban.until.map(Timestamp::rfc3339),
            reason: ban.reason,
            by: ban.by.name(),
            at: ban.at.rfc3339(),
        });
    }
    for (room, entry) in reader.exclusions(crate::store::ExclusionKind::Ban)? {
        if !entry.holds(now) {
            continue;
        }
        let by = reader.account(entry.by)?.map_or_else(|| entry.by.to_string(), |it| it.nickname.to_string());
        rows.push(BanRow {
            target: entry.nickname.to_string(),
            scope: "room".to_owned(),
            room: Some(room),
            until: entry.until.map(Timestamp::rfc3339),
            reason: crate::model::from_cp1252(&entry.reason),
            by,
            at: entry.at.rfc3339(),
        });
    }
    Ok(rows)
}
