//! The configuration that is shipped, printed and read back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use paltalkd::config::{CallMode, Config, FileMode, Location, LogFormat, Spam};
use paltalkd::model::Role;
use proptest::prelude::*;

#[test]
fn the_shipped_file_shows_every_key_with_its_default() {
    let text = include_str!("../config.toml");
    let config = Config::from_toml(text).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config, Config::default());
    let table: toml::Table = text.parse().unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for key in Config::known_keys() {
        let (section, name) = key.split_once('.').unwrap();
        assert!(table[section].get(name).is_some(), "{key} is missing");
        let at = lines.iter().position(|line| line.starts_with(&format!("{name} ="))).unwrap();
        assert!(lines[at - 1].starts_with("# "), "{key} has no comment above it");
    }
}

#[test]
fn nothing_means_the_defaults() {
    assert_eq!(Config::from_toml("").unwrap(), Config::default());
    assert_eq!(Config::from_toml(&Config::default().to_toml()).unwrap(), Config::default());
}

#[test]
fn the_defaults_print_as_people_write_them() {
    let text = Config::default().to_toml();
    for line in [
        "[limits]",
        "max_connections = 20000",
        "login_timeout = \"30s\"",
        "idle_timeout = \"30m\"",
        "unresponsive_timeout = \"5m\"",
        "outbox = \"256KiB\"",
        "exempt = [\"127.0.0.0/8\", \"::1\"]",
        "[spam]",
        "window = \"10s\"",
        "cooldown = \"750ms\"",
        "decay = \"0s\"",
        "exempt_roles = [\"admin\", \"moderator\", \"trusted\"]",
        "cache = \"64MiB\"",
        "history = \"30d\"",
        "offline_messages = \"30d\"",
        "every = \"1d\"",
        "keep = 7",
        "directory = \"logs\"",
        "keep = 30",
    ] {
        assert!(text.lines().any(|printed| printed == line), "{line} is not in\n{text}");
    }
}

/// What files of those who run a server may hold: these names are never taken away.
const PROMISED: &str = r#"
[server]
name = "Paltalk"
data_dir = "data"
[chat]
listen = ["0.0.0.0:5001"]
[voice]
listen_tcp = ["0.0.0.0:2090"]
listen_udp = ["0.0.0.0:2090"]
advertise = "auto"
probe_udp = true
calls = "direct"
files = "relay"
[http]
listen = ["0.0.0.0:8080"]
location = "auto"
[control]
socket = "control.sock"
mode = "0660"
[limits]
max_connections = 20000
connections_per_address = 10
packets_per_second = 30
login_timeout = "30s"
unresponsive_timeout = "5m"
idle_timeout = "30m"
outbox = "256KiB"
exempt = ["127.0.0.0/8", "::1"]
[spam]
messages_per_window = 5
window = "10s"
cooldown = "750ms"
messages_per_minute = 30
duplicate_messages = 3
exempt_roles = ["admin", "moderator", "trusted"]
[store]
path = "store"
cache = "64MiB"
history = "30d"
offline_messages = "30d"
[log]
level = "info"
format = "text"
directory = "logs"
keep = 30
"#;

#[test]
fn what_was_promised_is_understood_and_is_the_default() {
    assert_eq!(Config::from_toml(PROMISED).unwrap_or_else(|errors| panic!("{errors}")), Config::default());
}

