//! Golden frames: every pane, page and dialog at four sizes.

use super::fixture::Stage;

const SIZES: [(u16, u16); 4] = [(200, 50), (120, 40), (80, 24), (40, 15)];

/// What is looked at: a name, and the keys that lead there.
const SCENES: [(&str, &str); 16] = [
    ("users", ""),
    ("rooms", "2"),
    ("activity", "3"),
    ("activity_scrolled", "3<up><up><up>"),
    ("strikes", "4"),
    ("metrics", "5"),
    ("metrics_day", "5<down><down>---"),
    ("user", "<down><down><down><enter>"),
    ("room", "2<enter>"),
    ("menu", "a"),
    ("kick", "<down>K"),
    ("ban", "<down>B<tab><tab>"),
    ("close_room", "2X"),
    ("palette", ":ki"),
    ("help", "?"),
    ("filter", "/guest1"),
];

fn scene(name: &str) {
    let (_, keys) = SCENES.iter().find(|(known, _)| *known == name).unwrap();
    for size in SIZES {
        let mut stage = Stage::new(size);
        stage.keys(keys);
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), stage.screen());
    }
}

macro_rules! scenes {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            scene(stringify!($name));
        }
    )*};
}

scenes! {
    users rooms activity activity_scrolled strikes metrics metrics_day user room menu kick ban close_room palette
    help filter
}
