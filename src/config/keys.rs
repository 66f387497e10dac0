use std::fmt::Write as _;

use toml::Spanned;
use toml::de::DeValue;

use super::addresses::{AddressText, Addresses, LocationText, Networks};
use super::control::{GroupNames, Mode, OptionalGroup};
use super::numbers::{Bytes, Count, CountWithin, RequiredBytes, Time, TimeUpTo};
use super::values::{
    Choice, Codec, Directives, Flag, Name, OneOf, OptionalPath, Problems, RequiredPath, RoleNames,
};
use super::{CallMode, Config, FileMode, Moderation, Spam};

/// When a changed value counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Applies {
    /// At a reload, without anybody being dropped.
    Live,
    /// At the next start.
    Restart,
}

/// One key: where it stands, how it is read and printed, and when a change of it counts.
pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) read: fn(&mut Config, &Spanned<DeValue<'_>>, &mut Problems),
    show: fn(&Config) -> String,
    pub(super) applies: Applies,
    /// Takes the value of another configuration.
    pub(super) take: fn(&mut Config, &Config),
}

impl Key {
    /// As in `limits.outbox`.
    pub(super) fn dotted(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// Whether two configurations have the same value.
    pub(super) fn same(&self, one: &Config, other: &Config) -> bool {
        (self.show)(one) == (self.show)(other)
    }
}

macro_rules! key {
    ($section:ident . $name:ident, $applies:ident, $codec:expr) => {
        Key {
            section: stringify!($section),
            name: stringify!($name),
            read: |config, value, problems| {
                if let Some(value) = $codec.read(value, problems) {
                    config.$section.$name = value;
                }
            },
            show: |config| $codec.show(&config.$section.$name),
            applies: Applies::$applies,
            take: |config, from| config.$section.$name.clone_from(&from.$section.$name),
        }
    };
}

/// The one list of all keys, sections together and in the order in which they are printed.
pub(super) const KEYS: &[Key] = &[
    key!(server.name, Live, Name),
    key!(server.data_dir, Restart, RequiredPath),
    key!(chat.listen, Restart, Addresses { at_least: 1 }),
    key!(voice.listen_tcp, Restart, Addresses { at_least: 0 }),
    key!(voice.listen_udp, Restart, Addresses { at_least: 0 }),
    key!(voice.advertise, Restart, AddressText),
    key!(voice.probe_udp, Restart, Flag),
    key!(voice.calls, Restart, CALL_MODES),
    key!(voice.files, Live, FILE_MODES),
    key!(http.listen, Restart, Addresses { at_least: 0 }),
    key!(http.location, Live, LocationText),
    key!(control.socket, Restart, RequiredPath),
    key!(control.mode, Restart, Mode),
    key!(control.group, Restart, OptionalGroup),
    key!(control.observers, Restart, GroupNames),
    key!(control.moderators, Restart, GroupNames),
    key!(control.operators, Restart, GroupNames),
    key!(limits.max_connections, Live, Count),
    key!(limits.connections_per_address, Live, Count),
    key!(limits.packets_per_second, Live, Count),
    key!(limits.login_timeout, Live, Time),
    key!(limits.idle_timeout, Live, Time),
    key!(limits.unresponsive_timeout, Live, Time),
    key!(limits.outbox, Live, Bytes { at_least: 32 << 10 }),
    key!(limits.exempt, Live, Networks),
    key!(spam.messages_per_window, Live, CountWithin { least: 1, most: Spam::MOST_MESSAGES }),
    key!(spam.window, Live, TimeUpTo(Spam::LONGEST)),
    key!(spam.cooldown, Live, TimeUpTo(Spam::LONGEST)),
    key!(spam.messages_per_minute, Live, CountWithin { least: 1, most: Spam::MOST_MESSAGES }),
    key!(spam.duplicate_messages, Live, CountWithin { least: 2, most: Spam::COMPARED }),
    key!(spam.decay, Live, Time),
    key!(spam.exempt_roles, Live, RoleNames),
    key!(moderation.warnings_before_ban, Live, CountWithin { least: 1, most: Moderation::MOST_WARNINGS }),
    key!(moderation.warning_ban, Live, Time),
    key!(rooms.age_verified_for_adult, Live, Flag),
    key!(store.path, Restart, RequiredPath),
    key!(store.cache, Restart, RequiredBytes { at_least: 1 << 20 }),
    key!(store.history, Live, Time),
    key!(store.offline_messages, Live, Time),
    key!(backup.directory, Live, OptionalPath),
    key!(backup.every, Live, Time),
    key!(backup.keep, Live, Count),
    key!(log.level, Live, Directives),
    key!(log.format, Restart, Choice),
    key!(log.directory, Restart, OptionalPath),
    key!(log.keep, Live, Count),
    key!(log.max_size, Live, Bytes { at_least: 4 << 10 }),
    key!(log.total, Live, Bytes { at_least: 4 << 10 }),
    key!(health.disk_warn, Live, Bytes { at_least: 1 }),
    key!(health.disk_degraded, Live, Bytes { at_least: 1 }),
];

const CALL_MODES: OneOf<CallMode> =
    OneOf(&[("direct", CallMode::Direct), ("relay", CallMode::Relay), ("off", CallMode::Off)]);
const FILE_MODES: OneOf<FileMode> =
    OneOf(&[("relay", FileMode::Relay), ("direct", FileMode::Direct), ("off", FileMode::Off)]);

/// The names of the sections, each once.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    KEYS.iter().map(|key| key.section).filter(move |section| {
        let new = *section != last;
        last = section;
        new
    })
}

/// The configuration as TOML.
pub(super) fn print(config: &Config) -> String {
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = key.section;
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{gap}[{section}]");
        }
        let _ = writeln!(text, "{} = {}", key.name, (key.show)(config));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_names_every_key_that_needs_a_restart() {
        let manual = include_str!("../../docs/operations.md");
        let (_, reload) = manual.split_once("**Reload**").unwrap();
        let (reload, _) = reload.split_once("**Logs**").unwrap();
        for key in KEYS {
            let named = reload.contains(&format!("`{}`", key.dotted()))
                || reload.contains(&format!("`[{}]`", key.section));
            assert_eq!(named, key.applies == Applies::Restart, "{}", key.dotted());
        }
    }
}
