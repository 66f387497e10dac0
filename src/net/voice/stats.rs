//! What the voice service counts, in total and for each room.

use std::fmt;

use crate::hub::rows::VoiceTraffic;
use crate::metrics::Counter;
use crate::protocol::rtp::SpeechError;

/// Why a packet was not passed on, or not to one listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dropped {
    /// It is not as long as speech is.
    Length,
    /// It is not RTP with GSM.
    NotSpeech,
    /// It names another speaker than the one it comes from.
    WrongSpeaker,
    /// No signed-in user in a voice room stands behind its source.
    Stranger,
    /// The speaker is not in the room any more, or speaks over another connection.
    NotInRoom,
    /// The speaker uses another transport or another port at this moment.
    OtherSource,
    /// The speaker has no microphone or a red dot.
    Silenced,
    /// Somebody else has the floor.
    FloorTaken,
    /// The speaker sends more than anybody speaks.
    Flood,
    /// It was said before, or comes after what was said later.
    OutOfOrder,
    /// A listener does not keep up; counted for each packet and listener.
    SlowListener,
    /// The network did not take it; counted for each packet and listener.
    Unsent,
}

impl Dropped {
    /// Every reason.
    pub const ALL: [Dropped; 12] = [
        Dropped::Length,
        Dropped::NotSpeech,
        Dropped::WrongSpeaker,
        Dropped::Stranger,
        Dropped::NotInRoom,
        Dropped::OtherSource,
        Dropped::Silenced,
        Dropped::FloorTaken,
        Dropped::Flood,
        Dropped::OutOfOrder,
        Dropped::SlowListener,
        Dropped::Unsent,
    ];

    /// The name in counters.
    pub fn name(self) -> String {
        self.to_string().replace(' ', "_")
    }

    /// Whether it is worth a line in the log: somebody claims to be who he is not, or sends what is no
    /// speech.
    pub(super) fn is_suspicious(self) -> bool {
        matches!(
            self,
            Dropped::Length | Dropped::NotSpeech | Dropped::WrongSpeaker | Dropped::Stranger | Dropped::Flood
        )
    }

    /// Whether an unmodified client never causes it.
    pub(super) fn is_violation(self) -> bool {
        matches!(self, Dropped::Length | Dropped::NotSpeech | Dropped::WrongSpeaker | Dropped::Flood)
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dropped::Length => "wrong length",
            Dropped::NotSpeech => "not speech",
            Dropped::WrongSpeaker => "wrong speaker",
            Dropped::Stranger => "from a stranger",
            Dropped::NotInRoom => "not in the room",
            Dropped::OtherSource => "from another source",
            Dropped::Silenced => "silenced",
            Dropped::FloorTaken => "floor taken",
            Dropped::Flood => "flood",
            Dropped::OutOfOrder => "out of order",
            Dropped::SlowListener => "slow listener",
            Dropped::Unsent => "not sent",
        })
    }
}

impl From<SpeechError> for Dropped {
    fn from(error: SpeechError) -> Dropped {
        match error {
            SpeechError::Length => Dropped::Length,
            SpeechError::Header | SpeechError::Frame => Dropped::NotSpeech,
            SpeechError::Speaker => Dropped::WrongSpeaker,
        }
    }
}

/// The counters of one room, or of all.
#[derive(Default, Debug)]
pub struct VoiceCounters {
    /// Packets that came.
    pub packets_in: Counter,
    /// Bytes of those.
    pub bytes_in: Counter,
    /// Packets passed on, counted for each listener.
    pub forwarded: Counter,
    /// Bytes of those.
    pub bytes_out: Counter,
    dropped: [Counter; Dropped::ALL.len()],
}

impl VoiceCounters {
    /// How many packets were dropped for `reason`.
    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.drop_counter(reason).get()
    }

    /// Everything, as those who run the place see it.
    pub fn traffic(&self) -> VoiceTraffic {
        let dropped = Dropped::ALL.into_iter().map(|reason| (reason.name(), self.dropped(reason)));
        VoiceTraffic {
            packets_in: self.packets_in.get(),
            bytes_in: self.bytes_in.get(),
            packets_out: self.forwarded.get(),
            bytes_out: self.bytes_out.get(),
            dropped: dropped.filter(|(_, count)| *count > 0).collect(),
        }
    }

    pub(super) fn drop(&self, reason: Dropped, count: u64) {
        if count > 0 {
            self.drop_counter(reason).add(count);
        }
    }

    // The array has one counter per variant of the fieldless enum, so the index is always inside.
    #[allow(clippy::indexing_slicing)]
    fn drop_counter(&self, reason: Dropped) -> &Counter {
        &self.dropped[reason as usize]
    }
}

/// The counters of the connections and of what the service does by itself.
#[derive(Default, Debug)]
pub struct ConnectionCounters {
    /// Voice connections accepted.
    pub accepted: Counter,
    /// Times that none could be accepted, usually because no more files may be open.
    pub not_accepted: Counter,
    /// Voice connections refused because there were too many.
    pub too_many: Counter,
    /// Voice connections that said nothing, or half of it, in time.
    pub silent: Counter,
    /// Voice connections refused because no signed-in user in the room stands behind them.
    pub refused: Counter,
    /// Voice connections closed because a newer one took their place.
    pub replaced: Counter,
    /// Voice connections closed after repeated violations.
    pub violations: Counter,
    /// Voice connections closed because the listener did not read for a long time.
    pub stalled: Counter,
    /// Clients asked to bring back a lost voice connection.
    pub brought_back: Counter,
    /// Probes sent.
    pub probes: Counter,
}

impl ConnectionCounters {
    /// The counters by name.
    pub fn named(&self) -> [(&'static str, u64); 10] {
        [
            ("accepted", self.accepted.get()),
            ("not_accepted", self.not_accepted.get()),
            ("too_many", self.too_many.get()),
            ("silent", self.silent.get()),
            ("refused", self.refused.get()),
            ("replaced", self.replaced.get()),
            ("violations", self.violations.get()),
            ("stalled", self.stalled.get()),
            ("brought_back", self.brought_back.get()),
            ("probes", self.probes.get()),
        ]
    }
}

/// What is going on in a room, or in all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct VoiceActivity {
    /// How many speak now.
    pub streams: usize,
    /// How many listen over TCP.
    pub tcp_listeners: usize,
    /// How many listen over UDP.
    pub udp_listeners: usize,
}

impl std::ops::AddAssign for VoiceActivity {
    fn add_assign(&mut self, other: VoiceActivity) {
        self.streams += other.streams;
        self.tcp_listeners += other.tcp_listeners;
        self.udp_listeners += other.udp_listeners;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter_and_name() {
        let counters = VoiceCounters::default();
        let mut names = std::collections::HashSet::new();
        for reason in Dropped::ALL {
            counters.drop(reason, 3);
            assert_eq!(counters.dropped(reason), 3, "{reason}");
            assert!(names.insert(reason.to_string()));
        }
    }
}