#[test]
fn zero_switches_off() {
    let config = Config::from_toml(
        "[limits]\nmax_connections = 0\nconnections_per_address = 0\npackets_per_second = 0\n\
         login_timeout = \"0s\"\nidle_timeout = 0\nunresponsive_timeout = 0\noutbox = \"0\"\nexempt = []\n\
         [voice]\nlisten_tcp = []\nlisten_udp = []\n\
         [http]\nlisten = []\n[store]\nhistory = 0\noffline_messages = \"0\"\n[log]\ndirectory = \"\"\nkeep = 0\n\
         max_size = 0\ntotal = 0\n[health]\ndisk_warn = 0\ndisk_degraded = \"0\"\n\
         [backup]\nevery = \"0s\"\nkeep = 0\n",
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
    let limits = &config.limits;
    assert_eq!((limits.max_connections, limits.connections_per_address), (None, None));
    assert_eq!((limits.packets_per_second, limits.outbox), (None, None));
    assert_eq!((limits.login_timeout, limits.idle_timeout, limits.unresponsive_timeout), (None, None, None));
    assert_eq!((config.store.offline_messages, config.store.history, config.log.keep), (None, None, None));
    assert_eq!((config.backup.every, config.backup.keep), (None, None));
    assert_eq!((config.log.max_size, config.log.total), (None, None));
    assert_eq!((config.health.disk_warn, config.health.disk_degraded), (None, None));
    assert_eq!((config.backup_directory(), Config::default().backup_directory()), (None, None));
    assert!(!config.voice.is_on());
    assert_eq!((config.log_directory(), config.http.listen.len()), (None, 0));
    assert_eq!(Config::from_toml(&config.to_toml()).unwrap(), config);
}

#[test]
fn values_are_read_in_every_spelling() {
    let config = Config::from_toml(
        "[server]\nname = \"Zoë's\"\ndata_dir = \"/srv/pal\"\n\
         [chat]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]\n\
         [voice]\nlisten_udp = [\"127.0.0.1:0\"]\nadvertise = \"192.0.2.11\"\nprobe_udp = false\n\
         [http]\nlocation = \"192.0.2.10:5001\"\n\
         [limits]\nlogin_timeout = \"1m 30s\"\noutbox = 65536\nexempt = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n\
         [store]\npath = \"/fast/store\"\ncache = \"2 mb\"\n\
         [backup]\ndirectory = \"copies\"\nevery = \"1m\"\n\
         [log]\nlevel = \"warn,paltalkd::net=debug\"\nformat = \"json\"\nkeep = 0x10\n",
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.server.name, "Zoë's");
    assert_eq!(
        config.chat.listen,
        ["127.0.0.1:0", "[::1]:0"].map(|text| text.parse::<SocketAddr>().unwrap())
    );
    assert_eq!(config.voice.listen_udp, ["127.0.0.1:0".parse::<SocketAddr>().unwrap()]);
    assert_eq!(config.voice.listen_tcp, Config::default().voice.listen_tcp);
    assert_eq!((config.voice.advertise, config.voice.probe_udp), (Some([192, 0, 2, 11].into()), false));
    assert_eq!(config.http.location, Location::Fixed("192.0.2.10:5001".parse().unwrap()));
    assert_eq!(config.limits.login_timeout, Some(Duration::from_secs(90)));
    assert_eq!(config.limits.outbox, Some(65_536));
    assert_eq!(config.store.cache, 2_000_000);
    assert_eq!(config.store_path(), Path::new("/fast/store"));
    assert_eq!(config.log_directory(), Some(PathBuf::from("/srv/pal/logs")));
    assert_eq!(config.backup_directory(), Some(PathBuf::from("/srv/pal/copies")));
    assert_eq!((config.backup.every, config.backup.keep), (Some(Duration::from_secs(60)), Some(7)));
    assert_eq!((config.log.format, config.log.keep), (LogFormat::Json, Some(16)));
    assert_eq!(Config::from_toml(&config.to_toml()).unwrap(), config);
}

#[test]
fn every_limit_of_messages_can_be_changed_and_switched_off() {
    let config = Config::from_toml(
        "[spam]\nmessages_per_window = 0\nwindow = \"0s\"\ncooldown = 0\nmessages_per_minute = 0\n\
         duplicate_messages = 0\ndecay = \"7d\"\nexempt_roles = [\"admin\"]\n",
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
    let spam = &config.spam;
    assert_eq!((spam.messages_per_window, spam.window, spam.cooldown), (None, None, None));
    assert_eq!((spam.messages_per_minute, spam.duplicate_messages), (None, None));
    assert_eq!(spam.decay, Some(Duration::from_secs(7 * 24 * 60 * 60)));
    assert_eq!(spam.exempt_roles.iter().collect::<Vec<_>>(), [Role::Admin]);
    assert_eq!(Config::from_toml(&config.to_toml()).unwrap(), config);
    // The bounds themselves are allowed.
    for line in [
        "messages_per_window = 1",
        "messages_per_minute = 1000",
        "window = \"1h\"",
        "cooldown = \"1h\"",
        "duplicate_messages = 2",
        "duplicate_messages = 10",
        "exempt_roles = []",
    ] {
        assert!(Config::from_toml(&format!("[spam]\n{line}\n")).is_ok(), "{line}");
    }
}

fn any_config() -> impl Strategy<Value = Config> {
    let listen = proptest::collection::vec(any::<SocketAddr>(), 1..4);
    let times = proptest::array::uniform3(proptest::option::of(1u64..3_000_000_000_000_000_000));
    let counts = any::<(Option<u32>, Option<u32>, Option<u32>, Option<u32>, u32)>();
    ("[ -~é]{1,40}", "[^\u{0}]{1,30}", listen, times, counts, any::<bool>()).prop_filter_map(
        "a name is not blank",
        |(name, path, listen, times, counts, flag)| {
            let mut config = Config::default();
            let [login, unresponsive, offline] = times.map(|time| time.map(Duration::from_nanos));
            let positive = |count: Option<u32>| count.filter(|n| *n > 0).map(|n| n as usize);
            config.server.name = (!name.trim().is_empty()).then_some(name)?;
            config.server.data_dir = path.clone().into();
            config.log.directory = flag.then(|| path.into());
            // Port 0 never clashes.
            config.chat.listen = listen.iter().map(|address| SocketAddr::new(address.ip(), 0)).collect();
            config.limits.login_timeout = login;
            config.limits.unresponsive_timeout = unresponsive;
            config.limits.idle_timeout = login;
            config.store.offline_messages = offline;
            config.store.history = unresponsive;
            config.limits.max_connections = positive(counts.0);
            config.limits.packets_per_second = counts.1.filter(|n| *n > 0);
            config.limits.outbox = positive(counts.2);
            config.log.keep = positive(counts.3);
            config.log.max_size = positive(counts.3).map(|size| size + 4096);
            config.log.total = positive(counts.2).map(|size| size + 4096);
            config.health.disk_warn = positive(counts.0);
            config.health.disk_degraded = positive(counts.1);
            config.backup.keep = config.log.keep;
            config.backup.every = login.map(|time| time.max(Duration::from_secs(60)));
            config.backup.directory = config.log.directory.clone();
            config.store.cache = (1 << 20) + u64::from(counts.4);
            config.spam.window = login.filter(|time| *time <= Spam::LONGEST);
            config.spam.decay = unresponsive;
            config.spam.messages_per_minute = counts.3.map(|n| n % Spam::MOST_MESSAGES + 1);
            config.spam.duplicate_messages = counts.1.map(|n| n % 9 + 2);
            config.spam.exempt_roles = Role::ALL
                .into_iter()
                .enumerate()
                .filter(|(n, _)| counts.4 >> n & 1 == 1)
                .map(|(_, r)| r)
                .collect();
            config.voice.calls = if flag { CallMode::Relay } else { CallMode::Off };
            config.voice.files = if flag { FileMode::Direct } else { FileMode::Off };
            config.log.format = if flag { LogFormat::Json } else { LogFormat::Text };
            Some(config)
        },
    )
}

/// What each key has to have in a file for it to differ from its default.
fn another_value(key: &str) -> &'static str {
    match key {
        "chat.listen" | "voice.listen_tcp" | "voice.listen_udp" | "http.listen" => "[\"127.0.0.1:0\"]",
        "voice.advertise" => "\"192.0.2.11\"",
        "voice.probe_udp" => "false",
        "rooms.age_verified_for_adult" => "true",
        "voice.calls" | "voice.files" => "\"off\"",
        "http.location" => "\"192.0.2.10:5001\"",
        "limits.exempt" | "spam.exempt_roles" => "[]",
        "limits.login_timeout" | "limits.idle_timeout" | "limits.unresponsive_timeout" => "\"7m\"",
        "spam.window" | "spam.cooldown" | "spam.decay" | "moderation.warning_ban" => "\"7m\"",
        "store.history" | "store.offline_messages" | "backup.every" => "\"7d\"",
        "limits.outbox" | "store.cache" | "log.max_size" | "log.total" => "\"7MiB\"",
        "health.disk_warn" | "health.disk_degraded" => "\"7MiB\"",
        "log.level" => "\"debug\"",
        "log.format" => "\"json\"",
        "server.name" | "server.data_dir" | "store.path" | "backup.directory" | "log.directory" => {
            "\"other\""
        }
        "control.socket" | "control.group" => "\"other\"",
        "control.mode" => "\"0600\"",
        "control.observers" | "control.moderators" | "control.operators" => "[\"other\"]",
        _ => "9",
    }
}

#[test]
fn each_key_counts_at_a_reload_or_at_the_next_start() {
    let old = Config::default();
    assert_eq!(old.reloaded(&old), (old.clone(), Default::default()));
    let mut restart = Vec::new();
    for key in Config::known_keys() {
        let (section, name) = key.split_once('.').unwrap();
        let text = format!("[{section}]\n{name} = {}\n", another_value(&key));
        let new = Config::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}"));
        assert_ne!(new, old, "{key}");
        let (config, changes) = old.reloaded(&new);
        if changes.restart.is_empty() {
            assert_eq!((changes.applied, config), (vec![key], new));
        } else {
            assert_eq!((changes.applied.len(), &config), (0, &old), "{key}");
            restart.extend(changes.restart);
        }
    }
    let expected = [
        "server.data_dir",
        "chat.listen",
        "voice.listen_tcp",
        "voice.listen_udp",
        "voice.advertise",
        "voice.probe_udp",
        "voice.calls",
        "http.listen",
        "control.socket",
        "control.mode",
        "control.group",
        "control.observers",
        "control.moderators",
        "control.operators",
        "store.path",
        "store.cache",
        "log.format",
        "log.directory",
    ];
    assert_eq!(restart, expected);
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same(config in any_config()) {
        let read = Config::from_toml(&config.to_toml());
        prop_assert_eq!(read, Ok(config));
    }

    #[test]
    fn no_text_makes_the_reader_panic(
        text in "(\\[(server|chat|limits|log)\\]|[a-z]+ = |\"[^\"]{0,9}\"|[0-9]{1,20}|[\\[\\],=.é]|\n){0,30}"
    ) {
        if let Err(errors) = Config::from_toml(&text) {
            prop_assert!(!errors.errors.is_empty());
        }
    }
}
