//! The chain: every link in its order.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::config::Spam;
use crate::model::{Now, Rating, RoomId, Uid};

use super::act::{Act, Aftermath, Link, Mute, Refusal, Verdict};
use super::detect;
use super::duplicates::{Fingerprint, Texts};
use super::filter::{Action, Consequence, FilterSet, Match};
use super::recent::{Horizon, Recent};
use super::slowmode::{Place, Slowmode, Slowmodes};
use super::strikes::{SpamRecord, Strikes};
use super::words::words;
use super::{Violation, spam, volume};

/// The detectors, as the chain sees them. `()` detects nothing.
pub trait Detectors {
    /// What was detected; shown as a sentence for the user.
    type Offence: fmt::Display;

    /// Whether a text of `uid`, in Windows-1252 without markup, must not pass. Changes nothing.
    fn check(&self, now: Now, uid: Uid, text: &[u8]) -> Option<Self::Offence>;
    /// Counts a text that was accepted.
    fn accept(&mut self, now: Now, uid: Uid, text: &[u8]);
    /// Counts an offence. Returns how long it mutes, if it does.
    fn offend(&mut self, now: Now, uid: Uid, offence: &Self::Offence) -> Option<Duration>;
    /// The name of what was detected, for logs.
    fn name(offence: &Self::Offence) -> &'static str;
}

impl Detectors for () {
    type Offence = std::convert::Infallible;

    fn check(&self, _: Now, _: Uid, _: &[u8]) -> Option<Self::Offence> {
        None
    }

    fn accept(&mut self, _: Now, _: Uid, _: &[u8]) {}

    fn offend(&mut self, _: Now, _: Uid, offence: &Self::Offence) -> Option<Duration> {
        match *offence {}
    }

    fn name(offence: &Self::Offence) -> &'static str {
        match *offence {}
    }
}

impl Detectors for detect::Detectors {
    type Offence = detect::Offence;

    fn check(&self, now: Now, uid: Uid, text: &[u8]) -> Option<detect::Offence> {
        detect::Detectors::check(self, now, uid, text)
    }

    fn accept(&mut self, now: Now, uid: Uid, text: &[u8]) {
        detect::Detectors::accept(self, now, uid, text);
    }

    fn offend(&mut self, now: Now, uid: Uid, offence: &detect::Offence) -> Option<Duration> {
        // The record that is to be kept stays where it can be asked for.
        detect::Detectors::offend(self, now, uid, offence.kind).1
    }

    fn name(offence: &detect::Offence) -> &'static str {
        offence.kind.name()
    }
}

/// The filters, as the chain sees them. `()` matches nothing.
pub trait Filters {
    /// The filters that match a text in Windows-1252 without markup, the worst first; `rating` is that
    /// of the room in which it is said, if it is in a room.
    fn check(&self, text: &[u8], rating: Option<Rating>) -> Vec<Match>;
}

impl Filters for () {
    fn check(&self, _: &[u8], _: Option<Rating>) -> Vec<Match> {
        Vec::new()
    }
}

impl Filters for FilterSet {
    fn check(&self, text: &[u8], rating: Option<Rating>) -> Vec<Match> {
        FilterSet::check(self, text, rating)
    }
}

/// Tables with fewer entries are not worth a sweep.
pub(super) const SWEEP_AT_LEAST: usize = 64;

/// What is remembered of somebody who has sent something lately.
#[derive(Default, Debug)]
struct Talker {
    recent: Recent,
    texts: Texts,
}

/// The first link that has something against an act.
enum Objection<O> {
    Strike(Duration),
    Violation(Violation),
    Volume(Duration),
    Duplicate,
    Offence(O),
    Filter(Vec<Match>),
    Slowmode(Duration, Place),
}

/// The guard of the whole service, with its detectors and filters.
#[derive(Debug, Default)]
pub struct Guard<D = (), F = ()> {
    /// The detectors.
    pub detectors: D,
    /// The filters; compiled elsewhere and put here.
    pub filters: F,
    limits: Spam,
    talkers: HashMap<Uid, Talker>,
    strikes: Strikes,
    slowmodes: Slowmodes,
    /// Acceptances until the next sweep.
    sweep_in: usize,
}

