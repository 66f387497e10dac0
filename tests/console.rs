//! The console in a real terminal, before a small server that speaks the control protocol.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod console_support;
mod support;

use std::fs;

use console_support::{Console, Server};

#[test]
fn a_shift_at_the_console() {
    let server = Server::start(1);
    let mut console = Console::start(&server, (120, 40), &[], &[]);
    console.wait("alice", |screen| screen.contains("alice") && screen.contains("3 users"));

    // Filter, sort, look closer.
    console.send("/bo");
    console.wait("the filter", |screen| screen.contains("1 of 3 users") && !screen.contains("carol"));
    console.send("\x15\r");
    console.wait("everybody", |screen| screen.contains("carol") && !screen.contains("filter bo"));
    console.send(">");
    console.wait("the order", |screen| screen.contains("Id▼") && screen.find("carol") < screen.find("alice"));
    console.send("<");
    console.wait("the order before", |screen| {
        screen.contains("Name▲") && screen.find("alice") < screen.find("carol")
    });
    console.send("G");
    console.wait("the last row", |screen| screen.contains("3/3"));
    console.send("\r");
    console.wait("details", |screen| screen.contains("Users → "));
    console.send("\x1b");
    console.wait("the table", |screen| screen.contains("3/3"));

    // Kick, with a dialog that begins on Cancel.
    console.send("K");
    console.wait("the dialog", |screen| screen.contains("[ Cancel ]"));
    console.send("\t\tspam\r\r");
    console.wait("the effect", |screen| screen.contains("was disconnected (spam)"));

    // Another size, and back; a click.
    console.resize((40, 15));
    console.wait("the small screen", |screen| screen.contains("1 Users   2   3   4   5"));
    console.resize((120, 40));
    console.wait("the large screen", |screen| screen.contains("5 Metrics") && screen.contains("Activity ─"));
    console.click("2 Rooms");
    console.wait("the rooms", |screen| screen.contains("no rooms"));

    // The daemon goes, and another one comes.
    let server = server.stop();
    console.wait("the loss", |screen| screen.contains("again in"));
    let _server = server.start_again(2);
    console.send("r");
    console.wait("the new daemon", |screen| screen.contains("daemon restarted"));

    console.send("q");
    assert_eq!(console.ended(), 0);
    console.assert_given_back();
}

#[test]
fn quitting_does_not_wait_for_a_daemon_that_is_not_there() {
    let server = Server::start(1);
    let gone = server.stop();
    let mut console = Console::start_at(gone.socket(), (80, 24), &[], &[]);
    console.wait("advice", |screen| screen.contains("paltalkd serve"));
    console.send("q");
    assert_eq!(console.ended(), 0);
    console.assert_given_back();
}

#[test]
fn signals_end_it_and_give_the_terminal_back() {
    let server = Server::start(1);
    for signal in ["TERM", "HUP"] {
        let mut console = Console::start(&server, (80, 24), &[], &[]);
        console.wait("alice", |screen| screen.contains("alice"));
        console.signal(signal);
        assert_eq!(console.ended(), 0, "{signal}");
        console.assert_given_back();
    }
}

#[test]
fn no_color_keeps_the_selection_and_loses_the_colours() {
    let server = Server::start(1);
    for (args, variables) in [
        (&[][..], &[("NO_COLOR", "1")][..]),
        (&["--color", "never"], &[]),
        (&["--theme", "mono", "--color", "always"], &[("NO_COLOR", "1")]),
    ] {
        let mut console = Console::start(&server, (80, 24), args, variables);
        console.wait("alice", |screen| screen.contains("alice"));
        console.with_screen(|screen| {
            let cells = cells(screen);
            assert!(cells.iter().any(|cell| cell.inverse() && cell.contents() == "a"), "alice is selected");
            assert!(cells.iter().all(|cell| cell.fgcolor() == vt100::Color::Default));
            assert!(cells.iter().all(|cell| cell.bgcolor() == vt100::Color::Default));
        });
        console.send("q");
        assert_eq!(console.ended(), 0);
    }
    // Whoever wants colours gets them.
    let mut console = Console::start(&server, (80, 24), &["--color", "always"], &[("NO_COLOR", "1")]);
    console.wait("alice", |screen| screen.contains("alice"));
    console.with_screen(|screen| {
        assert!(cells(screen).iter().any(|cell| cell.fgcolor() != vt100::Color::Default));
    });
    console.send("q");
    assert_eq!(console.ended(), 0);
}

fn cells(screen: &vt100::Screen) -> Vec<&vt100::Cell> {
    let (rows, columns) = screen.size();
    let cells = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |column| (row, column)));
    cells.filter_map(|(row, column)| screen.cell(row, column)).collect()
}

