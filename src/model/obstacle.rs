/// What can keep a message from going on: the links of the guard's chain, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Link {
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

impl Link {
    /// All links, in their order.
    pub const ALL: [Link; 10] = [
        Link::Mute,
        Link::Strike,
        Link::Cooldown,
        Link::Window,
        Link::PerMinute,
        Link::Duplicates,
        Link::LinkRight,
        Link::Detector,
        Link::Filter,
        Link::Slowmode,
    ];

    /// The name in logs, metrics and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Link::Mute => "mute",
            Link::Strike => "strike",
            Link::Cooldown => "cooldown",
            Link::Window => "window",
            Link::PerMinute => "per_minute",
            Link::Duplicates => "duplicates",
            Link::LinkRight => "link_right",
            Link::Detector => "detector",
            Link::Filter => "filter",
            Link::Slowmode => "slowmode",
        }
    }
}
