//! Knowledge flows one way: a module may use what stands below it, never what stands above.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the house, from the roof down.
const FLOORS: [&str; 12] = [
    "main", "cli", "daemon", "tui", "control", "net", "session", "hub", "store", "link", "protocol", "model",
];
/// What everybody may use, and what itself uses nothing but `model` and each other.
const SERVICES: [&str; 4] = ["metrics", "telemetry", "config", "password"];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|name| *name == module)
}

/// Whether `user` may know `used`.
fn may_use(user: &str, used: &str) -> bool {
    if user == used || used == "model" {
        return true;
    }
    // The model is the ground: it rests on nothing.
    if user == "model" {
        return false;
    }
    if SERVICES.contains(&used) {
        return true;
    }
    matches!((floor(user), floor(used)), (Some(user), Some(used)) if user < used)
}

/// The top-level modules that `source` names by `crate::` or, in the binary, by `paltalkd::`.
fn used_modules(source: &str) -> BTreeSet<String> {
    let code = without_comments_and_texts(source);
    let mut found = BTreeSet::new();
    for root in ["crate::", "paltalkd::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            first_names(&code[at + root.len()..], &mut found);
        }
    }
    found
}

/// The first name of a path, or of each path in a `{…}` group.
fn first_names(path: &str, found: &mut BTreeSet<String>) {
    let path = path.trim_start();
    let Some(group) = path.strip_prefix('{') else {
        found.insert(path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        return;
    };
    let mut depth = 0;
    let mut part = String::new();
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => first_names(&std::mem::take(&mut part), found),
            _ => {}
        }
        if c != ',' || depth > 0 {
            part.push(c);
        }
    }
    if !part.trim().is_empty() {
        first_names(&part, found);
    }
}

/// The source with comments and the contents of string literals blanked out.
fn without_comments_and_texts(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") {
            rest.get(3..).and_then(|text| text.find("\"#")).map_or(rest.len(), |end| end + 5)
        } else if rest.starts_with("'\"'") {
            3
        } else if c == '"' {
            end_of_text(rest)
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

fn end_of_text(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The top-level module that a file below `src` belongs to.
fn module_of(file: &Path) -> String {
    let first = file.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn violations(file: &Path, source: &str) -> Vec<String> {
    let user = module_of(file);
    // The crate page names every module; that is what it is for.
    if user == "lib" {
        return Vec::new();
    }
    let known = |module: &str| floor(module).is_some() || SERVICES.contains(&module);
    let mut found = Vec::new();
    if !known(&user) {
        found.push(format!("{}: the module {user} has no place in the order", file.display()));
    }
    for used in used_modules(source) {
        if known(&used) && !may_use(&user, &used) {
            found.push(format!("{}: {user} must not know {used}", file.display()));
        }
    }
    found
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_module_knows_one_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 10, "the sources were not found");
    let mut found = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        found.extend(violations(file.strip_prefix(&root).unwrap(), &source));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_detector_sees_what_goes_up() {
    let complaints = |file: &str, source: &str| violations(Path::new(file), source);
    for (file, source, used) in [
        ("hub/rooms.rs", "use crate::net::http;", "net"),
        ("store/mod.rs", "use crate::{\n    model::Uid,\n    hub::{State, Effects},\n};", "hub"),
        ("link.rs", "fn f() { let x = crate::session::Session::new(); }", "session"),
        ("model/ids.rs", "pub use crate::config::Config;", "config"),
        ("config.rs", "use crate::store::Store;", "store"),
        ("protocol/frame.rs", "type T = Vec<crate::link::Outbox>;", "link"),
        ("net/http.rs", "use crate :: cli;\nuse crate::cli;", "cli"),
        (
            "cli/mod.rs",
            "let c = '\"'; use crate::model::Uid; /* \" */ let m = \"\\\"\"; use paltalkd::main;",
            "main",
        ),
    ] {
        let found = complaints(file, source);
        assert_eq!(
            found,
            [format!("{file}: {} must not know {used}", module_of(Path::new(file)))],
            "{source}"
        );
    }
    assert_eq!(complaints("utils.rs", "").len(), 1);
}

#[test]
fn the_detector_lets_pass_what_goes_down() {
    for (file, source) in [
        ("main.rs", "fn main() { paltalkd::cli::run(); }"),
        ("cli/account.rs", "use crate::{config::Config, store::{Change, Store}, model, password};"),
        ("hub/mod.rs", "// not crate::net, and\n/* use crate::net; */ use crate::hub::State; use super::x;"),
        (
            "store/mod.rs",
            "const TEXT: &str = \"see \\\" crate::net\"; const RAW: &str = r#\"crate::net \" \"#;",
        ),
        ("password.rs", "use crate::model::to_cp1252; use crate::config::Config;"),
        ("protocol/mod.rs", "use mycrate::net; use crate::telemetry;"),
        ("lib.rs", "pub use crate::net;"),
    ] {
        assert_eq!(violations(Path::new(file), source), Vec::<String>::new());
    }
}
