//! Help is output too: what each subcommand prints, to the letter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use assert_cmd::Command;

fn help(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paltalkd"));
    // The width of the terminal must not leak in.
    command.env_remove("COLUMNS").env("NO_COLOR", "1").args(args).arg("--help");
    let output = command.assert().success().get_output().clone();
    assert!(output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

macro_rules! golden {
    ($($name:ident: $args:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), help(&$args));
        }
    )*};
}

golden! {
    paltalkd: [];
    serve: ["serve"];
    status: ["status"];
    users: ["users"];
    rooms: ["rooms"];
    activity: ["activity"];
    audit: ["audit"];
    strikes: ["strikes"];
    bans: ["bans"];
    performance: ["performance"];
    shutdown: ["shutdown"];
    completions: ["completions"];
    man: ["man"];
    console: ["console"];
    check_config: ["check-config"];
    account: ["account"];
    account_add: ["account", "add"];
    account_show: ["account", "show"];
    account_list: ["account", "list"];
    account_passwd: ["account", "passwd"];
    account_set: ["account", "set"];
    account_ban: ["account", "ban"];
    account_unban: ["account", "unban"];
    account_export: ["account", "export"];
    account_delete: ["account", "delete"];
    account_erase: ["account", "erase"];
    room: ["room"];
    room_list: ["room", "list"];
    room_show: ["room", "show"];
    room_create: ["room", "create"];
    room_close: ["room", "close"];
    room_set: ["room", "set"];
    backup: ["backup"];
    restore: ["restore"];
    verify: ["verify"];
}

#[test]
fn the_version_names_the_program() {
    Command::new(env!("CARGO_BIN_EXE_paltalkd")).arg("--version").assert().success().stdout(concat!(
        "paltalkd ",
        env!("CARGO_PKG_VERSION"),
        "\n"
    ));
}
