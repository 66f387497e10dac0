//! Detectors of spam: similar messages, links, and speed.
//!
//! A message is first checked, which changes nothing, and counted only once it has been accepted by
//! everybody who has a say. What was refused does not count for later messages: the detectors look
//! at what others got to see. An offence is counted by [`Detectors::offend`], which also says how
//! long it mutes.
//!
//! Texts are without markup ([`crate::protocol::markup::strip`]) and folded
//! ([`fold`](crate::model::fold::fold)), so that neither tags nor spelling hide anything.

mod flood;
mod links;
mod offences;
mod settings;
mod window;

use std::fmt;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::model::{Now, Uid};
use crate::store::OffenceRecord;

pub use links::{Whitelist, count_links};
pub use offences::{LADDER, Offences};
pub use settings::Settings;

use flood::{Said, compared};
use window::{MINUTE, Times};

/// What was detected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OffenceKind {
    /// The same again and again.
    Flood,
    /// Too many links in one message.
    LinksInMessage,
    /// Too many links in a minute.
    LinksInMinute,
    /// Too many messages in a minute.
    Rapid,
}

impl OffenceKind {
    /// The name in logs.
    pub fn name(self) -> &'static str {
        match self {
            OffenceKind::Flood => "flood",
            OffenceKind::LinksInMessage => "links_in_message",
            OffenceKind::LinksInMinute => "links_in_minute",
            OffenceKind::Rapid => "rapid",
        }
    }
}

/// Why a message must not pass. Shown as a sentence for the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offence {
    /// What was detected.
    pub kind: OffenceKind,
    /// How many there would be with this message: similar messages, links, or messages.
    pub seen: usize,
    /// The most there may be.
    pub limit: usize,
    /// In what time; zero for one message.
    pub window: Duration,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Offence { seen, limit, window, .. } = self;
        let seconds = window.as_secs();
        match self.kind {
            OffenceKind::Flood => {
                write!(f, "You said nearly the same {seen} times within {seconds} seconds.")
            }
            OffenceKind::LinksInMessage if *limit == 0 => write!(f, "Links are not allowed here."),
            OffenceKind::LinksInMessage => {
                write!(f, "There are {seen} links in your message; {limit} are allowed.")
            }
            OffenceKind::LinksInMinute => {
                write!(f, "That would be {seen} links within {seconds} seconds; {limit} are allowed.")
            }
            OffenceKind::Rapid => {
                write!(f, "That would be {seen} messages within {seconds} seconds; {limit} are allowed.")
            }
        }
    }
}

/// All detectors, and what they know of everybody.
#[derive(Debug, Default)]
pub struct Detectors {
    /// The thresholds.
    pub settings: Settings,
    /// Links that do not count.
    pub whitelist: Whitelist,
    /// Who offended, and who is exempt.
    pub offences: Offences,
    // Uids are given out by the server, so that nobody can choose them to collide.
    users: FxHashMap<Uid, Recent>,
}

/// What one user did lately.
#[derive(Clone, Debug, Default)]
struct Recent {
    said: Said,
    links: Times,
    messages: Times,
}

impl Detectors {
    /// How many links a message of `uid`, folded, adds to those of his last minute, if it may pass; or
    /// why it must not. Changes nothing.
    pub fn check(&self, now: Now, uid: Uid, folded: &[u8]) -> Result<usize, Offence> {
        if self.offences.record(uid).exempt {
            return Ok(0);
        }
        let none = Recent::default();
        let recent = self.users.get(&uid).unwrap_or(&none);
        if let Some(offence) = self.check_flood(now, recent, folded) {
            return Err(offence);
        }
        let links = self.check_links(now, recent, folded)?;
        self.check_rapid(now, recent).map_or(Ok(links), Err)
    }

    /// Counts a message, folded, that was accepted, with the links that [`Detectors::check`] found.
    pub fn accept(&mut self, now: Now, uid: Uid, folded: &[u8], links: usize) {
        let Detectors { settings, offences, .. } = self;
        if offences.record(uid).exempt || !(settings.flood || settings.links || settings.rapid) {
            return;
        }
        let recent = self.users.entry(uid).or_default();
        if settings.flood {
            recent.said.add(now.uptime, settings, compared(folded));
        }
        if settings.links && links > 0 {
            recent.links.add(now.uptime, links, settings.links_per_minute as usize);
        }
        if settings.rapid {
            recent.messages.add(now.uptime, 1, settings.rapid_per_minute as usize);
        }
    }

    /// Counts an offence of `uid`. Returns his record as it is to be kept, and how long he is muted.
    pub fn offend(&mut self, now: Now, uid: Uid) -> (OffenceRecord, Option<Duration>) {
        let mutes = self.settings.mutes;
        let record = self.offences.offend(now, uid, mutes);
        (record, mutes.then(|| offences::mute(record.offences)))
    }

    /// Forgets what a user did lately and his offences. Returns the record that is to be kept.
    pub fn reset(&mut self, uid: Uid) -> Option<OffenceRecord> {
        self.users.remove(&uid);
        self.offences.reset(uid)
    }

    /// Forgets what does not count any more; to be called now and then. Returns whose record changed,
    /// with what is to be kept.
    pub fn sweep(&mut self, now: Now) -> Vec<(Uid, Option<OffenceRecord>)> {
        let settings = &self.settings;
        self.users.retain(|_, recent| {
            !(recent.said.is_over(now.uptime, settings)
                && recent.links.is_over(now.uptime)
                && recent.messages.is_over(now.uptime))
        });
        self.users.shrink_to(self.users.len() * 2);
        match settings.forget_days {
            0 => Vec::new(),
            days => self.offences.forget(now, Duration::from_secs(u64::from(days) * 24 * 60 * 60)),
        }
    }

    fn check_flood(&self, now: Now, recent: &Recent, folded: &[u8]) -> Option<Offence> {
        if !self.settings.flood {
            return None;
        }
        let limit = (self.settings.flood_messages as usize).saturating_sub(1);
        let seen = 1 + recent.said.similar(now.uptime, &self.settings, compared(folded), limit);
        let window = self.settings.flood_window();
        (seen > limit).then_some(Offence { kind: OffenceKind::Flood, seen, limit, window })
    }

    fn check_links(&self, now: Now, recent: &Recent, folded: &[u8]) -> Result<usize, Offence> {
        let Settings { links: on, links_per_message, links_per_minute, .. } = self.settings;
        let links = if on { count_links(folded, &self.whitelist) } else { 0 };
        if links == 0 {
            return Ok(0);
        }
        let limit = links_per_message as usize;
        if links > limit {
            let kind = OffenceKind::LinksInMessage;
            return Err(Offence { kind, seen: links, limit, window: Duration::ZERO });
        }
        let (seen, limit) = (recent.links.in_last_minute(now.uptime) + links, links_per_minute as usize);
        if seen > limit {
            return Err(Offence { kind: OffenceKind::LinksInMinute, seen, limit, window: MINUTE });
        }
        Ok(links)
    }

    fn check_rapid(&self, now: Now, recent: &Recent) -> Option<Offence> {
        let (seen, limit) =
            (recent.messages.in_last_minute(now.uptime) + 1, self.settings.rapid_per_minute as usize);
        (self.settings.rapid && seen > limit).then_some(Offence {
            kind: OffenceKind::Rapid,
            seen,
            limit,
            window: MINUTE,
        })
    }
}

#[cfg(test)]
mod tests;
