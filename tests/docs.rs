//! What the documents say about tests: that they exist.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all functions under a directory.
fn functions(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            names.extend(text.split("fn ").skip(1).map(|rest| {
                rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
            }));
        }
    }
}

/// The names in the last column of those tables of a document whose last column has this heading.
fn named(document: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_table = false;
    for line in document.lines() {
        if !line.starts_with('|') {
            in_table = false;
            continue;
        }
        let last = line.trim_end_matches('|').rsplit('|').next().unwrap();
        if last.trim() == "shown by" {
            in_table = true;
        } else if in_table {
            names.extend(last.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    names
}

#[test]
fn tests_that_documents_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    functions(&root.join("src"), &mut known);
    functions(&root.join("tests"), &mut known);
    let mut checked = 0;
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        for name in named(&fs::read_to_string(&path).unwrap_or_default()) {
            assert!(known.contains(&name), "{} names {name}, which does not exist", path.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "the tables were not found");
}

#[test]
fn torture_runs_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = fs::read_to_string(root.join("scripts/torture")).unwrap();
    let table = script.split("tests=\"").nth(1).unwrap().split('"').next().unwrap();
    let rows: Vec<Vec<&str>> = table.trim().lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let program = fs::read_to_string(root.join(format!("tests/{}.rs", row[1]))).unwrap();
        let found = row.get(2).is_none_or(|filter| {
            let tests = program.split("#[test]").skip(1).filter_map(|test| test.split("fn ").nth(1));
            tests.filter_map(|test| test.split('(').next()).any(|name| name.contains(filter))
        });
        assert!(found, "no test of {} is named like {:?}", row[1], row[2..].first());
    }
}
