//! The pictures in docs/console.md are the console, and not what somebody remembers of it.

use std::env;
use std::fs;
use std::path::Path;

use super::fixture::Stage;

/// The pictures: what stands before each in the page, the size, and the keys that lead there.
const PICTURES: [(&str, (u16, u16), &str); 6] = [
    ("users", (120, 40), ""),
    ("metrics", (100, 30), "5"),
    ("activity", (80, 24), "3"),
    ("ban", (80, 24), "<down>B<tab><tab>"),
    ("user", (80, 24), "<down><down><down><enter>"),
    ("small", (40, 15), ""),
];

#[test]
fn the_pictures_in_the_page_are_true() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/console.md");
    let page = fs::read_to_string(&file).unwrap();
    let mut fresh = page.clone();
    for (name, size, keys) in PICTURES {
        let mut stage = Stage::new(size);
        stage.keys(keys);
        let mark = format!("<!-- picture: {name} -->\n```text\n");
        let start =
            fresh.find(&mark).unwrap_or_else(|| panic!("no place for the picture {name}")) + mark.len();
        let end = start + fresh[start..].find("```").unwrap();
        fresh.replace_range(start..end, &stage.screen());
    }
    if env::var_os("UPDATE_PICTURES").is_some() {
        fs::write(&file, &fresh).unwrap();
    } else {
        assert!(page == fresh, "run the tests with UPDATE_PICTURES=1");
    }
}

/// All sources in which tests may be, as one text.
fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *text += &fs::read_to_string(path).unwrap();
        }
    }
}

#[test]
fn every_promise_in_the_page_has_tests_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for directory in ["src/tui", "src/control", "src/hub", "src/cli", "tests"] {
        sources(&root.join(directory), &mut code);
    }
    let page = fs::read_to_string(root.join("docs/console.md")).unwrap();
    let rows = page.lines().filter(|line| {
        let number = line.strip_prefix("| C").or(line.strip_prefix("| T"));
        number.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    let mut names = Vec::new();
    for line in rows {
        names.push(line.split(' ').nth(1).unwrap());
        let tests = line.split('|').nth(3).unwrap();
        let found: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!found.is_empty() || tests.contains("figures"), "{line}");
        for name in found {
            assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
        }
    }
    let promised = (1..=47).map(|number| format!("C{number}"));
    assert_eq!(names, promised.chain((1..=10).map(|number| format!("T{number}"))).collect::<Vec<_>>());
}
