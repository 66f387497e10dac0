//! The chain: every obstacle in its order.

use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::config::Spam;
use crate::model::{Now, Obstacle, Roles, RoomId, SlowMode, Uid, fold};
use crate::store::{FilterAction, FilterConsequence, Mute, StrikeRecord};

use super::act::{Act, Aftermath, Refusal, Verdict, told};
use super::duplicates::{self, Fingerprint, Texts};
use super::filter::Match;
use super::judges::{Detectors, Filters};
use super::recent::{Horizon, Recent};
use super::slowmode::{Place, Slowmodes};
use super::strikes::Strikes;
use super::words::words;
use super::{Violation, spam, volume};

/// Tables with fewer entries are not worth a sweep.
pub(super) const SWEEP_AT_LEAST: usize = 64;

/// Bytes that are kept for folded texts.
const KEPT: usize = 4096;

/// What is remembered of somebody who has sent something lately.
#[derive(Default, Debug)]
struct Talker {
    recent: Recent,
    texts: Texts,
    /// When his last act was accepted; beside the others, so that a sweep need not look into them.
    last: Duration,
}

/// The first obstacle that has something against an act.
enum Objection<O> {
    Strike(Duration),
    Violation(Violation),
    Volume(Duration),
    Duplicate,
    LinkRight(&'static str),
    Offence(O),
    Filter(Vec<Match>),
    Slowmode(Duration, Place),
}

impl<O> Objection<O> {
    fn obstacle(&self) -> Obstacle {
        match self {
            Objection::Strike(_) => Obstacle::Strike,
            Objection::Violation(Violation::Cooldown { .. }) => Obstacle::Cooldown,
            Objection::Violation(Violation::Window { .. }) => Obstacle::Window,
            Objection::Volume(_) => Obstacle::PerMinute,
            Objection::Duplicate => Obstacle::Duplicates,
            Objection::LinkRight(_) => Obstacle::LinkRight,
            Objection::Offence(_) => Obstacle::Detector,
            Objection::Filter(_) => Obstacle::Filter,
            Objection::Slowmode(..) => Obstacle::Slowmode,
        }
    }
}

/// The guard of the whole service, with its detectors and filters.
#[derive(Debug, Default)]
pub struct Guard<D = (), F = ()> {
    /// The detectors.
    pub detectors: D,
    /// The filters; compiled elsewhere and put here.
    pub filters: F,
    limits: Spam,
    // Uids are given out by the server, so that nobody can choose them to collide.
    talkers: FxHashMap<Uid, Talker>,
    strikes: Strikes,
    slowmodes: Slowmodes,
    /// Acceptances until the next sweep.
    sweep_in: usize,
    /// Room for the text that is judged, so that not every message needs some.
    folded: Vec<u8>,
}

/// The text of an act, folded, and its fingerprint, worked out once for the check and for acceptance.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) folded: &'a [u8],
    pub(super) print: Option<Fingerprint>,
}

impl<D: Detectors, F: Filters> Guard<D, F> {
    /// A guard that knows nobody yet.
    pub fn new(limits: Spam, detectors: D, filters: F) -> Guard<D, F> {
        let (talkers, strikes, slowmodes) = (FxHashMap::default(), Strikes::default(), Slowmodes::default());
        Guard { detectors, filters, limits, talkers, strikes, slowmodes, sweep_in: 0, folded: Vec::new() }
    }

    /// Puts other limits in force. A raised one may miss, for its first span, what was no longer needed.
    pub fn set_limits(&mut self, limits: Spam) {
        self.limits = limits;
    }

    /// Decides about an act. `mute` is what the sender's record says, whether it still holds or not.
    /// Accepting counts; refusing counts nothing but the violation or offence that was committed.
    pub fn judge(&mut self, now: Now, act: &Act<'_>, mute: Option<&Mute>) -> Verdict {
        if let Some(mute) = mute.filter(|mute| mute.holds(now.wall)) {
            return refuse(Obstacle::Mute, told(mute));
        }
        let mut buffer = std::mem::take(&mut self.folded);
        let verdict = self.judge_in(&mut buffer, now, act);
        // One long text must not keep much for good.
        buffer.shrink_to(KEPT);
        self.folded = buffer;
        verdict
    }