impl<D: Detectors, F: Filters> Guard<D, F> {
    /// A guard that knows nobody yet.
    pub fn new(limits: Spam, detectors: D, filters: F) -> Guard<D, F> {
        let (talkers, strikes, slowmodes) = (HashMap::new(), Strikes::default(), Slowmodes::default());
        Guard { detectors, filters, limits, talkers, strikes, slowmodes, sweep_in: 0 }
    }

    /// Puts other limits in force. A raised one may miss, for its first span, what was no longer needed.
    pub fn set_limits(&mut self, limits: Spam) {
        self.limits = limits;
    }

    /// Decides about an act. `mute` is what the sender's record says, whether it still holds or not.
    /// Accepting counts; refusing counts nothing but the violation or offence that was committed.
    pub fn judge(&mut self, now: Now, act: &Act<'_>, mute: Option<&Mute>) -> Verdict {
        if let Some(mute) = mute.filter(|mute| mute.holds(now.wall)) {
            return refuse(Link::Mute, mute.told());
        }
        if self.is_exempt(act) {
            return Verdict::Accept { matches: Vec::new() };
        }
        // Worked out once for the check and for acceptance.
        let duplicates = self.limits.duplicate_messages.is_some();
        let print = act.text.filter(|_| duplicates).map(Fingerprint::of);
        match self.check(now, act, print) {
            Ok(matches) => {
                self.accept(now, act, print);
                Verdict::Accept { matches }
            }
            Err(objection) => self.refuse(now, act, objection),
        }
    }

    fn is_exempt(&self, act: &Act<'_>) -> bool {
        act.roles.iter().any(|role| self.limits.exempt_roles.contains(role))
    }

    /// Asks every link in turn; changes nothing. What is left are matches of filters that do not block.
    fn check(
        &self,
        now: Now,
        act: &Act<'_>,
        print: Option<Fingerprint>,
    ) -> Result<Vec<Match>, Objection<D::Offence>> {
        let (uid, limits) = (act.uid, &self.limits);
        if let Some(left) = self.strikes.muted(now, uid) {
            return Err(Objection::Strike(left));
        }
        if let Some(Talker { recent, texts }) = self.talkers.get(&uid) {
            let violation = spam::cooldown(limits, recent, now.uptime)
                .or_else(|| spam::window(limits, recent, now.uptime));
            if let Some(violation) = violation {
                return Err(Objection::Violation(violation));
            }
            if let Some(wait) = volume::wait(limits, recent, now.uptime) {
                return Err(Objection::Volume(wait));
            }
            if print.is_some_and(|print| texts.repeats(limits, now.uptime, print)) {
                return Err(Objection::Duplicate);
            }
        }
        let mut matches = Vec::new();
        if let Some(text) = act.text {
            if let Some(offence) = self.detectors.check(now, uid, text) {
                return Err(Objection::Offence(offence));
            }
            matches = self.filters.check(text, act.rating);
            if matches.iter().any(|found| found.action == Action::Block) {
                return Err(Objection::Filter(matches));
            }
        }
        match self.slowmodes.wait(now, uid, room_of(act)) {
            Some((left, place)) => Err(Objection::Slowmode(left, place)),
            None => Ok(matches),
        }
    }

    pub(super) fn accept(&mut self, now: Now, act: &Act<'_>, print: Option<Fingerprint>) {
        let horizon = Horizon::of(&self.limits);
        let talker = self.talkers.entry(act.uid).or_default();
        talker.recent.accept(now.uptime, horizon);
        if let Some(print) = print {
            talker.texts.accept(now.uptime, print);
        }
        if let Some(text) = act.text {
            self.detectors.accept(now, act.uid, text);
        }
        self.slowmodes.accept(now, act.uid, room_of(act));
        // Everybody is looked at only after as many acceptances: a constant share for each.
        self.sweep_in = self.sweep_in.saturating_sub(1);
        if self.sweep_in == 0 {
            self.talkers.retain(|_, Talker { recent, texts }| {
                let talked = recent.forget(now.uptime, horizon);
                recent.shrink();
                texts.forget(now.uptime) || talked
            });
            // Not below twice the need, or memory would come and go.
            self.talkers.shrink_to(self.talkers.len() * 2);
            self.sweep_in = self.talkers.len().max(SWEEP_AT_LEAST);
        }
    }

