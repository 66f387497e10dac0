//! Messages that were kept for somebody, on their way to him.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::link::{Hold, Outbox};
use crate::model::{Now, Timestamp, Uid};
use crate::protocol::{Dialect, ServerPacket};
use crate::store::{Applied, Change, OfflineMessage, Store, StoreError};

use super::super::ConnId;
use super::Hub;

/// Bytes of kept messages delivered at once; the rest follows when these have been written.
const OFFLINE_CHUNK: usize = 64 * 1024;

impl Hub {
    pub(super) fn load_offline(&self, now: Now, conn: ConnId, uid: Uid) {
        if let Some(link) = self.link(conn) {
            let newer_than = self.offline_age.map_or(Timestamp(0), |age| now.wall.before(age));
            deliver_offline(self.store.clone(), Arc::clone(&link.outbox), link.dialect, uid, newer_than);
        }
    }
}

/// Loads the messages that were kept for a user and puts them into a held place of the outbox, in
/// pieces: each follows when the one before has been written.
fn deliver_offline(store: Store, outbox: Arc<Outbox>, dialect: Dialect, uid: Uid, newer_than: Timestamp) {
    let hold = outbox.hold();
    let kept = store.clone();
    store.submit(Change::LoadOffline { uid, newer_than }, move |result| match result {
        Ok(Applied::Offline(messages)) if !messages.is_empty() => {
            OfflineDelivery { store: kept, outbox, dialect, uid, messages: messages.into() }.deliver(hold);
        }
        Err(StoreError::Failed) => {}
        _ => hold.release(&[], None),
    });
}

/// Kept messages on their way to a client.
struct OfflineDelivery {
    store: Store,
    outbox: Arc<Outbox>,
    dialect: Dialect,
    uid: Uid,
    messages: VecDeque<OfflineMessage>,
}

impl OfflineDelivery {
    /// Puts the next piece into the held place. Its messages are dropped from the store when they
    /// have been written and the client has sent something after that; until then they stay, and are
    /// delivered again at the next sign-in: twice is better than never.
    fn deliver(mut self, hold: Hold) {
        let mut frames = Vec::new();
        let mut through = 0;
        while frames.len() < OFFLINE_CHUNK
            && let Some(message) = self.messages.pop_front()
        {
            through = message.id;
            offline_packet(&message).encode(self.dialect, &mut frames);
        }
        let written = move || {
            let (store, uid) = (self.store.clone(), self.uid);
            self.outbox.when_heard(Box::new(move || {
                store.submit(Change::DropOffline { uid, through }, |_| {});
            }));
            if !self.messages.is_empty() {
                let hold = self.outbox.hold();
                self.deliver(hold);
            }
        };
        hold.release(&frames, Some(Box::new(written)));
    }
}

fn offline_packet(message: &OfflineMessage) -> ServerPacket {
    ServerPacket::ImIn {
        sender: message.from,
        stamp: Some(message.at.offline_stamp()),
        text: (&message.text).into(),
    }
}
