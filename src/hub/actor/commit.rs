//! Changes on their way to the store.

use std::sync::Arc;

use tracing::warn;

use crate::model::CloseReason;
use crate::protocol::{PacketType, ServerPacket};
use crate::store::{Applied, Change, Rejection, StoreError};

use super::super::ConnId;
use super::super::directory::PALS_ONLY;
use super::Hub;

impl Hub {
    /// Holds the asking connection's outbox until the change is durable.
    pub(super) fn commit(&mut self, conn: ConnId, request: PacketType, change: Change) {
        let witness = self.witness(&change);
        let link = self.link(conn);
        let hold = link.map(|link| (link.outbox.hold(), link.dialect, Arc::clone(&link.outbox)));
        let metrics = Arc::clone(&self.metrics);
        // Lists have been changed here already; a message for later changes nothing here.
        let changed_here = !matches!(change, Change::StoreOffline { .. });
        self.store.submit(change, move |result| {
            witness.tell(&result, None);
            let mut frames = Vec::new();
            if let Ok(Applied::Stored(_)) = &result {
                metrics.offline_stored.increment();
            }
            let Some((hold, dialect, outbox)) = hold else { return };
            let Err(error) = result else { return hold.release(&[], None) };
            if error == StoreError::Failed {
                // The process is about to end; what was not stored must not be acknowledged.
                return;
            }
            let packet = ServerPacket::ReturnCode { request, code: 0x78, data: refusal(&error).into() };
            packet.encode(dialect, &mut frames);
            if changed_here {
                // What this session shows is not what the store has. The next sign-in sets it right;
                // the answers behind the held place never leave.
                if outbox.closing().is_none() {
                    warn!(?conn, %error, "a change was not stored; ending the session");
                }
                outbox.close(CloseReason::StoreBusy, &frames);
            } else {
                hold.release(&frames, None);
            }
        });
    }
}

pub(super) fn refusal(error: &StoreError) -> &'static str {
    match error {
        StoreError::Rejected(Rejection::NoSuchAccount) => "There is no such user.",
        StoreError::Rejected(Rejection::MailboxFull { .. }) => "This user's mailbox is full.",
        StoreError::Rejected(Rejection::PalsOnly) => PALS_ONLY,
        StoreError::Rejected(_) => "This cannot be done.",
        _ => "The server is busy. Please try again in a moment.",
    }
}
