//! Help is output too: what every command prints, to the letter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use assert_cmd::Command;

/// The width of the narrowest terminal that help is made for.
const WIDTH: usize = 80;

fn help(command: &[String]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_paltalkd"));
    program.env("COLUMNS", WIDTH.to_string()).env("NO_COLOR", "1").args(command).arg("--help");
    let output = program.assert().success().get_output().clone();
    assert!(output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that a help text names under "Commands:", without `help` itself.
fn listed(help: &str) -> impl Iterator<Item = String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .filter(|name| name != "help")
}

/// A command by which help is named: `account_add`, `clear_strikes`; the program itself is `paltalkd`.
fn snapshot(command: &[String]) -> String {
    if command.is_empty() { "paltalkd".to_owned() } else { command.join("_").replace('-', "_") }
}

/// Every command with its help, the program itself first, found by reading help.
fn walk() -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let mut ahead = vec![Vec::new()];
    while let Some(command) = ahead.pop() {
        let text = help(&command);
        ahead.extend(listed(&text).map(|name| [&command[..], &[name]].concat()));
        found.push((command, text));
    }
    found
}

#[test]
fn every_command_explains_itself() {
    let commands = walk();
    let mut names = BTreeSet::new();
    for (command, text) in &commands {
        let name = snapshot(command);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{name}: too wide: {line}");
        }
        insta::assert_snapshot!(name.clone(), text);
        assert!(names.insert(name.clone()), "two commands are called {name}");
    }
    // What is hidden from help has a manual page all the same, so that nothing is left out.
    let pages = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_paltalkd")).arg("man").arg(pages.path()).assert().success();
    let pages: BTreeSet<String> = files(pages.path(), ".1")
        .map(|page| page.strip_prefix("paltalkd-").unwrap_or(&page).replace('-', "_"))
        .collect();
    assert_eq!(pages, names);
    let prefix = "cli_help__";
    let snapshots: BTreeSet<String> =
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots"), ".snap")
            .filter_map(|name| name.strip_prefix(prefix).map(str::to_owned))
            .collect();
    assert_eq!(snapshots, names, "a snapshot of a command that is no more");
}

/// The names of the files in a directory that end with `end`, without that.
fn files(directory: &Path, end: &str) -> impl Iterator<Item = String> {
    let names =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(move |name| name.strip_suffix(end).map(str::to_owned))
}

#[test]
fn the_version_names_the_program() {
    Command::new(env!("CARGO_BIN_EXE_paltalkd")).arg("--version").assert().success().stdout(concat!(
        "paltalkd ",
        env!("CARGO_PKG_VERSION"),
        "\n"
    ));
}
