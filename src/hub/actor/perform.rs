//! What the commands of a turn bring: packets, changes, closed connections, and word to other services.

use std::sync::Arc;

use tracing::warn;

use crate::model::{CloseReason, Now, Timestamp};

use super::super::closed::{ClosedRow, Ended};
use super::super::feed::{Event, EventKind};
use super::super::peers::RelayOrder;
use super::super::{ConnId, Effect, Effects};
use super::{Hub, log};

impl Hub {
    /// Has everything happen that a command brings, and what that brings in turn.
    pub(super) fn perform_all(&mut self, now: Now, effects: &mut Effects) {
        loop {
            for effect in effects.drain() {
                self.perform(now, effect);
            }
            // After what was said in good faith, so that the clients see it in this order.
            let Some(order) = self.refused.pop() else { break };
            self.state.order_refused(now, order, effects);
        }
        let message = self.state.maintenance();
        self.maintenance.send_if_modified(|known| {
            let changed = known.as_deref() != message;
            if changed {
                *known = message.map(str::to_owned);
            }
            changed
        });
    }

    fn perform(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::Send { to, packet } => self.deliver([to], None, &packet),
            Effect::ToMany { to, packet } => self.deliver(to, None, &packet),
            Effect::ToRoom { room, except, packet } => {
                // The members are lent out for the loop, which needs the hub itself.
                let Some(members) = self.state.take_members(room) else { return };
                self.deliver(members.iter().map(|member| member.conn), except, &packet);
                self.state.return_members(room, members);
            }
            Effect::Commit { conn, request, change } => self.commit(conn, request, change),
            // Only the hub has messages kept: if nothing at all was submitted since, there still are none.
            Effect::LoadOffline { nothing_as_of: Some(moment), .. } if self.store.is_as_of(moment) => {}
            Effect::LoadOffline { conn, uid, .. } => self.load_offline(now, conn, uid),
            Effect::Close { conn, reason, last } => {
                if let Some(link) = self.link(conn) {
                    let mut bytes = Vec::new();
                    last.encode(link.dialect, &mut bytes);
                    link.outbox.close(reason, &bytes);
                }
            }
            Effect::VoiceChanged(room) => {
                if self.voice.is_some() {
                    self.voice_changed.push(room);
                }
            }
            Effect::ProbeVoice(address) => {
                if let Some(voice) = &self.voice {
                    voice.probe(address);
                }
            }
            Effect::Relay(order) => self.relay(order),
            Effect::Lookup(lookup) => {
                if self.resuming {
                    self.lookups.push_front(*lookup);
                } else {
                    self.lookups.push_back(*lookup);
                    self.look_up();
                }
            }
            Effect::Keep(change) => self.store.submit(change, |result| {
                if let Err(error) = result {
                    warn!(%error, "something that was counted or done is not kept");
                }
            }),
            Effect::Accepted => self.metrics.messages.increment(),
            Effect::Refused(obstacle) => self.metrics.refused(obstacle),
            Effect::RenewRules => self.rules_stale = true,
            Effect::Ended { conn, ended } => self.remember(now, conn, *ended),
            Effect::Event(event) => self.tell(now, *event),
        }
    }

    fn tell(&self, now: Now, event: Event) {
        log::log_event(&event);
        self.feed.push(now.wall, event);
    }

    /// Notes who has signed out, with what only his connection knew.
    fn remember(&mut self, now: Now, conn: ConnId, ended: Ended) {
        let outbox = self.link(conn).map(|link| &link.outbox);
        // A connection that does not say why has come to no good end.
        let known = || outbox.and_then(|outbox| outbox.closing());
        let reason = ended.reason.or_else(known).unwrap_or(CloseReason::NetworkError);
        let (bytes_in, bytes_out) = outbox.map(|outbox| outbox.traffic()).unwrap_or_default();
        self.tell(now, Event::new(EventKind::SignOut).by(ended.person).saying(reason.words()));
        self.closed.add(ClosedRow {
            at: now.wall,
            uid: ended.person.uid,
            nickname: ended.person.nickname.to_string(),
            address: ended.address,
            client: ended.client.to_owned(),
            connected_seconds: now.uptime.saturating_sub(ended.since).as_secs(),
            messages: ended.messages,
            bytes_in,
            bytes_out,
            reason,
        });
    }

    fn relay(&mut self, order: RelayOrder) {
        let Some(relays) = &self.relays else { return };
        if let Err(order) = relays.give(order) {
            self.metrics.relays_refused.increment();
            warn!("too many files and calls wait to be carried; one is refused");
            self.refused.push(order);
        }
    }

    /// Publishes the voice rooms that changed in this turn, each once.
    pub(super) fn publish_voice(&mut self, now: Timestamp) {
        let Some(voice) = self.voice.as_ref().filter(|_| !self.voice_changed.is_empty()) else { return };
        self.voice_changed.sort_unstable();
        self.voice_changed.dedup();
        let rooms = self.voice_changed.drain(..).map(|room| Arc::new(self.state.voice_room(now, room)));
        voice.publish(rooms.collect());
    }
}
