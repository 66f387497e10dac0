/// The longest file name that is taken.
pub const LONGEST_NAME: usize = 255;
/// What a file is called whose name has nothing in it that can stay.
const NAMELESS: &[u8] = b"file";

/// The file's own name without any directories, without what Windows takes for something else, and
/// no longer than [`LONGEST_NAME`].
pub fn plain_name(name: &[u8]) -> Vec<u8> {
    let last = name.rsplit(|byte| b"/\\:".contains(byte)).next().unwrap_or_default();
    let shown = |byte: &u8| if b"<>\"|?*".contains(byte) { b'_' } else { *byte };
    let mut plain: Vec<u8> = last.iter().filter(|byte| !byte.is_ascii_control()).map(shown).collect();
    plain.truncate(LONGEST_NAME);
    while matches!(plain.last(), Some(b'.' | b' ')) {
        plain.pop();
    }
    if plain.is_empty() {
        plain.extend(NAMELESS);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_paths() {
        for (name, plain) in [
            ("labfile.txt", "labfile.txt"),
            ("C:\\My Files\\a b.txt", "a b.txt"),
            ("../../etc/passwd", "passwd"),
            ("a\\..\\b", "b"),
            ("file.txt:stream", "stream"),
            ("..", "file"),
            ("C:\\", "file"),
            ("", "file"),
            ("a\r\n\0b?.exe. ", "ab_.exe"),
        ] {
            assert_eq!(plain_name(name.as_bytes()), plain.as_bytes(), "{name}");
        }
    }
}
