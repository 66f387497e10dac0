//! Questions and orders of those who run the place.

use std::task::Waker;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::model::{Now, Timestamp};
use crate::protocol::ServerPacket;

use super::super::ConnId;
use super::super::rows::{Population, UserRow};
use super::super::staff::{ActError, Action, Actor, Via, together};
use super::{Hub, Query};

/// Whose client has sent nothing for so long counts as idle.
const IDLE_AFTER: Duration = Duration::from_secs(5 * 60);

impl Hub {
    pub(super) fn answer(&mut self, query: Query) {
        let now = Now { wall: Timestamp::now(), uptime: self.started.elapsed() };
        // Who has gone away does not want the answer any more.
        match query {
            Query::Users(to) => drop(to.send(self.user_rows(now))),
            Query::Rooms(to) => drop(to.send(self.state.room_rows())),
            Query::Room(room, to) => drop(to.send(self.state.room_inside(now, room))),
            Query::Closed(to) => drop(to.send(self.closed.rows())),
            Query::Population(to) => drop(to.send(self.population(now))),
            Query::Pulse(to) => drop(to.send(())),
            Query::Configure(settings, to) => {
                self.offline_age = settings.offline_messages;
                self.state.configure(*settings);
                _ = to.send(());
            }
            Query::ForgetExpired(to) => {
                self.state.sanctions.expire(now.wall);
                _ = to.send(());
            }
            Query::Announce(text, to) => {
                let everybody: Vec<ConnId> = self.state.connections().collect();
                let count = everybody.len() as u64;
                self.deliver(everybody, None, &ServerPacket::Announcement(text));
                self.wakers.drain(..).for_each(Waker::wake);
                _ = to.send(count);
            }
            Query::Renew(uid, renewal, to) => {
                self.aside(|state, now, effects| state.renew(now, uid, renewal, effects));
                _ = to.send(());
            }
            Query::Act { actor, action, answer } => self.act(&actor, action, answer),
        }
    }

    /// Does something for somebody at the desk, who is answered when it is durable.
    pub(super) fn act(
        &mut self,
        actor: &Actor,
        action: Action,
        answer: oneshot::Sender<Result<String, ActError>>,
    ) {
        let mut changes = Vec::new();
        let result = self.aside(|state, now, effects| {
            state.act(now, actor, action, &mut Via::Desk(&mut changes), effects)
        });
        match together(changes) {
            Some(change) => {
                let witness = self.witness(&change);
                self.store.submit(change, move |stored| match stored {
                    Ok(_) => drop(answer.send(result)),
                    // Answered when what was done in memory has been taken back.
                    Err(_) => witness.tell(&stored, Some(answer)),
                });
            }
            None => drop(answer.send(result)),
        }
        self.renew_rules();
    }

    fn population(&mut self, now: Now) -> Population {
        self.look_who_sends(now);
        let mut population = self.state.population();
        for link in self.links.iter().flatten() {
            population.outbox_bytes += link.outbox.len() as u64;
            if now.uptime.saturating_sub(link.last_sent.1) >= IDLE_AFTER {
                population.idle += 1;
            } else if self.state.session(link.conn).is_some_and(|session| !session.status.is_away()) {
                population.active += 1;
            }
        }
        population
    }

    /// Notes who has sent anything since the last look. A clock read at each packet would cost more
    /// than this does, once a second.
    fn look_who_sends(&mut self, now: Now) {
        for link in self.links.iter_mut().flatten() {
            let (sent, _) = link.outbox.traffic();
            if sent != link.last_sent.0 {
                link.last_sent = (sent, now.uptime);
            }
        }
    }

    fn user_rows(&mut self, now: Now) -> Vec<UserRow> {
        self.look_who_sends(now);
        let rows = self.state.connections().filter_map(|conn| {
            let mut row = self.state.user_row(now, conn)?;
            if let Some(link) = self.link(conn) {
                (row.bytes_in, row.bytes_out) = link.outbox.traffic();
                row.pending_bytes = link.outbox.len() as u64;
                row.ends = link.outbox.ends();
                row.idle_seconds = now.uptime.saturating_sub(link.last_sent.1).as_secs();
            }
            Some(row)
        });
        rows.collect()
    }
}
