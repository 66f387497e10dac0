//! `paltalkd room …`: permanent rooms, by the running daemon or on a stopped store.

mod set;
mod view;
mod which;

use clap::{Args, Subcommand};

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::place::Place;
use super::secret;
use crate::config::Config;
use crate::control::wire::RoomChanges;
use crate::model::RoomKind;
use set::Settings;
use view::{Details, row};
use which::Which;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List all permanent rooms
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show all settings of a room, its lockword and admin code too
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
    /// Delete a room and the lists of those who are kept out of it; everybody inside is put out
    Close {
        #[command(flatten)]
        room: Named,
        /// Why; those inside read it
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Change settings of a room; everybody inside is told which
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
    name: String,
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
    name: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(
    command: Command,
    global: &Global,
    config: &Config,
    output: &Output,
) -> Result<(), Failure> {
    command.check()?;
    let mut place = Place::open(global, config, output, false)?;
    let result = command.work(&mut place, output);
    place.close(result)
}

impl Command {
    /// Finds mistakes that need no store.
    fn check(&self) -> Result<(), Failure> {
        match self {
            Command::Create(create) if !create.settings.has_category() => {
                Err(Failure::Usage("a new room needs a --category".to_owned()))
            }
            Command::Set(set) if set.name.is_none() && set.settings.is_empty() => {
                Err(Failure::Usage("nothing to change: name a setting, see --help".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn work(self, place: &mut Place, output: &Output) -> Result<(), Failure> {
        match self {
            Command::List { json } => {
                let rooms = place.rooms()?;
                if json {
                    return output.json(&rooms);
                }
                output.table(&view::HEADINGS, rooms.iter().map(row).collect())
            }
            Command::Show { room, json } => {
                let room = room.room.find(place.rooms()?)?;
                let details = Details::of(place.room(room.id)?);
                if json { output.json(&details) } else { output.fields(&details.fields()) }
            }
            Command::Create(create) => {
                let Create { name, kind, settings } = *create;
                let changes = settings.changes(place)?;
                let id = place.create_room(name, kind, changes)?;
                output.print(&format!("{id}\n"))
            }
            Command::Set(set) => {
                let Set { room, name, settings } = *set;
                let room = room.room.find(place.rooms()?)?;
                let changes = RoomChanges { name, ..settings.changes(place)? };
                output.told(&place.set_room(room.id, changes)?)
            }
            Command::Close { room, reason, yes } => close(place, &room.room, reason, yes, output),
        }
    }
}

fn close(
    place: &mut Place,
    which: &Which,
    reason: String,
    yes: bool,
    output: &Output,
) -> Result<(), Failure> {
    let (id, name, permanent) = which.find_any(place.rooms()?, place.open_rooms()?)?;
    if !yes {
        let what = if permanent { "Delete" } else { "Close" };
        secret::confirm(&format!("{what} the room {name} ({id}) for good?"))?;
    }
    output.told(&place.close_room(id, permanent, reason)?)
}
