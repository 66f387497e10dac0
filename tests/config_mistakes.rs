//! Mistakes in the configuration: all at once, each with line, key and the way out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;

use paltalkd::config::Config;

fn complaints(text: &str) -> Vec<String> {
    let errors = Config::from_toml(text).expect_err("this has mistakes");
    errors.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = "\
[server]
name = \"\"
data_dir = 7

[limts]
outbox = 1

[limits]
outbx = \"256KiB\"
outbox = \"256KiBs\"
max_connections = -1
login_timeout = \"30 parsecs\"
unresponsive_timeout = 30
packets_per_second = 99999999999
exempt = [\"127.0.0.0/8\",
  \"localhost\",
  5]

[log]
level = \"inof\"
format = \"xml\"
";
    assert_eq!(
        complaints(text),
        [
            "config.toml:2: server.name: must not be empty",
            "config.toml:3: server.data_dir: must be a path in quotes, not a number",
            "config.toml:5: limts: unknown section; did you mean [limits]?",
            "config.toml:9: limits.outbx: unknown key; did you mean \"outbox\"?",
            "config.toml:10: limits.outbox: \"256KiBs\" is not a size like \"256KiB\" (B, KB, MB, GB, KiB, MiB, GiB)",
            "config.toml:11: limits.max_connections: must not be negative (0 switches it off)",
            "config.toml:12: limits.login_timeout: \"30 parsecs\" is not a time like \"750ms\", \"30s\" or \"5m\"",
            "config.toml:13: limits.unresponsive_timeout: must be a time like \"30s\" in quotes, not a number",
            "config.toml:14: limits.packets_per_second: is too large",
            "config.toml:16: limits.exempt: \"localhost\" is not an address or network like \"192.0.2.0/24\" or \"::1\"",
            "config.toml:17: limits.exempt: must be an address or network in quotes, not a number",
            "config.toml:20: log.level: \"inof\" is not a level; did you mean \"info\"? (for one module: \"module=debug\")",
            "config.toml:21: log.format: must be \"text\" or \"json\", not \"xml\"",
        ]
    );
}

#[test]
fn backups_need_a_moment_between_them() {
    let told = ["config.toml:2: backup.every: must be at least \"1m\" (\"0s\" is never)"];
    assert_eq!(complaints("[backup]\nevery = \"59s\"\n"), told);
    assert!(Config::from_toml("[backup]\nevery = \"0s\"\n").is_ok());
}

#[test]
fn keys_in_the_wrong_place() {
    assert_eq!(
        complaints("outbox = 5\nfoo = 1\nchat = 3\n[store]\nlevel = \"info\"\n[log.level]\nx = 1\n"),
        [
            "config.toml:1: outbox: stands outside of its section [limits]",
            "config.toml:2: foo: unknown key outside of all sections",
            "config.toml:3: chat: must be a section: [chat]",
            "config.toml:5: store.level: unknown key here; it belongs to [log]",
            "config.toml:6: log.level: must be a level like \"info\" in quotes, not a table",
        ]
    );
}

#[test]
fn addresses_that_cannot_be_bound_together() {
    assert_eq!(
        complaints(
            "[chat]\nlisten = [\"0.0.0.0:5001\", \"127.0.0.1:0\", \"127.0.0.1:0\"]\n\
             [http]\nlisten = [\"[::]:5001\", \"127.0.0.1:5001\"]\n"
        ),
        ["config.toml:4: http.listen: 127.0.0.1:5001 is taken by 0.0.0.0:5001 of chat.listen"]
    );
    // The defaults take part: port 8080 is the HTTP listener's unless that is moved.
    assert_eq!(
        complaints("[chat]\nlisten = [\"127.0.0.1:8080\"]\n"),
        ["config.toml:2: chat.listen: 127.0.0.1:8080 is taken by 0.0.0.0:8080 of http.listen (its default)"]
    );
}

#[test]
fn voice_shares_the_ports_of_tcp_and_has_those_of_udp_to_itself() {
    assert_eq!(
        complaints(
            "[voice]\nlisten_tcp = [\"0.0.0.0:5001\"]\n\
             listen_udp = [\"0.0.0.0:5001\", \"127.0.0.1:5001\"]\nadvertise = \"0.0.0.0\"\nprobe_udp = 1\n"
        ),
        [
            "config.toml:2: voice.listen_tcp: 0.0.0.0:5001 is taken by 0.0.0.0:5001 of chat.listen (its default)",
            "config.toml:3: voice.listen_udp: 127.0.0.1:5001 is taken by 0.0.0.0:5001 of voice.listen_udp",
            "config.toml:4: voice.advertise: \"0.0.0.0\" is neither \"auto\" nor an IPv4 address that clients \
             can reach, like \"192.0.2.10\"",
            "config.toml:5: voice.probe_udp: must be true or false, not a number",
        ]
    );
}

#[test]
fn calls_through_the_server_need_their_port() {
    let text = "[voice]\nlisten_udp = [\"0.0.0.0:2091\", \"[::1]:2090\"]\ncalls = \"relay\"\n";
    assert_eq!(
        complaints(text),
        ["config.toml:3: voice.calls: \"relay\" needs an IPv4 address with port 2090 in voice.listen_udp"]
    );
    assert!(Config::from_toml("[voice]\ncalls = \"relay\"\n").is_ok());
}

