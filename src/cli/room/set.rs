//! The settings that the command line changes.

use clap::{Args, value_parser};

use super::super::account::YesNo;
use super::super::failure::Failure;
use super::super::who::Who;
use crate::model::{
    CategoryId, LinkRight, Rating, RoomName, SlowMode, Speakers, TOPIC_MAX, WELCOME_MAX, from_cp1252,
    is_lockword, to_cp1252, topic_line,
};
use crate::store::{Reader, RoomRecord};

/// Windows-1252. Under its own name, a vector would be taken for an option that may be repeated.
type Bytes = Vec<u8>;

#[derive(Args)]
pub(super) struct Settings {
    /// The line at the top of the window; "" for none
    #[arg(long, value_parser = topic)]
    topic: Option<Bytes>,
    /// What newcomers are told; "" for nothing
    #[arg(long, value_parser = welcome)]
    welcome: Option<Bytes>,
    /// Whom it is for: G (everybody), R (teens and adults) or A (adults)
    #[arg(long)]
    rating: Option<Rating>,
    /// The password that opens it
    #[arg(long, value_name = "WORD", value_parser = lockword, conflicts_with = "no_lockword")]
    lockword: Option<Bytes>,
    /// Take the password away
    #[arg(long)]
    no_lockword: bool,
    /// Whose it is
    #[arg(long, value_name = "NICK|UID", conflicts_with = "no_owner")]
    owner: Option<Who>,
    /// Make it nobody's
    #[arg(long)]
    no_owner: bool,
    /// The number that makes people admins, 1 to 9999
    #[arg(long, value_name = "CODE", value_parser = value_parser!(u16).range(1..=9999), conflicts_with = "no_admin_code")]
    admin_code: Option<u16>,
    /// Take the admin code away
    #[arg(long)]
    no_admin_code: bool,
    /// The category it is listed in, by name or number
    #[arg(long)]
    category: Option<String>,
    /// How many may speak at once, 1 to 8
    #[arg(long, value_name = "NUMBER", value_parser = speakers)]
    speakers: Option<Speakers>,
    /// How many seconds people wait between two messages, up to 3600, or "off"
    #[arg(long, value_name = "SECONDS", value_parser = slow_mode)]
    slowmode: Option<SlowMode>,
    /// Who may post links: everybody, members (those with the right) or admins
    #[arg(long, value_name = "WHO")]
    links: Option<LinkRight>,
    /// Take the right to post links from everybody who was given it
    #[arg(long)]
    no_linkers: bool,
    /// Whether newcomers may speak
    #[arg(long, value_name = "yes|no", hide_possible_values = true)]
    new_user_mic: Option<YesNo>,
    /// Whether a red dot takes away text, too
    #[arg(long, value_name = "yes|no", hide_possible_values = true)]
    reddot_text: Option<YesNo>,
    /// Whether a red dot takes away video, too
    #[arg(long, value_name = "yes|no", hide_possible_values = true)]
    reddot_video: Option<YesNo>,
}

impl Settings {
    pub(super) fn has_category(&self) -> bool {
        self.category.is_some()
    }

    /// Whether nothing is to be changed.
    pub(super) fn is_empty(&self) -> bool {
        let values = self.topic.is_some()
            || self.welcome.is_some()
            || self.rating.is_some()
            || self.lockword.is_some()
            || self.owner.is_some()
            || self.admin_code.is_some()
            || self.category.is_some()
            || self.speakers.is_some()
            || self.slowmode.is_some()
            || self.links.is_some();
        let switches =
            self.new_user_mic.is_some() || self.reddot_text.is_some() || self.reddot_video.is_some();
        let removals = self.no_lockword || self.no_owner || self.no_admin_code || self.no_linkers;
        !(values || switches || removals)
    }

    /// The room with these settings.
    pub(super) fn apply(self, reader: &Reader, mut room: RoomRecord) -> Result<RoomRecord, Failure> {
        if let Some(name) = &self.category {
            room.category = category(reader, name)?;
        }
        if let Some(who) = &self.owner {
            room.owner = Some(who.find(reader)?.uid);
        } else if self.no_owner {
            room.owner = None;
        }
        replace(&mut room.topic, self.topic);
        replace(&mut room.welcome, self.welcome);
        replace(&mut room.rating, self.rating);
        replace(&mut room.speakers, self.speakers);
        replace(&mut room.slowmode, self.slowmode);
        replace(&mut room.links, self.links);
        if self.lockword.is_some() || self.no_lockword {
            room.lockword = self.lockword;
        }
        if self.admin_code.is_some() || self.no_admin_code {
            room.admin_code = self.admin_code;
        }
        if self.no_linkers {
            room.linkers.clear();
        }
        let yes = |answer: YesNo| answer == YesNo::Yes;
        replace(&mut room.new_user_mic, self.new_user_mic.map(yes));
        replace(&mut room.reddot_text, self.reddot_text.map(yes));
        replace(&mut room.reddot_video, self.reddot_video.map(yes));
        Ok(room)
    }
}

fn replace<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

fn category(reader: &Reader, wanted: &str) -> Result<CategoryId, Failure> {
    let number = wanted.parse().ok().map(CategoryId);
    let found = reader.categories()?.into_iter().find(|category| {
        Some(category.id) == number || category.name.eq_ignore_ascii_case(&to_cp1252(wanted))
    });
    match found {
        Some(found) if found.id.is_top_rooms() => Err(Failure::Usage(format!(
            "{} lists the fullest rooms of all categories; choose another one",
            from_cp1252(&found.name)
        ))),
        Some(found) => Ok(found.id),
        None => Err(Failure::NotFound(format!("no such category: {wanted}"))),
    }
}

/// What the clients can show of `text`, if that is all of it.
fn shown(text: &str) -> Result<Vec<u8>, String> {
    let bytes = to_cp1252(text);
    if from_cp1252(&bytes) != text || bytes.contains(&0) {
        return Err("the clients cannot show every character of this (they know Windows-1252 only)".into());
    }
    Ok(bytes)
}

pub(super) fn name(text: &str) -> Result<RoomName, String> {
    let reason = "a room's name has 1 to 50 characters, none of them a control character or È, \
                  and no blank at an end";
    RoomName::new(&shown(text)?).ok_or_else(|| reason.to_owned())
}

fn topic(text: &str) -> Result<Vec<u8>, String> {
    let bytes = shown(text)?;
    if topic_line(&bytes) == bytes {
        Ok(bytes)
    } else {
        Err(format!("a topic is one line of at most {TOPIC_MAX} characters"))
    }
}

fn welcome(text: &str) -> Result<Vec<u8>, String> {
    let bytes = shown(text)?;
    if bytes.len() <= WELCOME_MAX {
        Ok(bytes)
    } else {
        Err(format!("a welcome has at most {WELCOME_MAX} characters"))
    }
}

fn lockword(text: &str) -> Result<Vec<u8>, String> {
    let bytes = shown(text)?;
    if is_lockword(&bytes) { Ok(bytes) } else { Err("a password has 1 to 50 characters".to_owned()) }
}

fn speakers(text: &str) -> Result<Speakers, String> {
    let speakers = text.parse().ok().and_then(Speakers::new);
    speakers.ok_or_else(|| format!("write a number from 1 to {}", Speakers::MAX))
}

fn slow_mode(text: &str) -> Result<SlowMode, String> {
    if text == "off" {
        return Ok(SlowMode::OFF);
    }
    let slow_mode = text.parse().ok().and_then(SlowMode::new);
    slow_mode.ok_or_else(|| format!("write a number of seconds up to {}, or off", SlowMode::MAX))
}
