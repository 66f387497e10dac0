//! Paltalk's markup in messages (PROTOCOL 2.3, 11.9).

use std::borrow::Cow;

// A real tag is far shorter; without a bound, text full of `<` would be scanned again and again.
const MAX_TAG: usize = 256;

/// The text after the tags in front of it. Commands and whispers are recognised there, because
/// clients put their font tags before what was typed.
pub fn plain_start(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let [b'<', next, ..] = rest {
        if !next.is_ascii_alphabetic() && *next != b'/' {
            break;
        }
        let Some(after) = after_tag(rest) else { break };
        rest = after;
    }
    rest
}

/// The text without Paltalk's tags, those whose names begin with `p`. Anything else in angle
/// brackets is text: clients send `<b>` as it was typed (capture room-message). Borrowed where tags
/// stand at the ends only, as in most messages.
pub fn strip(text: &[u8]) -> Cow<'_, [u8]> {
    let mut plain = Cow::Borrowed(&[][..]);
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (run, after) = up_to_tag(text);
        if plain.is_empty() {
            plain = Cow::Borrowed(run);
        } else if !run.is_empty() {
            plain.to_mut().extend_from_slice(run);
        }
        rest = after;
    }
    plain
}

/// The text before the first of Paltalk's tags, and what stands after that tag, if there is one.
fn up_to_tag(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    for at in memchr::memchr_iter(b'<', text) {
        let Some((before, tag)) = text.split_at_checked(at) else { break };
        if is_tag(tag)
            && let Some(after) = after_tag(tag)
        {
            return (before, Some(after));
        }
    }
    (text, None)
}

/// The server's own words as an instant message: wrapped in a font unless they bring one, because
/// some clients show nothing else (PROTOCOL 2.3).
pub fn wrap_im(text: &[u8]) -> Vec<u8> {
    if text.windows(6).any(|window| window == b"<pfont") {
        return text.to_vec();
    }
    [b"<pfont color=\"#0\"><pfont-size=\"10\">", text, b"</pfont></pfont>"].concat()
}

/// The nickname and the words of a whisper, a room message whose text begins with `/w nickname:`
/// after its tags. Nicknames may hold blanks. `None` for any other text.
pub fn parse_whisper(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let command = plain_start(text);
    let (b"/w " | b"/W ", typed) = command.split_at_checked(3)? else {
        return None;
    };
    let colon = typed.iter().position(|&byte| byte == b':')?;
    let (nickname, message) = typed.split_at_checked(colon)?;
    let message = message.get(1..)?;
    let end = (0..message.len()).find(|&at| message.get(at..).is_some_and(is_tag)).unwrap_or(message.len());
    let nickname = nickname.trim_ascii();
    (!nickname.is_empty()).then_some((nickname, message.get(..end)?.trim_ascii()))
}

/// A whisper as it is shown to the person it is for. The LF in front is there because one client
/// compares from the second byte on (PROTOCOL 11.9).
pub fn wrap_whisper(message: &[u8]) -> Vec<u8> {
    let start: &[u8] = b"\n<pb><pi>***** Start Whisper</pi></pb>\n";
    [start, message, b"\n<pi><pb>***** End Whisper</pb></pi>"].concat()
}

fn is_tag(text: &[u8]) -> bool {
    matches!(text, [b'<', b'p' | b'P', ..] | [b'<', b'/', b'p' | b'P', ..])
}

fn after_tag(text: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b'>', text.get(..MAX_TAG).unwrap_or(text))?;
    text.get(end + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FONT: &[u8] =
        b"<pfont color=\"#0\"><pfont-size=\"8\"><pb>hello room 1 & <b>x</b></pb></pfont></pfont>";

    #[test]
    fn looks_past_leading_tags() {
        assert_eq!(
            plain_start(b"<pfont color=\"#0\"><pfont-size=\"10\">/w A: b</pfont>"),
            b"/w A: b</pfont>"
        );
        assert_eq!(plain_start(b"<3 you>"), b"<3 you>");
        assert_eq!(plain_start(b"<pb"), b"<pb");
        assert_eq!(plain_start(b""), b"");
    }

    #[test]
    fn strips_tags_and_keeps_what_was_typed() {
        for (text, plain) in [
            (FONT, &b"hello room 1 & <b>x</b>"[..]),
            (b"1 < 2 <pu>u</pu> <p", b"1 < 2 u <p"),
            (b"<pb>a</pb><P>b</P>c", b"abc"),
            (b"<<pb>>", b"<>"),
            (b"<p<pb>x", b"x"),
            (b"<pb></pb>", b""),
            (b"", b""),
        ] {
            assert_eq!(*strip(text), *plain);
        }
    }

    #[test]
    fn copies_only_around_a_tag_in_the_middle() {
        assert!(matches!(strip(FONT), Cow::Borrowed(_)));
        assert!(matches!(strip(b"1 <pb>2</pb>"), Cow::Owned(_)));
    }

    #[test]
    fn wraps_only_what_has_no_font() {
        assert_eq!(wrap_im(FONT), FONT);
        assert_eq!(wrap_im(b"hi"), b"<pfont color=\"#0\"><pfont-size=\"10\">hi</pfont></pfont>");
    }

    #[test]
    fn finds_whispers() {
        let whisper = b"<pfont color=\"#0\">/w Dan the Man: a < b: c</pfont>";
        assert_eq!(parse_whisper(whisper), Some((&b"Dan the Man"[..], &b"a < b: c"[..])));
        assert_eq!(parse_whisper(b"/w Alice:"), Some((&b"Alice"[..], &b""[..])));
        for other in [&b"/w Alice"[..], b"/w : x", b"/who: x", b"hello /w Alice: x", b"/w", b""] {
            assert_eq!(parse_whisper(other), None);
        }
        assert_eq!(*strip(&wrap_whisper(b"psst")), *b"\n***** Start Whisper\npsst\n***** End Whisper");
    }

    proptest! {
        #[test]
        fn takes_anything(text: Vec<u8>) {
            prop_assert!(text.ends_with(plain_start(&text)));
            prop_assert!(strip(&text).len() <= text.len());
            parse_whisper(&text);
            prop_assert!(strip(&wrap_im(&text)).len() <= text.len());
        }

        #[test]
        fn markup_like_text_too(text in "[</>pbfont \"=#0-9:w]{0,60}") {
            let mut plain = Vec::new();
            let mut rest = text.as_bytes();
            while let Some((byte, after)) = rest.split_first() {
                match is_tag(rest).then(|| after_tag(rest)).flatten() {
                    Some(after) => rest = after,
                    None => {
                        plain.push(*byte);
                        rest = after;
                    }
                }
            }
            prop_assert_eq!(&*strip(text.as_bytes()), plain);
            parse_whisper(text.as_bytes());
        }
    }
}