#[test]
fn addresses_that_clients_cannot_use() {
    assert_eq!(
        complaints("[chat]\nlisten = []\n[http]\nlisten = \"0.0.0.0:80\"\nlocation = \"[::1]:5001\"\n"),
        [
            "config.toml:2: chat.listen: must name at least one address",
            "config.toml:4: http.listen: must be a list in brackets, not text",
            "config.toml:5: http.location: \"[::1]:5001\" is neither \"auto\" nor an IPv4 address that clients \
             can reach, like \"192.0.2.10:5001\"",
        ]
    );
    for location in ["0.0.0.0:5001", "192.0.2.10:0", "192.0.2.10", "chat.example.org:5001"] {
        assert_eq!(complaints(&format!("[http]\nlocation = \"{location}\"\n")).len(), 1, "{location}");
    }
}

#[test]
fn broken_toml_has_a_line_too_and_hides_no_other_mistake() {
    let found = complaints("[server]\nname = \"Paltalk\n\n[limits]\noutbx = 1\n");
    assert!(found[0].starts_with("config.toml:2: "), "{found:?}");
    assert!(found.iter().any(|line| line.contains("limits.outbx")), "{found:?}");
    assert_eq!(found.iter().filter(|line| line.starts_with("config.toml:2: ")).count(), 1, "{found:?}");

    let found = complaints("[server]\nname = \"a\"\nname = \"b\"\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("config.toml:3: "), "{found:?}");
}

#[test]
fn values_out_of_bounds() {
    let long = format!("\"{}\"", "x".repeat(51));
    for (key, value) in [
        ("server.name", "\"bell\\u0007\""),
        ("server.name", "\"中文\""),
        ("server.name", long.as_str()),
        ("server.data_dir", "\"\""),
        ("store.path", "\"a\\u0000b\""),
        ("store.cache", "\"0\""),
        ("store.cache", "-1"),
        ("store.offline_messages", "\"200y\""),
        ("limits.outbox", "\"99999999999GiB\""),
        ("limits.outbox", "\"16KiB\""),
        ("limits.max_connections", "1.5"),
        ("limits.max_connections", "true"),
        ("log.level", "\"info,paltalkd=loud\""),
        ("log.keep", "\"many\""),
    ] {
        let (section, name) = key.split_once('.').unwrap();
        let found = complaints(&format!("[{section}]\n{name} = {value}\n"));
        assert_eq!(found.len(), 1, "{key} = {value}: {found:?}");
        assert!(found[0].starts_with(&format!("config.toml:2: {key}: ")), "{found:?}");
    }
}

#[test]
fn limits_of_messages_that_cannot_be_meant() {
    assert_eq!(
        complaints(
            "[spam]\nmessages_per_window = 1001\nwindow = \"61m\"\ncooldown = 750\n\
             messages_per_minute = -1\nduplicate_messages = 1\ndecay = \"soon\"\n\
             exempt_roles = [\"admin\", \"boss\"]\nmesages_per_window = 5\n"
        ),
        [
            "config.toml:2: spam.messages_per_window: must be 1 to 1000, or 0 for no limit",
            "config.toml:3: spam.window: must be at most \"1h\"",
            "config.toml:4: spam.cooldown: must be a time like \"30s\" in quotes, not a number",
            "config.toml:5: spam.messages_per_minute: must not be negative (0 switches it off)",
            "config.toml:6: spam.duplicate_messages: must be 2 to 10, or 0 for no limit",
            "config.toml:7: spam.decay: \"soon\" is not a time like \"750ms\", \"30s\" or \"5m\"",
            "config.toml:8: spam.exempt_roles: no such role \"boss\" (admin, moderator, trusted)",
            "config.toml:9: spam.mesages_per_window: unknown key; did you mean \"messages_per_window\"?",
        ]
    );
    assert_eq!(complaints("[spam]\nduplicate_messages = 11\n").len(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("absent.toml");
    let message = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{}: cannot read the configuration: ", path.display())),
        "{message}"
    );

    let path = directory.path().join("bad.toml");
    fs::write(&path, "[server]\nnam = \"x\"\n").unwrap();
    let message = Config::load(Some(&path)).unwrap_err().to_string();
    assert_eq!(message, format!("{}:2: server.nam: unknown key; did you mean \"name\"?", path.display()));

    fs::write(&path, "[server]\nname = \"x\"\n").unwrap();
    assert_eq!(Config::load(Some(&path)).unwrap().server.name, "x");
}

#[test]
fn words_that_are_not_among_those_there_are() {
    assert_eq!(
        complaints("[voice]\ncalls = \"on\"\nfiles = true\n"),
        [
            "config.toml:2: voice.calls: must be one of \"direct\", \"relay\", \"off\", not \"on\"",
            "config.toml:3: voice.files: must be one of \"relay\", \"direct\", \"off\" in quotes, not true or false",
        ]
    );
}
