//! What must hold between commands, for simulations and fuzzing.

use std::collections::HashMap;

use crate::model::Uid;

use super::super::{Member, Rank, Room};
use super::{Session, State};

impl State {
    /// What must hold between commands. Returns the first thing that does not.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.check_sessions()?;
        self.rooms.values().try_for_each(|room| self.check_room(room))?;
        self.peers.check_invariants(|uid| self.online.contains_key(&uid))
    }

    fn check_sessions(&self) -> Result<(), String> {
        let mut watched = 0;
        let mut shuns: HashMap<Uid, u32> = HashMap::new();
        for session in self.sessions() {
            self.check_session(session)?;
            watched += session.pals.len();
            for shunned in session.blocks.iter().chain(&session.ignores) {
                *shuns.entry(*shunned).or_default() += 1;
            }
        }
        if self.watchers.values().map(Vec::len).sum::<usize>() != watched {
            return Err("somebody watches who should not".to_owned());
        }
        if self.online.len() != self.sessions().count() {
            return Err("online users and sessions differ in number".to_owned());
        }
        if self.shunned != shuns {
            return Err("the count of blocks and ignored users is wrong".to_owned());
        }
        Ok(())
    }

    fn check_session(&self, session: &Session) -> Result<(), String> {
        let uid = session.person.uid;
        if self.online.get(&uid) != Some(&session.conn) {
            return Err(format!("session of {uid} is not the one that is online"));
        }
        if !session.pals.is_sorted() || !session.blocks.is_sorted() || !session.ignores.is_sorted() {
            return Err(format!("lists of {uid} are not in order"));
        }
        for pal in &session.pals {
            if !self.watchers.get(pal).is_some_and(|watchers| watchers.contains(&uid)) {
                return Err(format!("{uid} does not watch his pal {pal}"));
            }
        }
        for room in &session.rooms {
            if !self.rooms.get(room).is_some_and(|room| room.is_member(session.conn)) {
                return Err(format!("{uid} is not a member of his room {room}"));
            }
        }
        Ok(())
    }

    fn check_room(&self, room: &Room) -> Result<(), String> {
        if !room.permanent && room.members.is_empty() {
            return Err(format!("room {} has nobody to be open for", room.id));
        }
        for (index, Member { conn, uid, admin, invisible, .. }) in room.members.iter().enumerate() {
            let session = self.session(*conn).filter(|session| session.rooms.contains(&room.id));
            let Some(session) = session else {
                return Err(format!("room {} has a member who is not in it", room.id));
            };
            if room.members.iter().take(index).any(|other| other.conn == *conn) {
                return Err(format!("room {} has a member twice", room.id));
            }
            let rank = self.rank(*conn, room.id);
            if session.person.uid != *uid || (rank >= Some(Rank::Admin)) != *admin {
                return Err(format!("{uid} is not what he seems in room {}", room.id));
            }
            if *invisible && rank != Some(Rank::Staff) {
                return Err(format!("{uid} is unseen in room {} without right", room.id));
            }
            if !invisible && room.bans.contains_key(uid) && rank != Some(Rank::Staff) {
                return Err(format!("{uid} is in room {} in spite of a ban", room.id));
            }
        }
        Ok(())
    }
}
