//! `paltalkd room …`: permanent rooms on a stopped store; `close` by the running daemon, too.

mod set;
mod view;
mod which;

use clap::{Args, Subcommand};

use super::Global;
use super::backup::in_use;
use super::failure::Failure;
use super::output::Output;
use super::remote::{act, ask, unexpected};
use super::secret;
use super::stopped;
use crate::config::Config;
use crate::control::wire::{Order, Page, Reply, Request, Rows, Window};
use crate::model::{CategoryId, Rating, RoomId, RoomKind, RoomName, Timestamp};
use crate::store::{Change, ExclusionKind, Reader, RoomRecord, Store};
use set::Settings;
use view::{Details, RoomView};
use which::Which;

/// The numbers that created rooms get: above those of the rooms a new store has, below those of
/// rooms that users open.
const NUMBERS: std::ops::Range<u32> = 60_000..1_000_000;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List all permanent rooms
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show all settings of a room, its password and admin code too
    Show {
        #[command(flatten)]
        room: Named,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Create a permanent room and print its number
    #[command(override_usage = "paltalkd room create [OPTIONS] --category <CATEGORY> <NAME>")]
    Create(Box<Create>),
    /// Delete a room and the lists of those who are kept out of it; a running daemon puts everybody out
    Close {
        #[command(flatten)]
        room: Named,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Change settings of a room
    #[command(override_usage = "paltalkd room set [OPTIONS] <ROOM>")]
    Set(Box<Set>),
}

#[derive(Args)]
pub(super) struct Named {
    /// The name or number; "id:5" or "name:5" where a number could be either
    #[arg(value_name = "ROOM")]
    room: Which,
}

#[derive(Args)]
pub(super) struct Create {
    /// The name
    #[arg(value_name = "NAME", value_parser = set::name)]
    name: RoomName,
    /// The kind: voice, text, private-voice or private-text
    #[arg(long, value_name = "KIND", default_value = "voice", value_parser = view::kind)]
    kind: RoomKind,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
pub(super) struct Set {
    #[command(flatten)]
    room: Named,
    /// The name
    #[arg(long, value_parser = set::name)]
    name: Option<RoomName>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(
    command: Command,
    global: &Global,
    config: &Config,
    output: &Output,
) -> Result<(), Failure> {
    let store = if global.socket.is_some() { None } else { stopped::open(config, output, false)? };
    let Some(store) = store else {
        return match command {
            Command::Close { room, yes } => close_open(global, &room.room, yes, output),
            _ => Err(in_use(&config.store_path(), "this")),
        };
    };
    stopped::with_store(store, |store| match command {
        Command::List { json } => list(&store.reader(), json, output),
        Command::Show { room, json } => show(&store.reader(), &room.room, json, output),
        Command::Create(create) => create.run(store, output),
        Command::Close { room, yes } => close(store, &room.room, yes, output),
        Command::Set(set) => set.run(store, output),
    })
}

/// Has the running daemon put everybody out of a room, which is deleted if it is permanent.
fn close_open(global: &Global, which: &Which, yes: bool, output: &Output) -> Result<(), Failure> {
    let Reply::Page(Page { rows: Rows::Rooms(rooms), .. }) = ask(global, Request::Rooms(Window::default()))?
    else {
        return Err(unexpected());
    };
    let room = which.find_open(rooms)?;
    if !yes {
        let what = if room.permanent { "Delete" } else { "Close" };
        secret::confirm(&format!("{what} the room {} ({}) for good?", room.name, room.id))?;
    }
    let (room, permanent, reason) = (room.id, room.permanent, String::new());
    let order =
        if permanent { Order::DeleteRoom { room, reason } } else { Order::CloseRoom { room, reason } };
    act(global, order, output)
}

fn list(reader: &Reader, json: bool, output: &Output) -> Result<(), Failure> {
    let rooms = reader.rooms()?;
    let rooms = rooms.iter().map(|room| RoomView::read(reader, room)).collect::<Result<Vec<_>, _>>()?;
    if json {
        return output.json(&rooms);
    }
    output.table(&RoomView::HEADINGS, rooms.iter().map(RoomView::row).collect())
}

fn show(reader: &Reader, which: &Which, json: bool, output: &Output) -> Result<(), Failure> {
    let details = Details::read(reader, &which.find(reader)?)?;
    if json { output.json(&details) } else { output.fields(&details.fields()) }
}

impl Create {
    fn run(self, store: &Store, output: &Output) -> Result<(), Failure> {
        // Categories come with the first start; who prepares rooms before it needs them now.
        store.commit_blocking(Change::Seed { at: Timestamp::now() })?;
        let reader = store.reader();
        if !self.settings.has_category() {
            return Err(Failure::Usage("a new room needs a --category".to_owned()));
        }
        let id = free_number(&reader.rooms()?)
            .ok_or_else(|| Failure::failed("there is no number left for another room"))?;
        let created = Timestamp::now();
        let room = RoomRecord::new(id, self.name, self.kind, CategoryId(0), Rating::General, created);
        let room = self.settings.apply(&reader, room)?;
        put(store, room)?;
        output.print(&format!("{id}\n"))
    }
}

impl Set {
    fn run(self, store: &Store, output: &Output) -> Result<(), Failure> {
        if self.name.is_none() && self.settings.is_empty() {
            return Err(Failure::Usage("nothing to change: name a setting, see --help".to_owned()));
        }
        let reader = store.reader();
        let mut room = self.room.room.find(&reader)?;
        if let Some(name) = self.name {
            room.name = name;
        }
        let before = room.owner;
        let room = self.settings.apply(&reader, room)?;
        let (id, name) = (room.id, room.name.clone());
        let new_owner = room.owner.filter(|owner| Some(*owner) != before);
        put(store, room)?;
        if let Some(uid) = new_owner {
            // Nobody is kept out of a room of his own by what was before.
            for kind in [ExclusionKind::Bounce, ExclusionKind::Ban] {
                store.commit_blocking(Change::LetIn { room: id, kind, uid: Some(uid) })?;
            }
        }
        output.note(&format!("{name} is changed."));
        Ok(())
    }
}

fn close(store: &Store, which: &Which, yes: bool, output: &Output) -> Result<(), Failure> {
    let room = which.find(&store.reader())?;
    if !yes {
        secret::confirm(&format!("Delete the room {} ({}) for good?", room.name, room.id))?;
    }
    store.commit_blocking(Change::DeleteRoom(room.id))?;
    output.note(&format!("{} ({}) is deleted.", room.name, room.id));
    Ok(())
}

/// Writes a room, if no other listed room has its name: clients enter favourites by name.
fn put(store: &Store, room: RoomRecord) -> Result<(), Failure> {
    let same = |other: &RoomRecord| {
        other.id != room.id
            && !other.kind.is_private()
            && other.name.as_bytes().eq_ignore_ascii_case(room.name.as_bytes())
    };
    if !room.kind.is_private()
        && let Some(other) = store.reader().rooms()?.into_iter().find(same)
    {
        return Err(Failure::failed(format_args!("the room {} has this name already", other.id)));
    }
    store.commit_blocking(Change::PutRoom(room))?;
    Ok(())
}

/// A number above those that created rooms have, so that a number is used again as late as possible.
fn free_number(rooms: &[RoomRecord]) -> Option<RoomId> {
    let used = rooms.iter().map(|room| room.id.0).filter(|id| NUMBERS.contains(id));
    let next = used.max().map_or(NUMBERS.start, |last| last + 1);
    let free = |id: &u32| rooms.iter().all(|room| room.id.0 != *id);
    (next..NUMBERS.end).next().or_else(|| NUMBERS.clone().find(free)).map(RoomId)
}