    fn refuse(&mut self, now: Now, act: &Act<'_>, objection: Objection<D::Offence>) -> Verdict {
        match objection {
            Objection::Strike(left) => refuse(Link::Strike, self.strikes.told(act.uid, left)),
            Objection::Violation(violation) => {
                let link = match violation {
                    Violation::Cooldown { .. } => Link::Cooldown,
                    Violation::Window { .. } => Link::Window,
                };
                let (struck, mute, text) = self.strikes.strike(self.limits.decay, now, act.uid, violation);
                punish(link, text, Some(mute), Aftermath::Struck(struck))
            }
            Objection::Volume(wait) => {
                let most = self.limits.messages_per_minute.unwrap_or_default();
                let wait = words(wait);
                refuse(
                    Link::PerMinute,
                    format!("That is more than {most} messages a minute. You can send again in {wait}."),
                )
            }
            Objection::Duplicate => {
                refuse(Link::Duplicates, "You have just said that: say something else first.".to_owned())
            }
            Objection::Offence(offence) => {
                let mute = self.detectors.offend(now, act.uid, &offence);
                let aftermath = Aftermath::Offence { detector: D::name(&offence) };
                punish(Link::Detector, with_mute(&offence.to_string(), mute), mute, aftermath)
            }
            Objection::Filter(matches) => {
                let worst = matches.iter().find(|found| found.action == Action::Block);
                let mute = match worst.map(|found| found.consequence) {
                    Some(Consequence::Mute(time)) => Some(time),
                    _ => None,
                };
                let text = "This was not sent: it has something in it that is not allowed here.";
                punish(Link::Filter, with_mute(text, mute), mute, Aftermath::Filtered(matches))
            }
            Objection::Slowmode(left, place) => refuse(Link::Slowmode, self.slowmodes.told(left, place)),
        }
    }

    /// How long the machine's mute of a user lasts yet, if he is muted for his strikes.
    pub fn muted(&self, now: Now, uid: Uid) -> Option<Duration> {
        self.strikes.muted(now, uid)
    }

    /// How an account stands, with what decay has forgiven; `None` if it was never struck.
    pub fn record(&self, now: Now, uid: Uid) -> Option<SpamRecord> {
        self.strikes.record(self.limits.decay, now, uid)
    }

    /// How every account stands that was ever struck and not cleared since, in no order.
    pub fn records(&self, now: Now) -> impl Iterator<Item = (Uid, SpamRecord)> {
        self.strikes.all(self.limits.decay, now)
    }

    /// Takes over what was kept of an account. What is left of its mute is never longer than that
    /// mute was, whatever became of the calendar; an account known already is left as it is.
    pub fn restore(&mut self, now: Now, uid: Uid, record: SpamRecord) {
        self.strikes.restore(now, uid, record);
    }

    /// Forgets strikes, stage and mute of an account. Returns whether there was anything.
    pub fn clear(&mut self, uid: Uid) -> bool {
        self.strikes.clear(uid)
    }

    /// Sets or ends the slowmode of a room, or of the whole server (`None`), where it holds for every
    /// act. A room that closes has none any more.
    pub fn set_slowmode(&mut self, room: Option<RoomId>, slowmode: Option<Slowmode>) {
        self.slowmodes.set(room, slowmode);
    }

    /// The slowmode of a room, or of the whole server.
    pub fn slowmode(&self, room: Option<RoomId>) -> Option<Slowmode> {
        self.slowmodes.at(room)
    }

    /// How many users are remembered for what they have sent lately.
    pub fn talkers(&self) -> usize {
        self.talkers.len()
    }
}

/// The room whose slowmode holds for an act.
fn room_of(act: &Act<'_>) -> Place {
    act.room.filter(|_| !act.spared_slowmode)
}

fn with_mute(text: &str, mute: Option<Duration>) -> String {
    match mute {
        Some(time) => format!("{text} You are muted for {}.", words(time)),
        None => text.to_owned(),
    }
}

fn refuse(link: Link, text: String) -> Verdict {
    punish(link, text, None, Aftermath::None)
}

fn punish(link: Link, text: String, mute: Option<Duration>, aftermath: Aftermath) -> Verdict {
    Verdict::Refuse(Box::new(Refusal { link, text, mute, aftermath }))
}
