//! Names that pass for the service or its staff.

use super::fold::is_invisible;

/// Nobody's name holds this, however it is written.
const SERVICE: &[&str] = &["paltalk"];
/// Nobody's name begins with this: `Admin`, `Administrator`, `Admin_Bob`.
const FRONT: &[&str] = &["admin"];
/// No word of anybody's name is one of these.
const WORDS: &[&str] = &["admin", "administrator", "staff", "moderator", "sysop"];
/// Nobody's whole name is one of these: under some of them clients show the server's own messages.
/// As words they are ordinary: the Solar System, a Support Group.
const WHOLE: &[&str] = &[
    "system",
    "systemmessage",
    "server",
    "servermessage",
    "service",
    "support",
    "helpdesk",
    "security",
    "newuser",
    "welcomemsg",
    "welcomemessage",
    "notifier",
];

/// Whether a name of a user or a room could be taken for the service or for those who run it.
/// Compared is what a reader sees: letters that look alike are one letter (`l I 1 | !`, `O 0`, `rn m`
/// and so on), and accents, doubled letters, blanks, and signs between or around letters do not
/// count. A number behind a name does not make it another.
pub fn imitates_service(name: &[u8]) -> bool {
    let bare = name.trim_ascii_end();
    let digits = bare.iter().rev().take_while(|byte| byte.is_ascii_digit() || is_sign(**byte)).count();
    let unnumbered = bare.get(..bare.len() - digits).unwrap_or_default();
    [name, unnumbered].into_iter().any(|name| {
        let whole = skeleton(name);
        let is = |shape: &[u8], words: &[&str]| words.iter().any(|word| shape == skeleton(word.as_bytes()));
        SERVICE.iter().any(|word| holds(&whole, &skeleton(word.as_bytes())))
            || FRONT.iter().any(|word| whole.starts_with(&skeleton(word.as_bytes())))
            || is(&whole, WHOLE)
            || is(&whole, WORDS)
            || name.split(|byte| is_sign(*byte)).any(|word| {
                let numberless = word.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
                is(&skeleton(word), WORDS) || is(&skeleton(word.get(..numberless).unwrap_or_default()), WORDS)
            })
    })
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Whether a byte stands between words or letters without being one.
fn is_sign(byte: u8) -> bool {
    is_invisible(byte) || shape(byte).is_none()
}

/// What a reader sees in a name: one letter for all that look like it, each run of it once.
fn skeleton(name: &[u8]) -> Vec<u8> {
    let mut seen: Vec<u8> = Vec::with_capacity(name.len());
    for shape in name.iter().filter_map(|byte| shape(*byte)) {
        seen.push(shape);
        // Two letters that read as one.
        for (pair, single) in [(b"rn", b'm'), (b"vv", b'w')] {
            if seen.ends_with(pair) {
                seen.truncate(seen.len() - 2);
                seen.push(single);
            }
        }
    }
    seen.dedup();
    seen
}

/// The letter that a byte looks like; `None` for signs, blanks and what shows nothing.
fn shape(byte: u8) -> Option<u8> {
    Some(match byte {
        b'l' | b'L' | b'i' | b'I' | b'1' | b'|' | b'!' | 0xa1 | 0xa6 | 0xb9 | 0xcc..=0xcf | 0xec..=0xef => {
            b'i'
        }
        b'0' | 0xb0 | 0xba | 0xd2..=0xd6 | 0xd8 | 0xf0 | 0xf2..=0xf6 | 0xf8 => b'o',
        b'@' | b'4' | 0xaa | 0xc0..=0xc6 | 0xe0..=0xe6 => b'a',
        b'3' | 0x80 | 0xc8..=0xcb | 0xe8..=0xeb => b'e',
        b'5' | b'$' | 0x8a | 0x9a | 0xa7 => b's',
        b'7' | b'+' | 0x86 | 0x87 => b't',
        b'(' | 0xa2 | 0xa9 | 0xc7 | 0xe7 => b'c',
        b'8' | 0xdf => b'b',
        b'6' | b'9' => b'g',
        b'2' | 0x8e | 0x9e => b'z',
        0x83 => b'f',
        0xb5 | 0xd9..=0xdc | 0xf9..=0xfc => b'u',
        0xd0 => b'd',
        0xd1 | 0xf1 => b'n',
        0xae => b'r',
        0xa5 | 0x9f | 0xdd | 0xfd | 0xff => b'y',
        0xde | 0xfe => b'p',
        0xd7 => b'x',
        byte if byte.is_ascii_alphabetic() => byte.to_ascii_lowercase(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::text::to_cp1252;
    use super::*;

    fn imitates(name: &str) -> bool {
        imitates_service(&to_cp1252(name))
    }

    #[test]
    fn imitations_are_seen() {
        for name in [
            "Paltalk",
            "PaItalk",
            "PaIta1k",
            "p a l t a l k",
            "P.a.l.t.a.l.k",
            "Pàltålk",
            "PALTALK Help",
            "xX_paltalk_Xx",
            "Pa|ta|k",
            "Paall taallk",
            "P@lt@lk 7",
            "Admin",
            "admin1",
            "Administrator",
            "4dm1n",
            "Adrnin",
            "Ädmin",
            "Admin_Bob",
            "A d m i n",
            "Room Admin",
            "Staff",
            "st4ff",
            "Staff 2",
            "The Staff",
            "Moderator",
            "M0derat0r",
            "moderator99",
            "System",
            "SYSTEM 1",
            "5ystem",
            "Sy$tem",
            "System Message",
            "Server",
            "Support",
            "Welcome Msg",
            "newuser",
            "Newuser 3",
            "Sys0p",
            "[Admin]",
            "~Staff~",
        ] {
            assert!(imitates(name), "{name}");
        }
    }

    #[test]
    fn ordinary_names_are_not() {
        for name in [
            "Alice",
            "Dan the Man",
            "Solar System",
            "System of a Down",
            "Badminton",
            "Staffordshire Bob",
            "Pal",
            "Talkative",
            "Moderate Mike",
            "Observer",
            "Semolina",
            "*** The Royal Oak ***",
            "Support Group",
            "Padma",
            "Nadmin",
            "User1",
            "007",
            "Madmin",
            "Room 1000001",
            "Palermo Talk Time",
            "",
            "   ",
            "***",
            "Stan",
            "Vladimir",
        ] {
            assert!(!imitates(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn disguise_does_not_help(picks in proptest::collection::vec(0..8usize, 7), gaps in proptest::collection::vec(0..6usize, 7)) {
            let looks: [&[u8]; 7] = [b"pP", b"aA@4\xe0", b"lLiI1|!", b"tT7+", b"aA\xc4\xe5", b"lLiI1|\xec", b"kK"];
            let mut name = Vec::new();
            for ((look, pick), gap) in looks.iter().zip(&picks).zip(&gaps) {
                name.push(look[pick % look.len()]);
                name.extend_from_slice([&b""[..], b" ", b"_", b".", b"\xad", b"-"][*gap]);
            }
            prop_assert!(imitates_service(&name));
        }

        #[test]
        fn takes_anything(name: Vec<u8>) {
            imitates_service(&name);
        }
    }
}