#[test]
fn a_locale_without_unicode_gets_ascii() {
    let server = Server::start(1);
    let mut console = Console::start(&server, (80, 24), &[], &[("LC_ALL", "C")]);
    console.wait("alice", |screen| screen.contains("> alice"));
    assert!(console.text().is_ascii(), "{}", console.text());
    console.send("q");
    assert_eq!(console.ended(), 0);
}

#[test]
fn without_a_daemon_and_without_patience_the_exit_code_says_so() {
    let server = Server::start(1);
    let gone = server.stop();
    for patience in [&["--no-reconnect"][..], &["--retry-for", "600ms"]] {
        let mut console = Console::start_at(gone.socket(), (80, 24), patience, &[]);
        assert_eq!(console.ended(), 3, "{patience:?}");
        console.assert_given_back();
        assert!(console.text().contains("no daemon at"), "{}", console.text());
    }
}

#[test]
fn another_protocol_is_told_and_not_guessed_at() {
    for (protocol, told) in [(99, "the daemon is newer"), (1, "the daemon is older")] {
        let server = Server::start_speaking(1, protocol);
        let mut console = Console::start(&server, (120, 40), &["--no-reconnect"], &[]);
        assert_eq!(console.ended(), 3);
        assert!(console.text().contains(told), "{}", console.text());
    }
}

#[test]
fn no_name_steers_the_terminal_of_a_command() {
    let server = Server::start(1);
    for args in [&["users"][..], &["console", "--once"]] {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_paltalkd"));
        let output = command.args(args).arg("--socket").arg(server.socket()).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("carol␛[31m") && !told.contains('\x1b'), "{args:?}: {told:?} {error}");
    }
}

#[test]
fn keys_are_printed_and_a_wrong_one_is_refused() {
    let config = tempfile::tempdir().unwrap();
    let file = config.path().join("paltalkd/console.toml");
    fs::create_dir(file.parent().unwrap()).unwrap();
    let run = || {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_paltalkd"));
        command.args(["console", "--print-keys"]).env("XDG_CONFIG_HOME", config.path()).output().unwrap()
    };
    let usual = String::from_utf8(run().stdout).unwrap();
    assert!(
        usual.contains("[keys.user]\nkick = [\"K\"]") && usual.contains(file.to_str().unwrap()),
        "{usual}"
    );
    // What is printed is a file in which keys can be changed.
    fs::write(&file, usual.replace("kick = [\"K\"]", "kick = [\"F5\", \"K\"]")).unwrap();
    assert!(String::from_utf8(run().stdout).unwrap().contains("kick = [\"F5\", \"K\"]"));
    fs::write(&file, "[keys.user]\nkick = \"M\"\n").unwrap();
    let refused = run();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(told.contains("console.toml: M would mean both user.kick and user.mute"), "{told}");
}

#[test]
fn scripts_are_shown_another_way() {
    let server = Server::start(1);
    let run = |args: &[&str], term: &str| {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_paltalkd"));
        command
            .arg("console")
            .arg("--socket")
            .arg(server.socket())
            .args(args)
            .env("TERM", term)
            .output()
            .unwrap()
    };
    let output = run(&[], "xterm");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("paltalkd console --once"));
    let output = run(&["--once"], "dumb");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("alice"));
    let output = run(&["--once", "--json"], "dumb");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["users"][0]["nickname"], "alice");
    assert_eq!(json["status"]["users_online"], 3);
    let gone = server.stop();
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_paltalkd"))
        .args(["console", "--once", "--socket"])
        .arg(gone.socket())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_terminal_that_can_nothing_is_refused_with_advice() {
    let server = Server::start(1);
    let mut console = Console::start(&server, (80, 24), &[], &[("TERM", "dumb")]);
    assert_eq!(console.ended(), 2);
    assert!(console.text().contains("--once"), "{}", console.text());
}

#[test]
fn it_is_stopped_and_comes_back_with_fg() {
    let server = Server::start(1);
    let mut shell = Console::in_shell(&server, (120, 40));
    shell.wait("alice", |screen| screen.contains("alice"));
    shell.send("G");
    shell.wait("the last row", |screen| screen.contains("3/3"));
    shell.send("\x1a");
    shell.wait("the shell", |screen| screen.contains("Stopped") && !screen.contains("alice"));
    shell.wait_for_prompt();
    shell.assert_given_back();
    shell.send("fg\r");
    shell.wait("the console again", |screen| screen.contains("alice") && screen.contains("3/3"));
    shell.with_screen(|screen| assert!(screen.alternate_screen() && screen.bracketed_paste()));
    shell.send("K");
    shell.wait("its keys", |screen| screen.contains("[ Cancel ]"));
    shell.send("\x1b");
    shell.wait("the table", |screen| !screen.contains("[ Cancel ]"));
    shell.send("q");
    shell.wait_for_prompt();
    shell.assert_given_back();
    shell.send("exit\r");
    assert_eq!(shell.ended(), 0);
}

