//! Users who do nothing for long.
//!
//! Connections only note that something came ([`Outbox::heard`](crate::link::Outbox::heard)). Now and
//! then the hub asks all of them, and knows besides who is in a room, in a call or moves a file: a
//! quiet connection costs one look a minute and no timer. What is measured is late by at most two looks.

use std::time::Duration;

use crate::model::{CloseReason, Now};
use crate::protocol::ServerPacket;

use super::{ConnId, Effect, Effects, State};

/// How long before the end the user is told, unless that is more than a sixth of the whole time.
const NOTICE: Duration = Duration::from_secs(5 * 60);
/// Time between two looks, unless that is more than a thirtieth of the whole time.
const LOOK: Duration = Duration::from_secs(60);
const SHORTEST_LOOK: Duration = Duration::from_millis(10);
const GOODBYE: &[u8] =
    b"You have been signed out because you did nothing for a long time. Please sign in again.";

/// When to look for idle users next.
#[derive(Debug, Default)]
pub(super) struct IdleWatch {
    timeout: Option<Duration>,
    next: Duration,
}

/// How long a user has done nothing, as the time since the daemon started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Quiet {
    /// Not looked at yet.
    #[default]
    Unknown,
    /// Since then.
    Since(Duration),
    /// Since then, and he has been told what will happen.
    Told(Duration),
}

impl State {
    /// Sets how long users may do nothing; `None` is for ever. The next look is due at once.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Option<Duration>) -> State {
        self.idle = IdleWatch { timeout, next: Duration::ZERO };
        self
    }

    /// When [`State::sweep_idle`] has something to do, as the time since the daemon started. Nothing
    /// while nobody is signed in.
    pub fn idle_due(&self) -> Option<Duration> {
        self.idle.timeout.filter(|_| self.users_online() > 0).map(|_| self.idle.next)
    }

    /// If it is time to look, tells those who have been idle for long and ends those who have been
    /// for too long. `stirred` says whether a client has sent anything since the last look.
    pub fn sweep_idle(&mut self, now: Now, stirred: impl Fn(ConnId) -> bool, effects: &mut Effects) {
        let Some(timeout) = self.idle.timeout.filter(|_| self.idle.next <= now.uptime) else { return };
        self.idle.next = now.uptime.saturating_add(LOOK.min(timeout / 30).max(SHORTEST_LOOK));
        let notice = NOTICE.min(timeout / 6);
        let busy = self.peers.busy();
        for session in self.sessions.iter_mut().flatten() {
            let conn = session.conn;
            // Asked first: the answer is about the time since the last look.
            let active = stirred(conn) || !session.rooms.is_empty() || busy.contains(&session.person.uid);
            let (since, told) = match session.quiet {
                Quiet::Since(since) if !active => (since, false),
                Quiet::Told(since) if !active => (since, true),
                _ => {
                    session.quiet = Quiet::Since(now.uptime);
                    continue;
                }
            };
            let quiet = now.uptime.saturating_sub(since);
            if quiet >= timeout {
                let last = ServerPacket::Announcement(GOODBYE.to_vec());
                effects.push(Effect::Close { conn, reason: CloseReason::Idle, last });
            } else if quiet >= timeout.saturating_sub(notice) && !told {
                session.quiet = Quiet::Told(since);
                let text = format!(
                    "You have done nothing for a while and will be signed out in {}. To stay, enter a room, write to \
                     somebody or change your status.",
                    whole(timeout.saturating_sub(quiet))
                );
                effects.send(conn, ServerPacket::Announcement(text.into_bytes()));
            }
        }
    }
}

