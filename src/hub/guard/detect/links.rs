//! Links in messages, and the list of those that do not count.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::store::{LinkAllow, LinkKind};
use regex::bytes::{Regex, RegexBuilder};

/// Bytes of memory that the pattern of one entry may compile to.
const PATTERN_SIZE: usize = 256 << 10;

/// Endings by which a bare name is known for a link. Endings that are words count only before a
/// path: people leave out the blank after a full stop.
const ENDINGS: &str = "com|net|org|info|biz|edu|gov|mobi|name|xyz|online|site|website|shop|store|club|top|live|app|dev|link|click|\
     space|icu|pro|vip|casino|porn|sex|xxx|de|fr|nl|uk|ru|pl|cz|ch|se|dk|fi|es|br|mx|ca|au|nz|jp|cn|kr|tr|ir|il|ae|sa|eg|gr|hu|\
     ro|bg|ua|pt|eu|io|tv|cc|ws|tk|ml|ga|cf|gq|ly|gl|gd|gg|su";
const ENDINGS_THAT_ARE_WORDS: &str = "me|to|it|in|us|is|so|at|be|my|no|co|am|as|do|fm|id|la|pw|sh|st|vc";

/// What a link looks like in a folded text. No pattern over outside text is a matter of time: the
/// engine is linear.
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";
    // "example.com", "example (dot) com", "example[.]com".
    let dot = r"(?:\.| ?[\[({] ?(?:dot|\.) ?[\])}] ?)";
    let tail = r#"(?::[0-9]+)?(?:[/?#][^\s<>",;|]*)?"#;
    pattern(&format!(
        r#"(?:h(?:tt|xx)ps?|ftp)://[^\s<>",;|]+|\bwww[0-9]?\.[^\s<>",;|]+|(?:{name}{dot})+(?:(?:{ENDINGS})\b{tail}|(?:{ENDINGS_THAT_ARE_WORDS})/[^\s<>",;|]+)|[a-z0-9-]{{4,}} dot (?:com|net|org)\b"#
    ))
    .ok()
});

/// What is in every link that holds no full stop.
static SCHEME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("://"));
static SPELT_DOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("dot"));

fn pattern(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).unicode(false).size_limit(4 * PATTERN_SIZE).build()
}

