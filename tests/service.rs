//! The unit and the script that installs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "support/skipped.rs"]
mod skipped;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use paltalkd::config::Config;
use skipped::not_checked;

/// The worst that `systemd-analyze security` may say of the unit.
const EXPOSURE: f64 = 1.5;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The output of `systemd-analyze`; `None`, said aloud, where there is none: then `what` is not checked.
fn analyze(what: &str, args: &[&str]) -> Option<Output> {
    let output = Command::new("systemd-analyze").args(args).env("SYSTEMD_COLORS", "0").output();
    output.map_err(|error| not_checked(what, &format!("cannot run systemd-analyze: {error}"))).ok()
}

#[test]
fn systemd_understands_the_unit() {
    let directory = tempfile::tempdir().unwrap();
    let unit = fs::read_to_string(repository("scripts/paltalkd.service")).unwrap();
    let here = unit.replace("/usr/local/bin/paltalkd", env!("CARGO_BIN_EXE_paltalkd"));
    assert_ne!(unit, here);
    let path = directory.path().join("paltalkd.service");
    fs::write(&path, here).unwrap();
    let Some(output) = analyze("what systemd thinks of the unit", &["verify", path.to_str().unwrap()]) else {
        return;
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("paltalkd.service"), "{told}");
}

#[test]
fn the_unit_leaves_little_open() {
    let unit = repository("scripts/paltalkd.service");
    let args = ["security", "--offline=yes", unit.to_str().unwrap()];
    let Some(output) = analyze("how much the unit leaves open", &args) else { return };
    let told = String::from_utf8_lossy(&output.stdout);
    let score = told.split("Overall exposure level for paltalkd.service: ").nth(1);
    let score: f64 =
        score.and_then(|rest| rest.split(' ').next()).unwrap_or_else(|| panic!("{told}")).parse().unwrap();
    assert!(score <= EXPOSURE, "{told}");
    let manual = fs::read_to_string(repository("docs/operations.md")).unwrap();
    assert!(
        manual.contains(&format!("gives it {score} of 10")),
        "the manual names another score than {score}"
    );
}

#[test]
fn the_unit_lets_the_daemon_speak_as_it_has_to() {
    let unit = fs::read_to_string(repository("scripts/paltalkd.service")).unwrap();
    let families = unit.lines().find_map(|line| line.strip_prefix("RestrictAddressFamilies=")).unwrap();
    // Clients, the control socket, and the system's word about how far away clients are.
    assert_eq!(families, "AF_INET AF_INET6 AF_UNIX AF_NETLINK");
}

#[test]
fn the_unit_has_descriptors_for_all_connections() {
    let unit = fs::read_to_string(repository("scripts/paltalkd.service")).unwrap();
    let limit = unit.lines().find_map(|line| line.strip_prefix("LimitNOFILE=")).unwrap();
    assert!(limit.parse::<usize>().unwrap() >= 2 * Config::default().limits.max_connections.unwrap() + 1000);
}

fn install(prefix: &Path, args: &[&str]) -> String {
    let mut command = Command::new(repository("scripts/install.sh"));
    command.args(["--prefix", prefix.to_str().unwrap()]).args(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_script_installs_once_rehearses_and_removes() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let binary = ["--binary", env!("CARGO_BIN_EXE_paltalkd")];
    let with = |flag: &'static str| [&binary[..], &[flag]].concat();
    let rehearsal = install(root, &with("--dry-run"));
    assert!(rehearsal.contains("usr/local/bin/paltalkd"), "{rehearsal}");
    assert_eq!(files(root), Vec::<PathBuf>::new());

    let first = install(root, &binary);
    assert!(first.contains("usermod -aG paltalkd") && !first.contains("has to say"), "{first}");
    let config = root.join("etc/paltalkd/config.toml");
    let installed = Config::load(Some(&config)).unwrap();
    assert_eq!(installed.server.data_dir, Path::new("/var/lib/paltalkd"));
    // Whoever is in the group of the service may do what its hint promises.
    assert_eq!(installed.control.operators, ["paltalkd"]);
    let shipped = Config::load(Some(&repository("config.toml"))).unwrap();
    let (server, control) = (installed.server.clone(), installed.control.clone());
    assert_eq!(installed, Config { server, control, ..shipped });
    for (path, mode) in [
        ("usr/local/bin/paltalkd", 0o755),
        ("etc/systemd/system/paltalkd.service", 0o644),
        ("etc/paltalkd/config.toml", 0o640),
        ("etc/paltalkd", 0o750),
        ("var/lib/paltalkd", 0o750),
    ] {
        assert_eq!(fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777, mode, "{path}");
    }
    let again = install(root, &binary);
    assert!(again.contains("Everything is in place already."), "{again}");

    fs::write(&config, "[server]\nname = \"Mine\"\n").unwrap();
    fs::write(root.join("etc/systemd/system/paltalkd.service"), "old").unwrap();
    let upgrade = install(root, &binary);
    assert!(upgrade.contains("paltalkd.service") && !upgrade.contains("bin/paltalkd.new"), "{upgrade}");
    assert_eq!(Config::load(Some(&config)).unwrap().server.name, "Mine");
    assert!(upgrade.contains(r#"has to say: operators = ["paltalkd"]"#), "{upgrade}");

    install(root, &["--uninstall", "--dry-run"]);
    assert!(root.join("usr/local/bin/paltalkd").exists());
    install(root, &["--uninstall"]);
    install(root, &["--uninstall"]);
    assert_eq!(files(root), [config]);
}

#[test]
fn the_script_refuses_what_it_does_not_know() {
    for args in [&["--instal"][..], &["--prefix", "/nowhere", "--binary", "/absent"], &["--prefix"]] {
        let output = Command::new(repository("scripts/install.sh")).args(args).output().unwrap();
        assert!(!output.status.success(), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}
