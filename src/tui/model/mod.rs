//! Everything the console knows: what the daemon has told, and what the person before it is doing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::wire::{Access, ClientMessage, Order, Request, ServerHello, Status, View};
use crate::model::Now;

use super::detail::Detail;
use super::dialog::{Dialog, Subject};
use super::doc::Scroll;
use super::feed::Feed;
use super::input::Input;
use super::keys::{Bindings, Context};
use super::layout::Regions;
use super::metrics::Metrics;
use super::palette::Palette;
use super::picker::Picker;
use super::table::Table;
use super::theme::{Depth, Glyphs, Theme, ThemeName};
use super::toasts::Toasts;

mod events;

pub(super) use events::{Command, Event, Link, LinkEvent, Pending, Slot, Watched};

/// The panes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pane {
    #[default]
    Users,
    Rooms,
    Activity,
    Strikes,
    Metrics,
}

impl Pane {
    pub(super) const ALL: [Pane; 5] =
        [Pane::Users, Pane::Rooms, Pane::Activity, Pane::Strikes, Pane::Metrics];

    pub(super) fn title(self) -> &'static str {
        match self {
            Pane::Users => "Users",
            Pane::Rooms => "Rooms",
            Pane::Activity => "Activity",
            Pane::Strikes => "Strikes",
            Pane::Metrics => "Metrics",
        }
    }

    /// The pane so many places further on.
    pub(super) fn next(self, delta: usize) -> Pane {
        let at = Pane::ALL.iter().position(|pane| *pane == self).unwrap_or_default();
        Pane::ALL.iter().cycle().nth(at + delta).copied().unwrap_or_default()
    }
}

/// What lies over the panes.
#[derive(Clone, Debug)]
pub(super) enum Overlay {
    Help(Scroll),
    Notices(Scroll),
    Event(Scroll),
    Menu(Picker),
    Dialog(Dialog),
    Palette(Palette),
}

/// The line at the bottom in which something is typed.
#[derive(Clone, Debug)]
pub(super) struct Prompt {
    pub(super) kind: PromptKind,
    pub(super) input: Input,
    /// What was there before, for Escape.
    pub(super) before: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PromptKind {
    Filter,
    Search,
}

/// How the console was called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Settings {
    /// The socket, for messages.
    pub(super) socket: String,
    /// Look only, whatever the daemon allows.
    pub(super) read_only: bool,
    /// Which keys do what.
    pub(super) keys: Bindings,
}

/// Everything the console knows.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) settings: Settings,
    pub(super) size: (u16, u16),
    pub(super) theme_name: ThemeName,
    pub(super) depth: Depth,
    pub(super) glyphs: &'static Glyphs,
    pub(super) link: Link,
    pub(super) hello: Option<ServerHello>,
    /// When the daemon was heard last, by uptime of the console.
    pub(super) heard: Duration,
    pub(super) status: Option<Status>,
    pub(super) pane: Pane,
    pub(super) zoom: bool,
    pub(super) users: Table,
    pub(super) rooms: Table,
    pub(super) strikes: Table,
    pub(super) feed: Feed,
    pub(super) metrics: Metrics,
    /// The newest event that was on the screen of the activity pane.
    pub(super) seen: u64,
    pub(super) details: Vec<Detail>,
    /// Whether the user or room of the details is gone.
    pub(super) detail_gone: bool,
    pub(super) overlay: Option<Overlay>,
    pub(super) prompt: Option<Prompt>,
    /// Updates left out while paused.
    pub(super) paused: Option<u64>,
    pub(super) toasts: Toasts,
    /// What takes the last wish back: its number, and each order of it in words with its opposite.
    pub(super) undo: (u32, Vec<(String, Order)>),
    pub(super) pending: BTreeMap<u32, Pending>,
    pub(super) views: BTreeMap<u32, Watched>,
    pub(super) history: Vec<String>,
    pub(super) last_click: Option<(Duration, (u16, u16))>,
    next_id: u32,
    /// Whether the screen shows something else than what is known.
    pub(super) dirty: bool,
    pub(super) commands: Vec<Command>,
}

impl Model {
    pub(super) fn new(settings: Settings, size: (u16, u16), depth: Depth, glyphs: &'static Glyphs) -> Model {
        Model {
            settings,
            size,
            theme_name: ThemeName::Dark,
            depth,
            glyphs,
            link: Link::Connecting,
            hello: None,
            heard: Duration::ZERO,
            status: None,
            pane: Pane::Users,
            zoom: false,
            users: Table::new(Pane::Users),
            rooms: Table::new(Pane::Rooms),
            strikes: Table::new(Pane::Strikes),
            feed: Feed::new(),
            metrics: Metrics::new(),
            seen: 0,
            details: Vec::new(),
            detail_gone: false,
            overlay: None,
            prompt: None,
            paused: None,
            toasts: Toasts::default(),
            undo: (0, Vec::new()),
            pending: BTreeMap::new(),
            views: BTreeMap::new(),
            history: Vec::new(),
            last_click: None,
            next_id: 0,
            dirty: true,
            commands: Vec::new(),
        }
    }

