//! What may be passed on of what people write. One place for messages, topics, welcome and away
//! texts; names have rules of their own beside their types.
//!
//! Nothing is judged by its character set: the clients show whatever set Windows has, so bytes that
//! are empty in Windows-1252 are letters to people elsewhere (in Windows-1256, 0x81 is Persian) and
//! stay in texts. In names, which others have to recognise, they do not.

/// The longest run of one character; dashes across the window are shorter.
const RUN: usize = 100;
/// Line breaks in a row: more push what others wrote out of sight.
const BREAKS_IN_A_ROW: usize = 3;
/// Line breaks in one text.
const BREAKS: usize = 40;
/// Stands where a `<` would begin a tag that nobody knows: it looks the same and is as long.
const ANGLE: u8 = 0x8b;
/// The longest known tag is `<pfont color="#16777215">`.
const TAG: usize = 32;

/// A text of several lines, as in a message, a welcome or an away text.
///
/// - Control bytes vanish, but for tabs and line breaks.
/// - A run of one character ends after 100 of it, a run of line breaks after 3; from the
///   41st line break on there are blanks.
/// - Markup that is not of the client's own (PROTOCOL 2.3: colour, size, bold, italic, underlined)
///   becomes text: some clients make HTML of any tag whose name begins with `p`. Tags with other
///   names are text already.
///
/// The result is not longer, and is itself left as it is.
pub fn text(bytes: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(bytes.len());
    let (mut in_a_row, mut breaks) = (0, 0);
    let mut rest = bytes.iter().copied().filter(|byte| !is_control(*byte)).peekable();
    while let Some(byte) = rest.next() {
        if !matches!(byte, b'\r' | b'\n') {
            in_a_row = 0;
            clean.push(byte);
            continue;
        }
        let pair = byte == b'\r' && rest.next_if_eq(&b'\n').is_some();
        in_a_row += 1;
        if breaks == BREAKS {
            clean.push(b' ');
        } else if in_a_row <= BREAKS_IN_A_ROW {
            breaks += 1;
            clean.push(byte);
            clean.extend(pair.then_some(b'\n'));
        }
    }
    disarm(&mut clean);
    shorten_runs(&mut clean);
    clean
}

/// A text of one line and at most `max` bytes, as in a topic: as [`text`], with blanks in place of
/// line breaks and tabs, and none at either end.
pub fn line(bytes: &[u8], max: usize) -> Vec<u8> {
    let shown = bytes.iter().filter(|byte| !is_control(**byte));
    let plain = shown.map(|byte| if matches!(byte, b'\t' | b'\r' | b'\n') { b' ' } else { *byte });
    let mut clean: Vec<u8> = plain.skip_while(|byte| *byte == b' ').take(max).collect();
    clean.truncate(clean.trim_ascii_end().len());
    // After the cut, which may have gone through a tag.
    disarm(&mut clean);
    shorten_runs(&mut clean);
    clean
}

fn is_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n') || byte == 0x7f
}

fn shorten_runs(text: &mut Vec<u8>) {
    let (mut last, mut run) = (None, 0);
    text.retain(|byte| {
        run = if last == Some(*byte) { run + 1 } else { 1 };
        last = Some(*byte);
        run <= RUN
    });
}

/// Turns the beginning of every tag that is not a known one into text.
fn disarm(text: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'<')) {
        at += found;
        let rest = text.get(at..).unwrap_or_default();
        let known = known_tag(rest);
        if known.is_none() && matches!(rest, [b'<', b'p' | b'P', ..] | [b'<', b'/', b'p' | b'P', ..]) {
            text.iter_mut().skip(at).take(1).for_each(|byte| *byte = ANGLE);
        }
        at += known.unwrap_or(1);
    }
}

