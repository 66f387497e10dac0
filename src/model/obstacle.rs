/// What can keep a message from going on: the guard asks one after the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Obstacle {
    /// A mute by staff, for an offence or by a filter.
    Mute,
    /// The mute that a strike or stage has brought.
    Strike,
    /// The shortest time between two messages.
    Cooldown,
    /// The sliding window.
    Window,
    /// The volume per minute.
    PerMinute,
    /// The same text again and again.
    Duplicates,
    /// A link where the sender may post none.
    LinkRight,
    /// A detector.
    Detector,
    /// A filter.
    Filter,
    /// The slowmode of the room or of the server.
    Slowmode,
}

impl Obstacle {
    /// All of them, in their order.
    pub const ALL: [Obstacle; 10] = [
        Obstacle::Mute,
        Obstacle::Strike,
        Obstacle::Cooldown,
        Obstacle::Window,
        Obstacle::PerMinute,
        Obstacle::Duplicates,
        Obstacle::LinkRight,
        Obstacle::Detector,
        Obstacle::Filter,
        Obstacle::Slowmode,
    ];

    /// The name in logs, metrics and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Obstacle::Mute => "mute",
            Obstacle::Strike => "strike",
            Obstacle::Cooldown => "cooldown",
            Obstacle::Window => "window",
            Obstacle::PerMinute => "per_minute",
            Obstacle::Duplicates => "duplicates",
            Obstacle::LinkRight => "link_right",
            Obstacle::Detector => "detector",
            Obstacle::Filter => "filter",
            Obstacle::Slowmode => "slowmode",
        }
    }
}
