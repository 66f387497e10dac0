//! `paltalkd check-config`: which file counts, what is printed, which exit code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use paltalkd::config::Config;
use program::program;

fn check(directory: &Path, args: &[&str], variable: Option<&str>) -> Output {
    let mut command = program(directory);
    command.arg("check-config").args(args);
    if let Some(value) = variable {
        command.env("PALTALKD_CONFIG", value);
    }
    command.output().unwrap()
}

fn name(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    Config::from_toml(std::str::from_utf8(&output.stdout).unwrap()).unwrap().server.name
}

#[test]
fn the_nearest_file_counts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for file in ["config.toml", "variable.toml", "option.toml"] {
        fs::write(path.join(file), format!("[server]\nname = \"{file}\"\n")).unwrap();
    }
    assert_eq!(name(&check(path, &["--config", "option.toml"], Some("variable.toml"))), "option.toml");
    assert_eq!(name(&check(path, &[], Some("variable.toml"))), "variable.toml");
    assert_eq!(name(&check(path, &[], None)), "config.toml");
    assert_eq!(name(&check(path, &[], Some(""))), "config.toml");
    // A file that was asked for by name must be there.
    assert_eq!(check(path, &["--config", "absent.toml"], None).status.code(), Some(2));
    assert_eq!(check(path, &[], Some("absent.toml")).status.code(), Some(2));
}

#[test]
fn the_printed_configuration_is_complete() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.toml"), "[limits]\noutbox = 65536\n").unwrap();
    let output = check(directory.path(), &[], None);
    assert!(output.status.success() && output.stderr.is_empty());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("# The configuration in effect, from \"config.toml\"\n"), "{text}");
    assert!(text.contains("outbox = \"64KiB\""), "{text}");
    for key in Config::known_keys() {
        let (_, key) = key.split_once('.').unwrap();
        assert!(text.contains(&format!("\n{key} = ")), "{key} is missing in {text}");
    }
}

#[test]
fn all_mistakes_go_to_stderr_with_code_2() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.toml"), "[limits]\noutbx = 1\n[log]\nformat = \"xml\"\n")
        .unwrap();
    for args in [&["check-config"][..], &["serve"], &["account", "list"]] {
        Command::from(program(directory.path())).args(args).assert().code(2).stdout("").stderr(
            "config.toml:2: limits.outbx: unknown key; did you mean \"outbox\"?\n\
             config.toml:4: log.format: must be \"text\" or \"json\", not \"xml\"\n",
        );
    }
    // Nothing was made on the way.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn wrong_usage_is_code_2() {
    for args in [
        &[][..],
        &["sevre"],
        &["serve", "--loud"],
        &["check-config", "-v", "-q"],
        &["serve", "--color", "red"],
    ] {
        Command::new(env!("CARGO_BIN_EXE_paltalkd")).args(args).assert().code(2);
    }
}