/// The length of the known tag at the beginning of `text`, if there is one.
fn known_tag(text: &[u8]) -> Option<usize> {
    let end = text.iter().take(TAG).position(|byte| *byte == b'>')?;
    let tag = text.get(1..end)?.to_ascii_lowercase();
    let number = |value: &[u8], digits: usize| {
        let value = value.strip_prefix(b"#").unwrap_or(value);
        (1..=digits).contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
    };
    let value = |name: &[u8]| tag.strip_prefix(name)?.strip_suffix(b"\"");
    let known = match tag.as_slice() {
        b"pb" | b"pi" | b"pu" | b"/pb" | b"/pi" | b"/pu" | b"/pfont" | b"/pfont-size" => true,
        _ => {
            value(b"pfont color=\"").is_some_and(|colour| number(colour, 8))
                || value(b"pfont-size=\"").is_some_and(|size| number(size, 2))
        }
    };
    known.then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(bytes: &[u8]) -> String {
        super::super::text::from_cp1252(&text(bytes))
    }

    #[test]
    fn what_clients_write_stays() {
        for line in [
            &b"<pfont color=\"#0\"><pfont-size=\"8\"><pb>hello room 1 & <b>x</b></pb></pfont></pfont>"[..],
            b"<PFONT COLOR=\"#16777215\"><pi>\tZo\xeb \x80 \x81\xc8</pi></PFONT>",
            b"1 < 2 > 0 <3 <script> </b> p<q",
            b"one\r\ntwo\n\n\nthree",
            &[b'-'; RUN],
        ] {
            assert_eq!(text(line), line);
        }
    }

    #[test]
    fn what_would_do_harm_does_not() {
        for (written, stays) in [
            (&b"a\x01\x1b[2Jb\x7f\x08"[..], "a[2Jb"),
            (b"<pimg src=\"x\">", "\u{2039}pimg src=\"x\">"),
            (b"<pscript>x</pscript>", "\u{2039}pscript>x\u{2039}/pscript>"),
            (b"<p<pb>img>", "\u{2039}p<pb>img>"),
            (b"<<pa>pa>", "<\u{2039}pa>pa>"),
            (b"<p\x01img>", "\u{2039}pimg>"),
            (b"<pfont-size=\"999\">", "\u{2039}pfont-size=\"999\">"),
            (b"<pfont color=\"#0\" onclick=\"x\">", "\u{2039}pfont color=\"#0\" onclick=\"x\">"),
            (b"end <p", "end \u{2039}p"),
            (b"a\n\n\n\n\nb", "a\n\n\nb"),
            (b"a\r\n\r\n\r\n\r\nb", "a\r\n\r\n\r\nb"),
        ] {
            assert_eq!(clean(written), stays);
        }
        assert_eq!(text(&[b'x'; 4096]).len(), RUN);
        assert_eq!(text(&b"x\n".repeat(2000)).iter().filter(|byte| **byte == b'\n').count(), BREAKS);
    }

    #[test]
    fn lines_are_lines() {
        assert_eq!(line(b" Hello\nthere \x01 ", 255), b"Hello there");
        assert_eq!(line(&b"ab".repeat(300), 255).len(), 255);
        assert_eq!(line(b"abc <pb>", 6), b"abc \x8bp");
        assert_eq!(line(b"\x01 \x01 a", 255), b"a");
    }

    proptest! {
        #[test]
        fn texts_hold_nothing_bad_and_stay(bytes in texts()) {
            let once = text(&bytes);
            prop_assert!(once.len() <= bytes.len());
            check(&once)?;
            prop_assert!(once.iter().filter(|byte| **byte == b'\n').count() <= 2 * BREAKS);
            prop_assert_eq!(text(&once), once);
        }

        #[test]
        fn lines_hold_nothing_bad_and_stay(bytes in texts(), max in 0..300usize) {
            let once = line(&bytes, max);
            prop_assert!(once.len() <= max);
            prop_assert!(once.iter().all(|byte| *byte >= b' '));
            check(&once)?;
            prop_assert_eq!(line(&once, max), once);
        }
    }

    /// Anything, and what is made to slip through.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let pieces = proptest::sample::select(vec![
            &b"<p"[..],
            b"<",
            b"/p",
            b">",
            b"<pb>",
            b"</pfont>",
            b"<pfont color=\"#",
            b"0",
            b"\">",
            b"\r",
            b"\n",
            b"\0",
            b"\x1b",
            b" ",
            b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            b"P",
            b"\x7f",
            b"\x8b",
        ]);
        let made = proptest::collection::vec(pieces, 0..120).prop_map(|pieces| pieces.concat());
        prop_oneof![proptest::collection::vec(any::<u8>(), 0..300), made]
    }

    fn check(clean: &[u8]) -> Result<(), TestCaseError> {
        prop_assert!(!clean.iter().any(|byte| is_control(*byte)));
        prop_assert!(!clean.windows(RUN + 1).any(|run| run.iter().all(|byte| *byte == run[0])));
        for at in 0..clean.len() {
            let rest = clean[at..].to_ascii_lowercase();
            if rest.starts_with(b"<p") || rest.starts_with(b"</p") {
                let tag = String::from_utf8_lossy(rest.split_inclusive(|byte| *byte == b'>').next().unwrap())
                    .into_owned();
                let plain = ["<pb>", "<pi>", "<pu>", "</pb>", "</pi>", "</pu>", "</pfont>", "</pfont-size>"];
                let font = tag.starts_with("<pfont color=\"") || tag.starts_with("<pfont-size=\"");
                prop_assert!(plain.contains(&tag.as_str()) || font && tag.ends_with("\">"), "{}", tag);
            }
        }
        Ok(())
    }
}