#[test]
fn a_terminal_that_is_closed_ends_it_and_not_the_daemon() {
    let server = Server::start(1);
    let mut console = Console::start_and_close(&server, (80, 24), "alice");
    console.wait().unwrap();
    let mut console = Console::start(&server, (80, 24), &[], &[]);
    console.wait("alice", |screen| screen.contains("alice"));
    console.send("q");
    assert_eq!(console.ended(), 0);
}

#[test]
fn what_was_cleared_by_others_is_drawn_again() {
    let server = Server::start(1);
    let mut console = Console::start(&server, (80, 24), &[], &[]);
    console.wait("alice", |screen| screen.contains("alice"));
    console.scribble(b"\x1b[2J\x1b[Hsomebody writes here");
    console.wait("the damage", |screen| screen.contains("somebody") && !screen.contains("alice"));
    console.send("\x0c");
    console.wait("alice again", |screen| screen.contains("alice") && !screen.contains("somebody"));
    console.send("q");
    assert_eq!(console.ended(), 0);
}

#[test]
fn without_the_mouse_the_terminal_keeps_it() {
    let server = Server::start(1);
    for (args, mode) in [
        (&[][..], vt100::MouseProtocolMode::AnyMotion),
        (&["--no-mouse"][..], vt100::MouseProtocolMode::None),
    ] {
        let mut console = Console::start(&server, (80, 24), args, &[]);
        console.wait("alice", |screen| screen.contains("alice"));
        console.with_screen(|screen| assert_eq!(screen.mouse_protocol_mode(), mode));
        console.send("q");
        assert_eq!(console.ended(), 0);
    }
}

#[test]
fn the_whole_of_it_before_a_real_daemon() {
    let server = support::Server::start();
    let uids = ["alice", "bob", "carol"].map(|name| server.account(name));
    let mut clients = uids.map(|uid| server.sign_in(uid));
    let socket = server.data_dir().join("control.sock");
    let mut console = Console::start_at(socket.clone(), (120, 40), &[], &[]);
    console.wait("everybody", |screen| screen.contains("3 users") && screen.contains("carol"));
    // The rows live: whoever is idle gets older on the screen.
    console.wait("time passing", |screen| {
        screen
            .lines()
            .any(|line| line.contains("alice") && ["3s", "4s", "5s"].iter().any(|s| line.contains(s)))
    });
    // A second console sees what is done at the first.
    let mut other = Console::start_at(socket, (120, 40), &["--read-only"], &[]);
    other.wait("everybody", |screen| screen.contains("READ-ONLY") && screen.contains("carol"));
    other.send("3");

    console.send("/bob\r");
    console.wait("bob", |screen| screen.contains("1 of 3 users"));
    console.send("K");
    console.wait("the dialog", |screen| screen.contains(&format!("bob ({})", uids[1])));
    console.send("\t\tspam\r\r");
    console.wait("the empty table", |screen| screen.contains("Nothing matches bob"));
    clients[1].rest();
    other.wait("the kick", |screen| screen.lines().any(|line| line.contains("kick") && line.contains("bob")));
    console.send("/\x15\r");
    console.wait("the others", |screen| screen.contains(" 1/2"));

    console.send("G");
    console.wait("carol", |screen| screen.contains("2/2"));
    console.send("M\t\r");
    console.wait("the mute", |screen| screen.contains("u takes it back"));
    console.wait("carol muted", |screen| screen.contains("▲ muted"));
    console.send("u");
    console.wait("carol free", |screen| !screen.contains("▲ muted"));
    console.send(":broadcast hello to all\r");
    console.wait("the dialog", |screen| screen.contains("[ Cancel ]"));
    console.send("\t\r");
    other.wait("the announcement", |screen| screen.contains("hello to all"));
    for keys in ["2", "4", "5", "3"] {
        console.send(keys);
    }
    console.wait("the feed", |screen| screen.contains("following") && screen.contains("hello to all"));

    let _gone = server.stop();
    console.wait("the loss", |screen| screen.contains("again in"));
    for mut console in [console, other] {
        console.send("q");
        assert_eq!(console.ended(), 0);
        console.assert_given_back();
    }
}