/// How many links a folded text holds that the list does not allow. Counted are addresses with a
/// scheme (`hxxp` too) or `www.`, names with a known ending, and "(dot)" or "dot com" in place of the
/// dot. Addresses of mail are none.
pub fn count_links(folded: &[u8], allowed: &Whitelist) -> usize {
    // Most lines hold neither.
    let hinted = memchr::memchr(b'.', folded).is_some()
        || SCHEME.find(folded).is_some()
        || SPELT_DOT.find(folded).is_some();
    let Some(link) = LINK.as_ref().filter(|_| hinted) else { return 0 };
    let links = link.find_iter(folded).filter(|found| {
        let before = found.start().checked_sub(1).and_then(|at| folded.get(at));
        let mail = before == Some(&b'@') && !found.as_bytes().contains(&b'/');
        !mail && !allowed.allows(trimmed(found.as_bytes()))
    });
    // Links that were written without a gap.
    links.map(|found| found.as_bytes().windows(3).filter(|part| part == b"://").count().max(1)).sum()
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// A link without the marks of the sentence around it.
fn trimmed(link: &[u8]) -> &[u8] {
    let end = link.iter().rposition(|byte| !b".:!?)]}'*_".contains(byte)).map_or(0, |at| at + 1);
    link.get(..end).unwrap_or_default()
}

/// Links that everybody may send as many of as he likes.
#[derive(Clone, Debug, Default)]
pub struct Whitelist {
    domains: Vec<Vec<u8>>,
    prefixes: Vec<Vec<u8>>,
    patterns: Vec<Regex>,
}

impl Whitelist {
    /// Compiles the entries. To be done off the hub. The error names the entry.
    pub fn compile<'a>(entries: impl IntoIterator<Item = &'a LinkAllow>) -> Result<Whitelist, String> {
        let mut list = Whitelist::default();
        for LinkAllow { kind, text, .. } in entries {
            list.add(*kind, text).map_err(|why| format!("\"{text}\" {why}"))?;
        }
        Ok(list)
    }

    fn add(&mut self, kind: LinkKind, text: &str) -> Result<(), String> {
        let text = text.trim().to_ascii_lowercase();
        if text.is_empty() || text.len() > LinkAllow::TEXT_MAX || !text.is_ascii() {
            return Err(format!("has to be plain characters, 1 to {}", LinkAllow::TEXT_MAX));
        }
        match kind {
            LinkKind::Domain => {
                let domain = text.trim_start_matches("*.").trim_matches('.').to_owned();
                let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
                if !domain.contains('.') || !domain.bytes().all(good) {
                    return Err("is not a domain like example.com".to_owned());
                }
                self.domains.push(domain.into_bytes());
            }
            LinkKind::Url => {
                let prefix = without_scheme(text.as_bytes());
                if !prefix.contains(&b'.')
                    || prefix.iter().any(|byte| byte.is_ascii_whitespace() || *byte == b'@')
                {
                    return Err("is not the beginning of an address like example.com/rooms".to_owned());
                }
                self.prefixes.push(prefix.to_vec());
            }
            LinkKind::Regex => {
                let build = |pattern: &str| {
                    RegexBuilder::new(pattern)
                        .unicode(false)
                        .size_limit(PATTERN_SIZE)
                        .build()
                        .map_err(|error| format!("is not a regular expression: {error}"))
                };
                // Between brackets "a)|(b" would be one, too, and not of a whole link.
                build(&text)?;
                let whole = build(&format!("^(?:{text})$"))?;
                self.patterns.push(whole);
            }
        }
        Ok(())
    }

    /// Whether a link, in lower case, is on the list.
    fn allows(&self, link: &[u8]) -> bool {
        let address = without_scheme(link);
        // Browsers take a backslash for a slash.
        let end = address.iter().position(|byte| b"/?#\\".contains(byte)).unwrap_or(address.len());
        let authority = address.get(..end).unwrap_or_default();
        // What stands before an @ is not where the link leads, whatever it says.
        if authority.contains(&b'@') {
            return false;
        }
        let host = authority.split(|byte| *byte == b':').next().unwrap_or_default();
        let host = host.strip_suffix(b".").unwrap_or(host);
        let domain = |domain: &Vec<u8>| {
            host.strip_suffix(domain.as_slice()).is_some_and(|sub| sub.is_empty() || sub.ends_with(b"."))
        };
        let prefix = |prefix: &Vec<u8>| {
            address.strip_prefix(prefix.as_slice()).is_some_and(|rest| {
                prefix.ends_with(b"/") || matches!(rest.first(), None | Some(b'/' | b'?' | b'#'))
            })
        };
        self.domains.iter().any(domain)
            || !holds(address, b"..") && self.prefixes.iter().any(prefix)
            || self.patterns.iter().any(|pattern| pattern.is_match(link))
    }
}

