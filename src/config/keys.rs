use std::fmt::Write as _;

use toml::Spanned;
use toml::de::DeValue;

use super::control::{GroupNames, Mode, OptionalGroup};
use super::numbers::{Bytes, Count, CountWithin, RequiredBytes, Time, TimeUpTo};
use super::values::{
    AddressText, Addresses, Choice, Codec, Directives, Flag, LocationText, Name, Networks, OneOf,
    OptionalPath, Problems, RequiredPath, RoleNames,
};
use super::{CallMode, Config, FileMode, Spam};

/// One key: where it stands, how it is read and how it is printed.
pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) read: fn(&mut Config, &Spanned<DeValue<'_>>, &mut Problems),
    show: fn(&Config) -> String,
}

macro_rules! key {
    ($section:ident . $name:ident, $codec:expr) => {
        Key {
            section: stringify!($section),
            name: stringify!($name),
            read: |config, value, problems| {
                if let Some(value) = $codec.read(value, problems) {
                    config.$section.$name = value;
                }
            },
            show: |config| $codec.show(&config.$section.$name),
        }
    };
}

/// The one list of all keys, sections together and in the order in which they are printed.
pub(super) const KEYS: &[Key] = &[
    key!(server.name, Name),
    key!(server.data_dir, RequiredPath),
    key!(chat.listen, Addresses { at_least: 1 }),
    key!(voice.listen_tcp, Addresses { at_least: 0 }),
    key!(voice.listen_udp, Addresses { at_least: 0 }),
    key!(voice.advertise, AddressText),
    key!(voice.probe_udp, Flag),
    key!(voice.calls, CALL_MODES),
    key!(voice.files, FILE_MODES),
    key!(http.listen, Addresses { at_least: 0 }),
    key!(http.location, LocationText),
    key!(control.socket, RequiredPath),
    key!(control.mode, Mode),
    key!(control.group, OptionalGroup),
    key!(control.observers, GroupNames),
    key!(control.moderators, GroupNames),
    key!(control.operators, GroupNames),
    key!(limits.max_connections, Count),
    key!(limits.connections_per_address, Count),
    key!(limits.packets_per_second, Count),
    key!(limits.login_timeout, Time),
    key!(limits.idle_timeout, Time),
    key!(limits.unresponsive_timeout, Time),
    key!(limits.outbox, Bytes { at_least: 32 << 10 }),
    key!(limits.exempt, Networks),
    key!(spam.messages_per_window, CountWithin { least: 1, most: Spam::MOST_MESSAGES }),
    key!(spam.window, TimeUpTo(Spam::LONGEST)),
    key!(spam.cooldown, TimeUpTo(Spam::LONGEST)),
    key!(spam.messages_per_minute, CountWithin { least: 1, most: Spam::MOST_MESSAGES }),
    key!(spam.duplicate_messages, CountWithin { least: 2, most: Spam::COMPARED }),
    key!(spam.decay, Time),
    key!(spam.exempt_roles, RoleNames),
    key!(store.path, RequiredPath),
    key!(store.cache, RequiredBytes { at_least: 1 << 20 }),
    key!(store.offline_messages, Time),
    key!(backup.directory, OptionalPath),
    key!(backup.every, Time),
    key!(backup.keep, Count),
    key!(log.level, Directives),
    key!(log.format, Choice),
    key!(log.directory, OptionalPath),
    key!(log.keep, Count),
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
