//! The values of `[control]`: permission bits and groups of the system.

use super::values::{Codec, Problems, Value, list, quote, show_list};

/// Permission bits, as an octal number in quotes.
pub(super) struct Mode;

impl Codec<u32> for Mode {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<u32> {
        let text = problems.text(value, "permission bits like \"0660\"")?;
        let octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        match u32::from_str_radix(text, 8) {
            Ok(mode) if octal && mode <= 0o777 && mode & 0o600 == 0o600 => return Some(mode),
            Ok(mode) if octal && mode <= 0o777 => {
                problems.note(value, "must let the owner read and write, as \"0600\" does");
            }
            _ => problems.note(value, format!("{} is not an octal number like \"0660\"", quote(text))),
        }
        None
    }

    fn show(&self, value: &u32) -> String {
        quote(&format!("{value:04o}"))
    }
}

/// The name of a group; nothing means none.
pub(super) struct OptionalGroup;

impl Codec<Option<String>> for OptionalGroup {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<String>> {
        let text = problems.text(value, "the name of a group")?;
        if text.is_empty() {
            return Some(None);
        }
        problems.check(value, group_name(text)).map(Some)
    }

    fn show(&self, value: &Option<String>) -> String {
        quote(value.as_deref().unwrap_or_default())
    }
}

/// A list of names of groups.
pub(super) struct GroupNames;

impl Codec<Vec<String>> for GroupNames {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Vec<String>> {
        let names = list(value, problems, "the name of a group", group_name)?;
        Some(names.into_iter().map(|(_, name)| name).collect())
    }

    fn show(&self, value: &Vec<String>) -> String {
        show_list(value.iter().cloned())
    }
}

fn group_name(text: &str) -> Result<String, String> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ':' | ',' | '/');
    if text.is_empty() || text.len() > 256 || text.contains(odd) {
        return Err(format!("{} is not the name of a group", quote(text)));
    }
    Ok(text.to_owned())
}
