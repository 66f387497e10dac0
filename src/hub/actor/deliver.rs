//! Packets on their way to outboxes.

use std::mem;
use std::sync::Arc;

use crate::protocol::{Dialect, ServerPacket};

use super::super::ConnId;
use super::Hub;

impl Hub {
    /// Puts a packet into the outboxes of `to`, encoding it once for each dialect among them.
    pub(super) fn deliver(
        &mut self,
        to: impl IntoIterator<Item = ConnId>,
        except: Option<ConnId>,
        packet: &ServerPacket,
    ) {
        let mut encoded = Encoded::new(packet);
        let mut delivered = 0;
        let mut last = None;
        let mut wakers = mem::take(&mut self.wakers);
        for conn in to {
            if Some(conn) == except {
                continue;
            }
            let Some(link) = self.link(conn) else { continue };
            wakers.extend(link.outbox.push(encoded.bytes(link.dialect)));
            delivered += 1;
            if self.stamp.is_some() {
                last = Some(Arc::clone(&link.outbox));
            }
        }
        if let Some(outbox) = last
            && let Some(stamp) = self.stamp.take()
        {
            let metrics = Arc::clone(&self.metrics);
            outbox.when_written(Box::new(move || metrics.delivery.add_since(stamp)));
        }
        self.wakers = wakers;
        self.metrics.deliveries.add(delivered);
    }
}

/// One packet in the bytes of each dialect that was asked for.
struct Encoded<'a> {
    packet: &'a ServerPacket,
    same: bool,
    bytes: [Option<Vec<u8>>; Dialect::ALL.len()],
}

impl<'a> Encoded<'a> {
    fn new(packet: &'a ServerPacket) -> Encoded<'a> {
        Encoded { packet, same: packet.same_for_all_dialects(), bytes: Default::default() }
    }

    fn bytes(&mut self, dialect: Dialect) -> &[u8] {
        let index = if self.same { 0 } else { dialect.index() };
        let Some(entry) = self.bytes.get_mut(index) else { return &[] };
        entry.get_or_insert_with(|| {
            let mut bytes = Vec::new();
            self.packet.encode(dialect, &mut bytes);
            bytes
        })
    }
}
