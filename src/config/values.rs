//! How the values of keys are read and printed: one codec per kind of value.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;
use tracing_subscriber::EnvFilter;

use super::LogFormat;
use super::parse::nearest;
use crate::model::{Role, Roles, to_cp1252};

/// What is wrong with one key's value, and where; beside it what it says about listen addresses.
#[derive(Default)]
pub(super) struct Problems {
    pub(super) list: Vec<(Range<usize>, String)>,
    pub(super) addresses: Vec<(Range<usize>, SocketAddr)>,
}

/// A value with its place in the text.
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// A kind of value. `read` returns `None` after it has noted at least one problem.
pub(super) trait Codec<T> {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<T>;
    fn show(&self, value: &T) -> String;
}

impl Problems {
    pub(super) fn note(&mut self, at: &Value<'_>, message: impl Into<String>) {
        self.list.push((at.span(), message.into()));
    }

    pub(super) fn check<T>(&mut self, at: &Value<'_>, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.note(at, message)).ok()
    }

    pub(super) fn text<'v>(&mut self, value: &'v Value<'_>, what: &str) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.note(value, format!("must be {what} in quotes, not {}", kind(value)));
        }
        text
    }
}

pub(super) fn kind(value: &Value<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

pub(super) fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The name of the server.
pub(super) struct Name;

impl Name {
    const MAX: usize = 50;
}

impl Codec<String> for Name {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<String> {
        let name = problems.text(value, "a name")?;
        let in_charset = name.chars().count() == to_cp1252(name).len()
            && name.chars().all(|c| c == '?' || to_cp1252(c.encode_utf8(&mut [0; 4])) != b"?");
        let message = if name.trim().is_empty() {
            "must not be empty"
        } else if name.chars().count() > Self::MAX {
            "must have at most 50 characters"
        } else if name.chars().any(char::is_control) {
            "must not hold control characters"
        } else if !in_charset {
            "holds a character that the clients cannot show (they know Windows-1252 only)"
        } else {
            return Some(name.to_owned());
        };
        problems.note(value, message);
        None
    }

    fn show(&self, value: &String) -> String {
        quote(value)
    }
}

/// A path that must be there.
pub(super) struct RequiredPath;

impl Codec<PathBuf> for RequiredPath {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<PathBuf> {
        let path = OptionalPath.read(value, problems)?;
        if path.is_none() {
            problems.note(value, "must not be empty");
        }
        path
    }

    fn show(&self, value: &PathBuf) -> String {
        quote(&value.to_string_lossy())
    }
}

/// A path; nothing switches it off.
pub(super) struct OptionalPath;

impl Codec<Option<PathBuf>> for OptionalPath {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<PathBuf>> {
        let path = problems.text(value, "a path")?;
        if path.contains('\0') {
            problems.note(value, "a path cannot hold a NUL character");
            return None;
        }
        Some((!path.is_empty()).then(|| path.into()))
    }

    fn show(&self, value: &Option<PathBuf>) -> String {
        quote(&value.as_deref().unwrap_or("".as_ref()).to_string_lossy())
    }
}

/// A list of the names of roles.
pub(super) struct RoleNames;

impl Codec<Roles> for RoleNames {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Roles> {
        let roles = list(value, problems, "a role", str::parse::<Role>)?;
        Some(roles.into_iter().map(|(_, role)| role).collect())
    }

    fn show(&self, value: &Roles) -> String {
        show_list(value.iter().map(|role| role.to_string()))
    }
}

/// Reads a list of texts; all bad elements are noted, each at its own place.
pub(super) fn list<T>(
    value: &Value<'_>,
    problems: &mut Problems,
    what: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Option<Vec<(Range<usize>, T)>> {
    let Some(elements) = value.get_ref().as_array() else {
        problems.note(value, format!("must be a list in brackets, not {}", kind(value)));
        return None;
    };
    let read: Vec<Option<(Range<usize>, T)>> = elements
        .iter()
        .map(|element| {
            let text = problems.text(element, what)?;
            Some((element.span(), problems.check(element, read(text))?))
        })
        .collect();
    read.into_iter().collect()
}

pub(super) fn show_list(elements: impl Iterator<Item = String>) -> String {
    let elements: Vec<String> = elements.map(|element| quote(&element)).collect();
    format!("[{}]", elements.join(", "))
}

/// `true` or `false`.
pub(super) struct Flag;

impl Codec<bool> for Flag {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            problems.note(value, format!("must be true or false, not {}", kind(value)));
        }
        flag
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }
}

/// A log level or filter directives.
pub(super) struct Directives;

/// The levels of the log, from none to all.
pub(crate) const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Codec<String> for Directives {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<String> {
        let text = problems.text(value, "a level like \"info\"")?;
        // The filter takes a misspelt level for a module of that name and then logs nothing else.
        let stray = text.split(',').map(str::trim).find(|part| {
            let bare = part.chars().all(|c| c.is_alphanumeric() || c == '_');
            bare && !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part))
        });
        if let Some(stray) = stray {
            let level = nearest(&stray.to_lowercase(), LEVELS.into_iter());
            problems.note(
                value,
                format!(
                    "{} is not a level; did you mean \"{level}\"? (for one module: \"module=debug\")",
                    quote(stray)
                ),
            );
            return None;
        }
        if let Err(error) = EnvFilter::builder().parse(text) {
            problems.note(value, format!("not a level or filter directives: {error}"));
            return None;
        }
        Some(text.to_owned())
    }

    fn show(&self, value: &String) -> String {
        quote(value)
    }
}

/// The format of log lines.
pub(super) struct Choice;

impl Codec<LogFormat> for Choice {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<LogFormat> {
        let text = problems.text(value, "\"text\" or \"json\"")?;
        match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => {
                problems.note(value, format!("must be \"text\" or \"json\", not {}", quote(text)));
                None
            }
        }
    }

    fn show(&self, value: &LogFormat) -> String {
        quote(match value {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        })
    }
}

/// One of a few words.
pub(super) struct OneOf<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Codec<T> for OneOf<T> {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<T> {
        let words = self.0.iter().map(|(word, _)| quote(word)).collect::<Vec<_>>().join(", ");
        let text = problems.text(value, &format!("one of {words}"))?;
        let found = self.0.iter().find(|(word, _)| *word == text).map(|(_, it)| *it);
        if found.is_none() {
            problems.note(value, format!("must be one of {words}, not {}", quote(text)));
        }
        found
    }

    fn show(&self, value: &T) -> String {
        quote(self.0.iter().find(|(_, it)| it == value).map_or("", |(word, _)| word))
    }
}
