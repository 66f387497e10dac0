//! What operators change about accounts in the store, brought to those who are signed in to them.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::time::Duration;

use crate::model::{CloseReason, Now, Roles, Uid};
use crate::store::BanTarget;

use super::{Effects, State};

/// How long a sign-in may be under way, from reading the account to arriving here.
const UNDER_WAY: Duration = Duration::from_secs(60);
/// The most renewals that are remembered; operators give that many orders in a minute only by a script, and
/// then the oldest are those of sign-ins that have long arrived.
const REMEMBERED: usize = 4096;

/// What has become of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Renewal {
    /// It has these roles now.
    Roles(Roles),
    /// Staff have seen that its owner is of age, or take that back.
    AgeVerified(bool),
    /// It is deleted.
    Gone,
}

/// The last renewals of accounts, for sign-ins that read the account before and arrive after them.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<(Duration, Uid, Renewal)>);

impl Recent {
    /// Keeps the last renewal of each kind.
    fn add(&mut self, now: Duration, uid: Uid, renewal: Renewal) {
        let same = |other: &Renewal| discriminant(other) == discriminant(&renewal);
        self.0.retain(|(at, whose, other)| {
            now.saturating_sub(*at) < UNDER_WAY && !(*whose == uid && same(other))
        });
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((now, uid, renewal));
    }

    fn of(&self, now: Duration, uid: Uid) -> Vec<Renewal> {
        let fresh = |at: &Duration| now.saturating_sub(*at) < UNDER_WAY;
        let found = self.0.iter().filter(|(at, whose, _)| *whose == uid && fresh(at));
        found.map(|(_, _, renewal)| *renewal).collect()
    }
}

impl State {
    /// Brings what has become of an account to who is signed in to it, or is about to be.
    pub fn renew(&mut self, now: Now, uid: Uid, renewal: Renewal, effects: &mut Effects) {
        self.renewals.add(now.uptime, uid, renewal);
        self.bring(now, uid, renewal, effects);
    }

    /// Brings to somebody who has just signed in what became of his account while he did.
    pub(super) fn catch_up(&mut self, now: Now, uid: Uid, effects: &mut Effects) {
        for renewal in self.renewals.of(now.uptime, uid) {
            self.bring(now, uid, renewal, effects);
        }
    }

    fn bring(&mut self, now: Now, uid: Uid, renewal: Renewal, effects: &mut Effects) {
        match renewal {
            Renewal::Roles(roles) => self.set_roles(now, uid, roles, effects),
            Renewal::AgeVerified(verified) => {
                let conn = self.session_of(uid).map(|session| session.conn);
                if let Some(session) = conn.and_then(|conn| self.session_mut(conn)) {
                    session.age_verified = verified;
                }
            }
            Renewal::Gone => {
                if let Some(conn) = self.session_of(uid).map(|session| session.conn) {
                    self.put_off(conn, CloseReason::Kicked, "Your account has been deleted.", effects);
                }
                // The uid is never given again.
                self.sanctions.believe(uid, Vec::new(), 0);
                self.sanctions.bans().lift(BanTarget::Account(uid));
                self.guard.clear(uid);
                self.guard.detectors.reset(uid);
            }
        }
    }
}