fn without_scheme(link: &[u8]) -> &[u8] {
    let scheme = link.windows(3).position(|part| part == b"://");
    let letters = |at: usize| link.get(..at).is_some_and(|scheme| scheme.iter().all(u8::is_ascii_alphabetic));
    scheme.filter(|at| letters(*at)).and_then(|at| link.get(at + 3..)).unwrap_or(link)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::fold::fold;
    use crate::model::{Author, Timestamp};

    fn list(entries: &[(LinkKind, &str)]) -> Whitelist {
        Whitelist::compile(&entries.iter().map(|(kind, text)| entry(*kind, text)).collect::<Vec<_>>())
            .unwrap()
    }

    fn entry(kind: LinkKind, text: &str) -> LinkAllow {
        LinkAllow { kind, text: text.to_owned(), by: Author::System, at: Timestamp(0) }
    }

    /// The links in a text as it was typed.
    fn count_links(text: &[u8], allowed: &Whitelist) -> usize {
        super::count_links(&fold(text), allowed)
    }

    fn links(text: &str) -> usize {
        count_links(text.as_bytes(), &Whitelist::default())
    }

    #[test]
    fn links_are_seen_however_they_are_written() {
        for (text, count) in [
            ("see http://example.com/a?b=c#d, ok?", 1),
            ("HTTPS://EXAMPLE.COM and hxxp://example.com", 2),
            ("www.example.com www2.foo", 2),
            ("example.com", 1),
            ("go to my-site.co.uk/room now", 1),
            ("bit.ly/abc t.me/abc", 2),
            ("spam.com,spam.net;spam.org", 3),
            ("http://a.example/http://b.example", 2),
            ("visit example (dot) com or example[.]net", 2),
            ("cheapstuff dot com", 1),
            ("exam\u{ad}ple.com", 1),
            ("http://192.0.2.1/x", 1),
            ("http://user@example.com", 1),
        ] {
            let bytes = crate::model::to_cp1252(text);
            assert_eq!(count_links(&bytes, &Whitelist::default()), count, "{text}");
        }
    }

    #[test]
    fn ordinary_talk_holds_none() {
        for text in [
            "hello there. how are you",
            "I am home.it is late...so good night",
            "pi is 3.14, e.g. or i.e. whatever",
            "bob@example.com",
            "the dot com bubble, the polka dot",
            "file.txt and readme.md",
            "come.on",
            "1.2.3.4",
        ] {
            assert_eq!(links(text), 0, "{text}");
        }
    }

    #[test]
    fn the_whitelist_allows_what_it_names_and_nothing_that_looks_like_it() {
        let domains = list(&[(LinkKind::Domain, "Example.com")]);
        for (link, counts) in [
            ("example.com", 0),
            ("https://sub.EXAMPLE.com:8080/x", 0),
            ("http://example.com.", 0),
            ("evilexample.com", 1),
            ("http://example.com.evil.net", 1),
            ("http://example.com@evil.net/", 1),
            ("http://evil.net\\@example.com", 1),
            ("http://evil.net/example.com", 1),
            ("http://evil.net?example.com", 1),
        ] {
            assert_eq!(count_links(link.as_bytes(), &domains), counts, "{link}");
        }
        let prefixes = list(&[(LinkKind::Url, "https://example.com/rooms")]);
        for (link, counts) in [
            ("http://example.com/rooms", 0),
            ("example.com/rooms/12?x", 0),
            ("example.com/roomservice", 1),
            ("example.com/", 1),
            ("example.com/rooms/../x", 1),
            ("http://example.com/rooms@evil.net", 1),
        ] {
            assert_eq!(count_links(link.as_bytes(), &prefixes), counts, "{link}");
        }
        let patterns = list(&[(LinkKind::Regex, r"(?:https?://)?example\.(?:com|net)/\w+")]);
        for (link, counts) in
            [("http://example.net/abc", 0), ("http://example.net/abc/d", 1), ("evil.com/example.com/x", 1)]
        {
            assert_eq!(count_links(link.as_bytes(), &patterns), counts, "{link}");
        }
    }

    #[test]
    fn bad_entries_are_named() {
        let compile = |kind, text: &str| Whitelist::compile(&[entry(kind, text)]);
        for (kind, text) in [
            (LinkKind::Domain, ""),
            (LinkKind::Domain, "com"),
            (LinkKind::Domain, "http://example.com"),
            (LinkKind::Url, "a@example.com/"),
            (LinkKind::Regex, "("),
            (LinkKind::Regex, "a)|(b"),
            (LinkKind::Regex, r"(?:\w{100}){100}"),
        ] {
            assert!(compile(kind, text).unwrap_err().starts_with(&format!("\"{text}\"")), "{text}");
        }
    }

    proptest! {
        #[test]
        fn takes_anything(text: Vec<u8>) {
            count_links(&text, &list(&[(LinkKind::Domain, "example.com"), (LinkKind::Url, "example.com/x")]));
        }
    }
}
