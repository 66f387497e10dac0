//! What happens to the console, what it wants done outside, and what it waits for.

use std::time::Duration;

use super::super::keys::Act;
use super::super::said::Said;
use super::Pane;
use crate::control::wire::{ClientMessage, Order, ServerHello, ServerMessage};

/// The connection to the daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::tui) enum Link {
    /// On its way.
    Connecting,
    Connected,
    /// Lost, or never there: why, and when it is tried again.
    Waiting {
        why: String,
        retry_at: Option<Duration>,
    },
}

/// What happens to the console.
#[derive(Clone, Debug)]
pub(in crate::tui) enum Event {
    /// A key, a mouse, a paste or another size.
    Terminal(ratatui::crossterm::event::Event),
    Link(LinkEvent),
    /// Time has passed.
    Tick,
    /// It came back from the shell.
    Resumed,
    /// The system wants it to end.
    Terminate,
    /// Something for which there was no room elsewhere went well or badly.
    Told(Result<String, String>),
}

/// What the connection tells.
#[derive(Clone, Debug)]
pub(in crate::tui) enum LinkEvent {
    Connecting,
    Connected(ServerHello),
    Message(ServerMessage),
    /// `retry_in` is `None` if it is not tried again.
    Disconnected {
        why: String,
        retry_in: Option<Duration>,
    },
}

/// What is to be done outside.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::tui) enum Command {
    Send(ClientMessage),
    /// Connect now.
    Retry,
    Quit,
    Suspend,
    Repaint,
    /// To the clipboard of the terminal.
    Copy(String),
    /// To a file.
    Dump(String),
}

/// What is watched under a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tui) enum Slot {
    Status,
    Metrics,
    Activity,
    Table(Pane),
    Detail,
}

/// A view that is watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::tui) struct Watched {
    pub(in crate::tui) slot: Slot,
    /// The filter that is tried with it, if it is a new one.
    pub(in crate::tui) filter: Option<String>,
    /// Whether its first update has come.
    pub(in crate::tui) live: bool,
}

/// A request whose reply has not come.
#[derive(Clone, Debug)]
pub(in crate::tui) enum Pending {
    /// A view.
    Watch {
        view: u32,
    },
    /// An order: what is being done, for people.
    Order {
        text: String,
        since: Duration,
        done: u64,
        of: u64,
        /// The number of the wish that it came from; several orders can come from one.
        wish: u32,
        /// What takes it back, if anything does.
        undo: Option<Box<Order>>,
    },
    /// How many sessions a ban of an address or a network would end.
    Reach {
        network: String,
    },
    /// Somebody is looked up, for an act.
    Lookup {
        act: Act,
        said: Said,
    },
    /// What the page on the screen shows of somebody who is not signed in.
    Absent {
        uid: u32,
    },
    Bans,
    Closed,
    Quality,
}