    fn judge_in(&mut self, buffer: &mut Vec<u8>, now: Now, act: &Act<'_>) -> Verdict {
        let said = act.text.map(|text| {
            fold::fold_into(text, buffer);
            let duplicates = self.limits.duplicate_messages.is_some();
            Said { folded: buffer, print: duplicates.then(|| Fingerprint::of(buffer)) }
        });
        if self.is_exempt(act.roles) {
            // He is spared what holds for people, not what holds for a room.
            return match self.link_right(act, said) {
                None => Verdict::Accept { matches: Vec::new() },
                Some(why) => refuse(Obstacle::LinkRight, why.to_owned()),
            };
        }
        match self.check(now, act, said) {
            Ok((matches, links)) => {
                self.accept(now, act, said, links);
                Verdict::Accept { matches }
            }
            Err(objection) => self.refuse(now, act, objection),
        }
    }

    fn is_exempt(&self, roles: Roles) -> bool {
        roles.iter().any(|role| self.limits.exempt_roles.contains(role))
    }

    /// Why nothing of a user passes, whatever it is, if he is muted: by the record that is given, as to
    /// [`Guard::judge`], or for his strikes.
    pub fn silenced(
        &self,
        now: Now,
        uid: Uid,
        roles: Roles,
        mute: Option<&Mute>,
    ) -> Option<(Obstacle, String)> {
        if let Some(mute) = mute.filter(|mute| mute.holds(now.wall)) {
            return Some((Obstacle::Mute, told(mute)));
        }
        let left = self.strikes.muted(now, uid).filter(|_| !self.is_exempt(roles))?;
        Some((Obstacle::Strike, self.strikes.told(uid, left)))
    }

