//! Speech that waits for one listener: little of it, because late speech is of no use.

use std::collections::VecDeque;
use std::sync::Arc;

use super::framer::{PACKET_LEN, Packet};

/// Packets that may wait: about a second of speech (PROTOCOL 12.4).
pub(super) const CAPACITY: usize = 13;

/// A short queue of packets that drops whole ones, never the rest of one that was begun.
#[derive(Default, Debug)]
pub(super) struct SpeechQueue {
    packets: VecDeque<Arc<Packet>>,
    /// Bytes of the first packet that have been written.
    written: usize,
}

impl SpeechQueue {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Begins with a packet of which `written` bytes have left already. The queue must be empty.
    pub(super) fn begin(&mut self, packet: Arc<Packet>, written: usize) {
        debug_assert!(self.is_empty());
        self.packets.push_back(packet);
        self.written = written;
    }

    /// Adds a packet. Whether the oldest one had to go for it.
    pub(super) fn push(&mut self, packet: Arc<Packet>) -> bool {
        let full = self.packets.len() >= CAPACITY;
        if full {
            // The listener's stream would break in the middle of a packet.
            let oldest = usize::from(self.written > 0);
            self.packets.remove(oldest);
        }
        self.packets.push_back(packet);
        full
    }

    /// Copies what waits to `out`; the number of bytes.
    pub(super) fn gather(&self, out: &mut [u8; CAPACITY * PACKET_LEN]) -> usize {
        let mut rest = out.as_mut_slice();
        let mut skip = self.written;
        let mut count = 0;
        for packet in &self.packets {
            let bytes = packet.get(skip..).unwrap_or_default();
            let Some((place, after)) = std::mem::take(&mut rest).split_at_mut_checked(bytes.len()) else {
                break;
            };
            place.copy_from_slice(bytes);
            rest = after;
            count += bytes.len();
            skip = 0;
        }
        count
    }

    /// `count` more bytes have been written.
    pub(super) fn advance(&mut self, count: usize) {
        let total = self.written + count;
        self.packets.drain(..(total / PACKET_LEN).min(self.packets.len()));
        self.written = if self.packets.is_empty() { 0 } else { total % PACKET_LEN };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(number: u8) -> Arc<Packet> {
        let mut packet = [number; PACKET_LEN];
        packet[0] = 0xff;
        Arc::new(packet)
    }

    #[test]
    fn the_oldest_goes_unless_it_was_begun() {
        let mut queue = SpeechQueue::default();
        for number in 0..CAPACITY as u8 {
            assert!(!queue.push(packet(number)));
        }
        assert!(queue.push(packet(13)));
        let mut out = [0; CAPACITY * PACKET_LEN];
        assert_eq!(queue.gather(&mut out), out.len());
        assert_eq!(out[..PACKET_LEN], packet(1)[..]);
        queue.advance(100);
        assert!(queue.push(packet(14)));
        assert_eq!(queue.gather(&mut out), out.len() - 100);
        assert_eq!(out[..52], packet(1)[100..]);
        assert_eq!(out[52..52 + PACKET_LEN], packet(3)[..], "2 was dropped, 1 was not");
        queue.advance(out.len() - 100);
        assert!(queue.is_empty());
    }

    proptest! {
        /// Whatever a listener takes and when: he gets whole packets, in order.
        #[test]
        fn what_leaves_is_whole_packets_in_order(steps in proptest::collection::vec(0usize..2500, 1..200)) {
            let mut queue = SpeechQueue::default();
            let mut left = Vec::new();
            let mut out = [0; CAPACITY * PACKET_LEN];
            for (number, step) in steps.iter().enumerate() {
                queue.push(packet((number % 250) as u8));
                if step % 3 != 0 {
                    let count = queue.gather(&mut out).min(*step);
                    left.extend_from_slice(&out[..count]);
                    queue.advance(count);
                }
            }
            let count = queue.gather(&mut out);
            left.extend_from_slice(&out[..count]);
            prop_assert_eq!(left.len() % PACKET_LEN, 0);
            let mut last = None;
            for whole in left.chunks(PACKET_LEN) {
                prop_assert_eq!(whole, &packet(whole[1])[..]);
                let ahead = last.is_none_or(|last: u8| (i32::from(whole[1]) - i32::from(last)).rem_euclid(250) < 125);
                prop_assert!(ahead);
                last = Some(whole[1]);
            }
        }
    }
}
