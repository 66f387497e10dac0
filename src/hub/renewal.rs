//! What operators change about accounts in the store, brought to those who are signed in to them.

use crate::model::{CloseReason, Now, Roles, Uid};
use crate::store::BanTarget;

use super::{Effects, State};

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

impl State {
    /// Brings what has become of an account to who is signed in to it.
    pub fn renew(&mut self, now: Now, uid: Uid, renewal: Renewal, effects: &mut Effects) {
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
                self.sanctions.bans().lift(BanTarget::Account(uid));
                self.guard.clear(uid);
                self.guard.detectors.reset(uid);
            }
        }
    }
}