    /// Why the links in a text must not be posted, if there are any and the sender may post none.
    fn link_right(&self, act: &Act<'_>, said: Option<Said<'_>>) -> Option<&'static str> {
        let (why, said) = act.no_links.zip(said)?;
        (self.detectors.links(said.folded) > 0).then_some(why)
    }

    /// Asks every obstacle in turn; changes nothing. What is left are matches of filters that do not block,
    /// and the number of links in the text that count.
    fn check(
        &self,
        now: Now,
        act: &Act<'_>,
        said: Option<Said<'_>>,
    ) -> Result<(Vec<Match>, usize), Objection<D::Offence>> {
        let (uid, limits) = (act.uid, &self.limits);
        if let Some(left) = self.strikes.muted(now, uid) {
            return Err(Objection::Strike(left));
        }
        if let Some(Talker { recent, texts, .. }) = self.talkers.get(&uid) {
            let violation = spam::cooldown(limits, recent, now.uptime)
                .or_else(|| spam::window(limits, recent, now.uptime));
            if let Some(violation) = violation {
                return Err(Objection::Violation(violation));
            }
            if let Some(wait) = volume::wait(limits, recent, now.uptime) {
                return Err(Objection::Volume(wait));
            }
            let print = said.and_then(|said| said.print);
            if print.is_some_and(|print| texts.repeats(limits, now.uptime, print)) {
                return Err(Objection::Duplicate);
            }
        }
        if let Some(why) = self.link_right(act, said) {
            return Err(Objection::LinkRight(why));
        }
        let (mut matches, mut links) = (Vec::new(), 0);
        if let Some(Said { folded, .. }) = said {
            links = self.detectors.check(now, uid, folded).map_err(Objection::Offence)?;
            matches = self.filters.check(folded, act.rating);
            if matches.iter().any(|found| found.action == FilterAction::Block) {
                return Err(Objection::Filter(matches));
            }
        }
        match self.slowmodes.wait(now, uid, room_of(act)) {
            Some((left, place)) => Err(Objection::Slowmode(left, place)),
            None => Ok((matches, links)),
        }
    }

    pub(super) fn accept(&mut self, now: Now, act: &Act<'_>, said: Option<Said<'_>>, links: usize) {
        let horizon = Horizon::of(&self.limits);
        let talker = self.talkers.entry(act.uid).or_default();
        talker.last = now.uptime;
        talker.recent.accept(now.uptime, horizon);
        if let Some(print) = said.and_then(|said| said.print) {
            talker.texts.accept(now.uptime, print);
        }
        if let Some(Said { folded, .. }) = said {
            self.detectors.accept(now, act.uid, folded, links);
        }
        self.slowmodes.accept(now, act.uid, room_of(act));
        // Everybody is looked at only after as many acceptances: a constant share for each.
        self.sweep_in = self.sweep_in.saturating_sub(1);
        if self.sweep_in == 0 {
            let span = horizon.span.max(duplicates::REMEMBERED);
            self.talkers.retain(|_, talker| now.uptime.saturating_sub(talker.last) < span);
            // Not below twice the need, or memory would come and go.
            self.talkers.shrink_to(self.talkers.len() * 2);
            self.sweep_in = self.talkers.len().max(SWEEP_AT_LEAST);
        }
    }

    fn refuse(&mut self, now: Now, act: &Act<'_>, objection: Objection<D::Offence>) -> Verdict {
        let obstacle = objection.obstacle();
        if act.automatic {
            return refuse(obstacle, "This automatic answer was not sent.".to_owned());
        }
        match objection {
            Objection::Strike(left) => refuse(obstacle, self.strikes.told(act.uid, left)),
            Objection::Violation(violation) => {
                let (struck, mute, text) = self.strikes.strike(self.limits.decay, now, act.uid, violation);
                punish(obstacle, text, Some(mute), Aftermath::Struck(struck))
            }
            Objection::Volume(wait) => {
                let most = self.limits.messages_per_minute.unwrap_or_default();
                let wait = words(wait);
                refuse(
                    obstacle,
                    format!("That is more than {most} messages a minute. You can send again in {wait}."),
                )
            }
            Objection::Duplicate => {
                refuse(obstacle, "You have just said that: say something else first.".to_owned())
            }
            Objection::LinkRight(why) => refuse(obstacle, why.to_owned()),
            Objection::Offence(offence) => {
                let (record, mute) = self.detectors.offend(now, act.uid, &offence);
                let aftermath = Aftermath::Offence { detector: D::name(&offence), record };
                punish(obstacle, with_mute(&offence.to_string(), mute), mute, aftermath)
            }
            Objection::Filter(matches) => {
                let worst = matches.iter().find(|found| found.action == FilterAction::Block);
                let mute = match worst.map(|found| found.consequence) {
                    Some(FilterConsequence::Mute { seconds }) => Some(Duration::from_secs(seconds.into())),
                    _ => None,
                };
                let text = "This was not sent: it has something in it that is not allowed here.";
                punish(obstacle, with_mute(text, mute), mute, Aftermath::Filtered(matches))
            }
            Objection::Slowmode(left, place) => refuse(obstacle, self.slowmodes.told(left, place)),
        }
    }

    /// How long the machine's mute of a user lasts yet, if he is muted for his strikes.
    pub fn muted(&self, now: Now, uid: Uid) -> Option<Duration> {
        self.strikes.muted(now, uid)
    }

    /// How an account stands, with what decay has forgiven; `None` if it was never struck.
    pub fn record(&self, now: Now, uid: Uid) -> Option<StrikeRecord> {
        self.strikes.record(self.limits.decay, now, uid)
    }

    /// Takes over what was kept of an account. What is left of its mute is never longer than that
    /// mute was, whatever became of the calendar; an account known already is left as it is.
    pub fn restore(&mut self, now: Now, uid: Uid, record: StrikeRecord) {
        self.strikes.restore(now, uid, record);
    }

    /// Takes over what is kept of an account in the place of what is known of it. If that is the same, a
    /// mute goes on as it is, whatever became of the calendar.
    pub fn believe(&mut self, now: Now, uid: Uid, record: Option<StrikeRecord>) {
        self.strikes.believe(now, uid, record);
    }

    /// Forgets strikes, stage and mute of an account. Returns whether there was anything.
    pub fn clear(&mut self, uid: Uid) -> bool {
        self.strikes.clear(uid)
    }

    /// Sets or ends the slowmode of a room, or of the whole server (`None`), where it holds for every
    /// act. A room that closes has none any more.
    pub fn set_slowmode(&mut self, room: Option<RoomId>, slowmode: SlowMode) {
        self.slowmodes.set(room, slowmode);
    }

    /// The slowmode of a room, or of the whole server.
    #[cfg(test)]
    pub(crate) fn slowmode(&self, room: Option<RoomId>) -> SlowMode {
        self.slowmodes.at(room)
    }

    /// How many users are remembered for what they have sent lately.
    #[cfg(test)]
    pub(super) fn talkers(&self) -> usize {
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

fn refuse(obstacle: Obstacle, text: String) -> Verdict {
    punish(obstacle, text, None, Aftermath::None)
}

fn punish(obstacle: Obstacle, text: String, mute: Option<Duration>, aftermath: Aftermath) -> Verdict {
    Verdict::Refuse(Box::new(Refusal { obstacle, text, mute, aftermath }))
}
