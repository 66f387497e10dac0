//! What the console remembers from one run to the next: looks, order, filters, and what was typed.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::columns::columns;
use super::model::{Model, Pane};
use super::palette::HISTORY;
use super::theme::ThemeName;

/// The longest file that is read.
const MOST: u64 = 256 * 1024;

/// What is remembered. What is missing or strange in the file is as at the first run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    theme: ThemeName,
    pane: Pane,
    zoom: bool,
    history: Vec<String>,
    /// The filter of the activity pane.
    activity: String,
    tables: BTreeMap<String, Shape>,
}

/// How a table was left.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Shape {
    sort: String,
    descending: bool,
    filter: String,
    hidden: Vec<String>,
}

/// The directory of what the console keeps: `$XDG_STATE_HOME/paltalkd`, else `~/.local/state/paltalkd`.
pub(super) fn directory() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state =
        absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("paltalkd"))
}

fn file() -> Option<PathBuf> {
    directory().map(|directory| directory.join("console.toml"))
}

impl Memory {
    /// Reads what was remembered; nothing if there is nothing to read.
    pub(super) fn load() -> Memory {
        let Some(file) = file() else { return Memory::default() };
        if fs::metadata(&file).is_ok_and(|known| known.len() > MOST) {
            return Memory::default();
        }
        let text = fs::read_to_string(file).unwrap_or_default();
        toml::from_str(&text).unwrap_or_default()
    }

    /// Writes it down, whole or not at all.
    pub(super) fn save(&self) -> io::Result<()> {
        let Some(file) = file() else { return Ok(()) };
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let new = file.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(new, file)
    }

    /// What is worth remembering of `model`.
    pub(super) fn of(model: &Model) -> Memory {
        let tables = Pane::ALL.iter().filter_map(|pane| {
            let table = model.table(*pane)?;
            let shape = Shape {
                sort: table.sort.to_owned(),
                descending: table.descending,
                filter: table.filter.clone(),
                hidden: table.hidden.iter().map(|key| (*key).to_owned()).collect(),
            };
            Some((pane.title().to_lowercase(), shape))
        });
        Memory {
            theme: model.theme_name,
            pane: model.pane,
            zoom: model.zoom,
            history: model.history.clone(),
            activity: model.feed.filter.clone(),
            tables: tables.collect(),
        }
    }

    /// Makes `model` as it was left.
    pub(super) fn apply(&self, model: &mut Model) {
        model.theme_name = self.theme;
        model.pane = self.pane;
        model.zoom = self.zoom;
        model.feed.set_filter(&self.activity);
        // What cannot be understood any more is forgotten.
        model.feed.filter_error = None;
        model.history = self.history.iter().rev().take(HISTORY).rev().cloned().collect();
        for pane in Pane::ALL {
            let shape = self.tables.get(&pane.title().to_lowercase());
            let (Some(shape), Some(table)) = (shape, model.table_mut(pane)) else { continue };
            if let Some(column) = columns(pane).iter().find(|column| column.key == shape.sort) {
                table.sort = column.key;
                table.descending = shape.descending;
            }
            table.filter = shape.filter.clone();
            let hidden = columns(pane).iter().map(|column| column.key);
            table.hidden = hidden.filter(|key| shape.hidden.iter().any(|known| known == key)).collect();
        }
    }
}