/// A time in words, rounded up to what people count in.
fn whole(time: Duration) -> String {
    let seconds = time.as_millis().div_ceil(1000).max(1);
    let (count, unit) = if seconds > 90 { (seconds.div_ceil(60), "minute") } else { (seconds, "second") };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{World, person, world_of};
    use super::super::{Command, RoomCommand};
    use super::*;
    use crate::hub::peers::PeerCommand;
    use crate::model::{RoomId, Timestamp};

    const MINUTE: u64 = 60;

    fn look(state: &mut State, seconds: u64, stirred: bool) -> Vec<Effect> {
        let now = Now { wall: Timestamp(0), uptime: Duration::from_secs(seconds) };
        let mut effects = Effects::default();
        state.sweep_idle(now, |_| stirred, &mut effects);
        effects.drain().collect()
    }

    fn told(effects: &[Effect]) -> Option<String> {
        effects.iter().find_map(|effect| match effect {
            Effect::Send { packet: ServerPacket::Announcement(text), .. } => {
                Some(String::from_utf8_lossy(text).into_owned())
            }
            _ => None,
        })
    }

    fn ended(effects: &[Effect]) -> bool {
        effects.iter().any(|effect| matches!(effect, Effect::Close { reason: CloseReason::Idle, .. }))
    }

    fn watched() -> World {
        let mut world = World::new();
        world.state =
            std::mem::take(&mut world.state).with_idle_timeout(Some(Duration::from_secs(30 * MINUTE)));
        world
    }

    #[test]
    fn who_does_nothing_is_told_and_then_signed_out() {
        let mut state = world_of(&[1]).with_idle_timeout(Some(Duration::from_secs(30 * MINUTE)));
        assert_eq!(state.idle_due(), Some(Duration::ZERO));
        assert!(look(&mut state, 0, true).is_empty());
        assert_eq!(state.idle_due(), Some(Duration::from_secs(MINUTE)));
        for minute in 1..25 {
            assert!(look(&mut state, minute * MINUTE, false).is_empty(), "{minute}");
        }
        let effects = look(&mut state, 25 * MINUTE, false);
        assert!(told(&effects).is_some_and(|text| text.contains("in 5 minutes")), "{effects:?}");
        for minute in 26..30 {
            assert!(look(&mut state, minute * MINUTE, false).is_empty(), "told once");
        }
        assert!(look(&mut state, 30 * MINUTE - 1, false).is_empty(), "not time to look yet");
        let effects = look(&mut state, 30 * MINUTE, false);
        assert!(ended(&effects) && told(&effects).is_none());
    }

    #[test]
    fn one_packet_begins_the_time_again() {
        let mut state = world_of(&[1]).with_idle_timeout(Some(Duration::from_secs(30 * MINUTE)));
        look(&mut state, 0, true);
        assert!(told(&look(&mut state, 29 * MINUTE, false)).is_some());
        assert!(look(&mut state, 30 * MINUTE, true).is_empty());
        assert!(look(&mut state, 54 * MINUTE, false).is_empty());
        assert!(told(&look(&mut state, 55 * MINUTE, false)).is_some(), "told again");
        assert!(!ended(&look(&mut state, 59 * MINUTE, false)));
        assert!(ended(&look(&mut state, 60 * MINUTE, false)));
    }

    #[test]
    fn who_is_in_a_room_or_call_is_not_idle() {
        let mut world = watched();
        let (alice, _) = world.sign_in_with(1, &[], |_| {});
        let (bob, _) = world.sign_in_with(2, &[], |_| {});
        let room = RoomId(50_001);
        let join = RoomCommand::Join { lockword: Vec::new(), invisible: false, udp_port: 0 };
        world.apply(alice, Command::Room(room, join));
        look(&mut world.state, 0, true);
        let effects = look(&mut world.state, 60 * MINUTE, false);
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Close { conn, .. } if *conn == bob)));
        assert_eq!(effects.len(), 1);
        // The time begins when he leaves.
        world.apply(alice, Command::Room(room, RoomCommand::Leave));
        assert!(
            !look(&mut world.state, 89 * MINUTE, false)
                .iter()
                .any(|effect| matches!(effect, Effect::Close { conn, .. } if *conn == alice))
        );
        assert_eq!(look(&mut world.state, 90 * MINUTE, false).len(), 2);

        let mut world = watched();
        let (alice, _) = world.sign_in_with(1, &[], |_| {});
        let (bob, _) = world.sign_in_with(2, &[], |_| {});
        world.apply(alice, Command::Peer(PeerCommand::Call { to: person(2).uid, port: 2090 }));
        world.apply(bob, Command::Peer(PeerCommand::AcceptCall { from: person(1).uid, port: 2090 }));
        for minute in [0, 29, 60, 120] {
            assert!(look(&mut world.state, minute * MINUTE, false).is_empty());
        }
        world.apply(alice, Command::Peer(PeerCommand::HangUp(person(2).uid)));
        assert_eq!(look(&mut world.state, 150 * MINUTE, false).len(), 2);
    }

    #[test]
    fn without_a_timeout_nobody_is_asked() {
        let mut state = world_of(&[1]);
        assert_eq!(state.idle_due(), None);
        assert!(look(&mut state, 1_000_000, false).is_empty());
        assert_eq!(
            State::default().with_idle_timeout(Some(Duration::from_secs(60))).idle_due(),
            None,
            "nobody here"
        );
    }

    #[test]
    fn times_are_told_in_words() {
        for (milliseconds, words) in [
            (0, "1 second"),
            (1001, "2 seconds"),
            (90_000, "90 seconds"),
            (90_001, "2 minutes"),
            (300_000, "5 minutes"),
        ] {
            assert_eq!(whole(Duration::from_millis(milliseconds)), words);
        }
    }
}