    pub(super) fn theme(&self) -> Theme {
        Theme::new(self.theme_name, self.depth)
    }

    pub(super) fn regions(&self) -> Regions {
        Regions::of(self)
    }

    /// Where one is.
    pub(super) fn context(&self) -> Context {
        Context { pane: self.pane, detail: self.details.last().map(|detail| detail.kind) }
    }

    /// What one may do: what the daemon says, or less if so wished. Without a daemon nothing is possible.
    pub(super) fn access(&self) -> Access {
        if self.settings.read_only {
            return Access::Observer;
        }
        self.hello.as_ref().map_or(Access::Observer, |hello| hello.access)
    }

    pub(super) fn connected(&self) -> bool {
        self.link == Link::Connected
    }

    /// The table of a pane, if it has one.
    pub(super) fn table(&self, pane: Pane) -> Option<&Table> {
        match pane {
            Pane::Users => Some(&self.users),
            Pane::Rooms => Some(&self.rooms),
            Pane::Strikes => Some(&self.strikes),
            Pane::Activity | Pane::Metrics => None,
        }
    }

    pub(super) fn table_mut(&mut self, pane: Pane) -> Option<&mut Table> {
        match pane {
            Pane::Users => Some(&mut self.users),
            Pane::Rooms => Some(&mut self.rooms),
            Pane::Strikes => Some(&mut self.strikes),
            Pane::Activity | Pane::Metrics => None,
        }
    }

    /// A number that nothing has yet.
    pub(super) fn number(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1).max(1);
        self.next_id
    }

    /// Sends a request and remembers what for.
    pub(super) fn request(&mut self, request: Request, pending: Pending) -> u32 {
        let id = self.number();
        self.pending.insert(id, pending);
        self.commands.push(Command::Send(ClientMessage::Request { id, request }));
        id
    }

    /// Watches `what`. The view that was watched for the same purpose goes on until the first update of
    /// this one is there, so that nothing flickers.
    pub(super) fn watch(&mut self, slot: Slot, what: View, filter: Option<String>) {
        let view = self.number();
        self.request(Request::Watch { view, what }, Pending::Watch { view });
        self.views.insert(view, Watched { slot, filter, live: false });
    }

    /// Stops watching everything for `slot`.
    pub(super) fn unwatch(&mut self, slot: Slot) {
        let of_slot = self.views.iter().filter(|(_, watched)| watched.slot == slot);
        let old: Vec<u32> = of_slot.map(|(view, _)| *view).collect();
        for view in old {
            self.drop_view(view);
        }
    }

    /// Stops watching a view.
    pub(super) fn drop_view(&mut self, view: u32) {
        self.views.remove(&view);
        let id = self.number();
        self.commands.push(Command::Send(ClientMessage::Request { id, request: Request::Unwatch(view) }));
    }

    /// Whether a view for `slot` is still on its way.
    pub(super) fn awaits(&self, slot: Slot) -> bool {
        self.views.values().any(|watched| watched.slot == slot && !watched.live)
    }

    /// Whether the daemon has been asked for a new filter of this pane's table and has not answered yet.
    pub(super) fn tries_filter(&self, pane: Pane) -> bool {
        let table = Slot::Table(pane);
        self.views.values().any(|watched| watched.slot == table && !watched.live && watched.filter.is_some())
    }

    /// Whom an act without a name concerns: those who are marked, or the row or page one is on.
    pub(super) fn subject(&self) -> Option<Subject> {
        super::acting::subject(self)
    }

    /// Forgets what was asked of a daemon that is gone.
    pub(super) fn forget_requests(&mut self) {
        self.pending.clear();
        self.views.clear();
        for pane in Pane::ALL {
            if let Some(table) = self.table_mut(pane)
                && let Some(filter) = table.next_filter.take()
            {
                table.filter = filter;
            }
        }
    }

    /// The next moment at which the screen changes by itself.
    pub(super) fn next_wake(&self, now: Now) -> Option<Duration> {
        let spinner = self.busy().then(|| now.uptime + Duration::from_millis(120));
        let countdown =
            matches!(self.link, Link::Waiting { .. }).then(|| now.uptime + Duration::from_secs(1));
        [self.toasts.next_end(now), spinner, countdown].into_iter().flatten().min()
    }

    /// Whether an order is under way.
    pub(super) fn busy(&self) -> bool {
        self.pending.values().any(|pending| matches!(pending, Pending::Order { .. } | Pending::Lookup { .. }))
    }
}
