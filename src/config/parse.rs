use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, sections};
use super::values::Problems;
use super::{BACKUP_PAUSE, CallMode, Config, ConfigError, ConfigErrors};

/// Reads the text and collects every mistake on the way.
pub(super) fn parse(text: &str) -> Result<Config, ConfigErrors> {
    let mut config = Config::default();
    let mut found: Vec<(Range<usize>, String, String)> = Vec::new();

    let (document, syntax) = DeTable::parse_recoverable(text);
    for error in syntax {
        found.push((error.span().unwrap_or_default(), String::new(), error.message().trim().to_owned()));
    }
    let broken: Vec<usize> = found.iter().map(|(span, ..)| line_of(text, span.start)).collect();

    let mut walk = Walk { config: &mut config, found: Vec::new(), written: Vec::new() };
    walk.document(document.get_ref());
    let Walk { found: mistakes, written, .. } = walk;
    found.extend(mistakes);
    let Config { chat, voice, http, .. } = &config;
    found.extend(clashes(&listeners(
        &[
            ("chat.listen", &chat.listen),
            ("voice.listen_tcp", &voice.listen_tcp),
            ("http.listen", &http.listen),
        ],
        &written,
    )));
    // The ports of UDP are others than those of TCP.
    found.extend(clashes(&listeners(&[("voice.listen_udp", &voice.listen_udp)], &written)));
    // Relayed calls arrive where room voice does, at the port on which the clients insist.
    if config.voice.calls == CallMode::Relay
        && config.voice.call_address().is_none()
        && let Some(span) = value_span(document.get_ref(), "voice", "calls")
    {
        let message = "\"relay\" needs an IPv4 address with port 2090 in voice.listen_udp".to_owned();
        found.push((span, "voice.calls".to_owned(), message));
    }
    if config.backup.every.is_some_and(|every| every < BACKUP_PAUSE)
        && let Some(span) = value_span(document.get_ref(), "backup", "every")
    {
        let message = "must be at least \"1m\" (\"0s\" is never)".to_owned();
        found.push((span, "backup.every".to_owned(), message));
    }
    // What the parser made of a broken line is a guess; complaints about the guess would mislead.
    let syntax_errors = broken.len();
    let mut errors: Vec<ConfigError> = found
        .into_iter()
        .enumerate()
        .map(|(index, (span, key, message))| (index, line_of(text, span.start), key, message))
        .filter(|(index, line, ..)| *index < syntax_errors || !broken.contains(line))
        .map(|(_, line, key, message)| ConfigError { line: Some(line), key, message })
        .collect();
    errors.sort_by_key(|error| error.line);
    errors.dedup();
    if errors.is_empty() { Ok(config) } else { Err(ConfigErrors { path: None, errors }) }
}

/// A listen address with its key and the place where it was written; none if it is a default.
struct Listener {
    span: Option<Range<usize>>,
    key: &'static str,
    address: SocketAddr,
}

struct Walk<'a> {
    config: &'a mut Config,
    found: Vec<(Range<usize>, String, String)>,
    written: Vec<(String, Range<usize>, SocketAddr)>,
}

impl Walk<'_> {
    fn document(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let section = name.get_ref().as_ref();
            let known = sections().any(|known| known == section);
            match value.get_ref() {
                DeValue::Table(table) if known => self.section(section, table),
                _ if known => self.mistake(name, section, format!("must be a section: [{section}]")),
                DeValue::Table(_) => {
                    let nearest = nearest(section, sections());
                    self.mistake(name, section, format!("unknown section; did you mean [{nearest}]?"));
                }
                _ => {
                    let message = match KEYS.iter().find(|key| key.name == section) {
                        Some(key) => format!("stands outside of its section [{}]", key.section),
                        None => "unknown key outside of all sections".to_owned(),
                    };
                    self.mistake(name, section, message);
                }
            }
        }
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            let dotted = format!("{section}.{text}");
            let Some(key) = KEYS.iter().find(|key| key.section == section && key.name == text) else {
                let message = unknown_key(section, text);
                self.mistake(name, &dotted, message);
                continue;
            };
            let mut problems = Problems::default();
            (key.read)(self.config, value, &mut problems);
            self.found
                .extend(problems.list.into_iter().map(|(span, message)| (span, dotted.clone(), message)));
            self.written.extend(problems.addresses.into_iter().map(|(span, it)| (dotted.clone(), span, it)));
        }
    }

    fn mistake<T>(&mut self, at: &Spanned<T>, key: &str, message: String) {
        self.found.push((at.span(), key.to_owned(), message));
    }
}

fn unknown_key(section: &str, name: &str) -> String {
    let elsewhere = KEYS.iter().find(|key| key.name == name);
    if let Some(key) = elsewhere {
        return format!("unknown key here; it belongs to [{}]", key.section);
    }
    let here = KEYS.iter().filter(|key| key.section == section).map(|key| key.name);
    format!("unknown key; did you mean \"{}\"?", nearest(name, here))
}

/// Of `candidates`, the one most like `name`.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> &'a str {
    candidates.min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate)).unwrap_or_default()
}

/// Every address of `keys`, with the place where it was written.
fn listeners(
    keys: &[(&'static str, &Vec<SocketAddr>)],
    written: &[(String, Range<usize>, SocketAddr)],
) -> Vec<Listener> {
    let mut all = Vec::new();
    for &(key, addresses) in keys {
        let mut spans = written.iter().filter(|(of, ..)| of == key).map(|(_, span, _)| span.clone());
        all.extend(addresses.iter().map(|&address| Listener { span: spans.next(), key, address }));
    }
    all
}

/// Pairs of listen addresses of which one could not be bound, each told where the later was written.
fn clashes(listeners: &[Listener]) -> Vec<(Range<usize>, String, String)> {
    let mut found = Vec::new();
    for (index, later) in listeners.iter().enumerate() {
        let earlier = listeners.iter().take(index).find(|earlier| overlap(earlier.address, later.address));
        let Some(earlier) = earlier else { continue };
        let (at, other) = if later.span.is_some() { (later, earlier) } else { (earlier, later) };
        // Two defaults never clash.
        let Some(span) = at.span.clone() else { continue };
        let default = if other.span.is_none() { " (its default)" } else { "" };
        let message = format!("{} is taken by {} of {}{default}", at.address, other.address, other.key);
        found.push((span, at.key.to_owned(), message));
    }
    found
}

fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let any = |ip: IpAddr| ip.is_unspecified();
    let same_ip = a.ip() == b.ip() || (a.is_ipv4() == b.is_ipv4() && (any(a.ip()) || any(b.ip())));
    a.port() != 0 && a.port() == b.port() && same_ip
}

fn value_span(document: &DeTable<'_>, section: &str, key: &str) -> Option<Range<usize>> {
    let DeValue::Table(table) = document.get(section)?.get_ref() else { return None };
    Some(table.get(key)?.span())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}
