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
        assert_eq!(page, fresh, "run the tests with UPDATE_PICTURES=1");
    }
}
