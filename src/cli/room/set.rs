//! The settings that the command line changes.

use clap::{Args, value_parser};

use super::super::account::YesNo;
use super::super::failure::Failure;
use super::super::place::Place;
use super::super::who::Who;
use crate::control::rooms;
use crate::control::wire::RoomChanges;
use crate::model::{LinkRight, Rating};

#[derive(Args)]
pub(super) struct Settings {
    /// The line at the top of the window; "" for none
    #[arg(long, value_parser = topic)]
    topic: Option<String>,
    /// What newcomers are told; "" for nothing
    #[arg(long, value_parser = welcome)]
    welcome: Option<String>,
    /// Whom it is for: G (everybody), R (teens and adults) or A (adults)
    #[arg(long)]
    rating: Option<Rating>,
    /// The lockword that opens it
    #[arg(long, value_name = "WORD", value_parser = lockword, conflicts_with = "no_lockword")]
    lockword: Option<String>,
    /// Take the lockword away
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
    speakers: Option<u16>,
    /// How many seconds people wait between two messages, up to 3600, or "off"
    #[arg(long, value_name = "SECONDS", value_parser = slow_mode)]
    slowmode: Option<u16>,
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

    /// As it is asked for.
    pub(super) fn changes(self, place: &mut Place) -> Result<RoomChanges, Failure> {
        let yes = |answer: YesNo| answer == YesNo::Yes;
        let owner = self.owner.map(|who| place.find(&who)).transpose()?.map(|account| account.row.uid);
        Ok(RoomChanges {
            name: None,
            topic: self.topic,
            welcome: self.welcome,
            rating: self.rating,
            lockword: if self.no_lockword { Some(None) } else { self.lockword.map(Some) },
            owner: if self.no_owner { Some(None) } else { owner.map(Some) },
            admin_code: if self.no_admin_code { Some(None) } else { self.admin_code.map(Some) },
            category: self.category,
            speakers: self.speakers,
            slowmode: self.slowmode,
            links: self.links,
            no_linkers: self.no_linkers,
            new_user_mic: self.new_user_mic.map(yes),
            reddot_text: self.reddot_text.map(yes),
            reddot_video: self.reddot_video.map(yes),
        })
    }
}

pub(super) fn name(text: &str) -> Result<String, String> {
    rooms::name(text).map(|_| text.to_owned())
}

fn topic(text: &str) -> Result<String, String> {
    rooms::topic(text).map(|_| text.to_owned())
}

fn welcome(text: &str) -> Result<String, String> {
    rooms::welcome(text).map(|_| text.to_owned())
}

fn lockword(text: &str) -> Result<String, String> {
    rooms::lockword(text).map(|_| text.to_owned())
}

fn speakers(text: &str) -> Result<u16, String> {
    let count = text.parse().unwrap_or(0);
    rooms::speakers(count).map(|_| count)
}

fn slow_mode(text: &str) -> Result<u16, String> {
    let seconds = if text == "off" { 0 } else { text.parse().unwrap_or(u16::MAX) };
    rooms::slowmode(seconds).map(|_| seconds)
}
