//! Commands of those who run the place, about what the guard goes by: filters, detectors, links.

use crate::model::{from_cp1252, to_cp1252};
use crate::store::{Filter, FilterAction, FilterConsequence, FilterKind, FilterList, FilterRecord, LinkKind};

use super::super::acts::ANTISPAM;
use super::super::guard::detect::Settings;
use super::super::guard::filter::WORST;
use super::super::lookup::{Finding, Question};
use super::super::staff::Action;
use super::super::{Effects, State};
use super::staff::{Staff, Stop, listed, page};
use super::who::{duration, person, split_word};

pub(super) fn filter(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let (what, rest) = split_word(&staff.line);
    match what.to_ascii_lowercase().as_str() {
        "add" => {
            let filter = Box::new(read_filter(rest)?);
            match staff.found(|| Question::Check(filter.clone()))? {
                Finding::Checked(Ok(())) => staff.act(state, Action::PutFilter { id: None, filter }, effects),
                Finding::Checked(Err(why)) => Err(Stop::Says(format!("This filter cannot be used: {why}."))),
                _ => Err(Stop::busy()),
            }
        }
        "list" => {
            let wanted = page(rest)?;
            let Finding::Filters(found) = staff.found(|| Question::Filters)? else {
                return Err(Stop::busy());
            };
            Ok(listed("filter", found.iter().map(filter_line).collect(), wanted))
        }
        "test" if !rest.is_empty() => {
            let text = to_cp1252(rest);
            let Finding::Tested(found) = staff.found(|| Question::Test(text))? else {
                return Err(Stop::busy());
            };
            Ok(listed("matching filter", found.iter().map(filter_line).collect(), 1))
        }
        word @ ("on" | "off" | "remove") => {
            let id: u32 = rest.parse().map_err(|_| Stop::Usage)?;
            let Finding::Filters(found) = staff.found(|| Question::Filters)? else {
                return Err(Stop::busy());
            };
            let record = found.iter().find(|record| record.id == id);
            let record = record.ok_or_else(|| Stop::Says(format!("There is no filter {id}.")))?;
            let mut filter = Box::new(record.filter.clone());
            filter.active = word == "on";
            match word {
                "remove" => {
                    let text = filter.text;
                    staff.act(state, Action::DeleteFilter { id, text }, effects)
                }
                _ => staff.act(state, Action::PutFilter { id: Some(id), filter }, effects),
            }
        }
        _ => Err(Stop::Usage),
    }
}

/// Reads `-regex -language -notify -warn -mute 1h -ban 7d -severity 5 TEXT`.
fn read_filter(line: &str) -> Result<Filter, Stop> {
    let mut filter = Filter::new(FilterKind::Keyword, "");
    let mut rest = line.trim();
    let seconds = |word: &str| {
        let seconds = duration(word).and_then(|time| u32::try_from(time.as_secs()).ok());
        seconds.filter(|seconds| *seconds > 0).ok_or(Stop::Usage)
    };
    while let Some(option) = rest.strip_prefix('-') {
        let (option, after) = split_word(option);
        let (value, behind) = split_word(after);
        let mut takes_value = false;
        match option.to_ascii_lowercase().as_str() {
            "regex" => filter.kind = FilterKind::Regex,
            "language" => filter.list = FilterList::Language,
            "notify" => filter.action = FilterAction::Notify,
            "warn" => filter.consequence = FilterConsequence::Warn,
            "mute" => {
                filter.consequence = FilterConsequence::Mute { seconds: seconds(value)? };
                takes_value = true;
            }
            "ban" if value.eq_ignore_ascii_case("permanent") => {
                filter.consequence = FilterConsequence::Ban { seconds: None };
                takes_value = true;
            }
            "ban" => {
                filter.consequence = FilterConsequence::Ban { seconds: Some(seconds(value)?) };
                takes_value = true;
            }
            "severity" => {
                let severity = value.parse().ok().filter(|severity| (1..=WORST).contains(severity));
                filter.severity = severity.ok_or(Stop::Usage)?;
                takes_value = true;
            }
            _ => return Err(Stop::Usage),
        }
        rest = if takes_value { behind } else { after };
    }
    if rest.is_empty() {
        return Err(Stop::Usage);
    }
    filter.text = rest.to_owned();
    Ok(filter)
}

fn filter_line(record: &FilterRecord) -> String {
    let filter = &record.filter;
    let kind = if filter.kind == FilterKind::Regex { "regex" } else { "keyword" };
    let action = if filter.action == FilterAction::Notify { "notify" } else { "block" };
    let consequence = match filter.consequence {
        FilterConsequence::Delete => String::new(),
        FilterConsequence::Warn => ", warn".to_owned(),
        FilterConsequence::Mute { seconds } => format!(", mute {seconds} s"),
        FilterConsequence::Ban { seconds: Some(seconds) } => format!(", ban {seconds} s"),
        FilterConsequence::Ban { seconds: None } => ", ban".to_owned(),
    };
    let list = if filter.list == FilterList::Language { ", language" } else { "" };
    let off = if filter.active { "" } else { ", off" };
    let (id, text, severity, hits) = (record.id, &filter.text, filter.severity, record.hits);
    format!("{id}: {kind} {text} ({action}{consequence}{list}, severity {severity}{off}, {hits} hits)")
}

pub(super) fn antispam(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let (what, rest) = split_word(&staff.line);
    match what.to_ascii_lowercase().as_str() {
        "list" => {
            let Finding::Settings(found) = staff.found(|| Question::Settings)? else {
                return Err(Stop::busy());
            };
            let mut settings = Settings::default();
            for (name, value) in found {
                // What cannot be read any more has the value as shipped.
                if let Some(name) = name.strip_prefix(ANTISPAM) {
                    _ = settings.set(name, value);
                }
            }
            let lines = settings.values().into_iter();
            let lines = lines.map(|(name, value, about)| format!("{name} = {value}: {about}"));
            Ok(listed("setting", lines.collect(), 1))
        }
        "set" => {
            let (name, value) = split_word(rest);
            if value.is_empty() {
                return Err(Stop::Usage);
            }
            let action = Action::Antispam { name: name.to_ascii_lowercase(), value: Some(value.to_owned()) };
            staff.act(state, action, effects)
        }
        "reset" if !rest.is_empty() => {
            let action = Action::Antispam { name: rest.to_ascii_lowercase(), value: None };
            staff.act(state, action, effects)
        }
        "exempt" => {
            let (line, on) = match rest.rsplit_once(char::is_whitespace) {
                Some((name, switch)) if switch.eq_ignore_ascii_case("off") => (name, false),
                Some((name, switch)) if switch.eq_ignore_ascii_case("on") => (name, true),
                _ => (rest, true),
            };
            let (user, _) = person(state, staff.call, line)?;
            staff.act(state, Action::Exempt { user, on }, effects)
        }
        "clear" => {
            let (subject, _) = person(state, staff.call, rest)?;
            staff.act(state, Action::ClearStrikes { user: subject, reason: String::new() }, effects)
        }
        "top" => {
            let Finding::Offenders(found) = staff.found(|| Question::Offenders)? else {
                return Err(Stop::busy());
            };
            let lines = found.iter().map(|(nickname, uid, record)| {
                let name = nickname.map_or(format!("uid {uid}"), |nickname| nickname.to_string());
                let exempt = if record.exempt { ", passed over" } else { "" };
                format!("{name}: {} offences, the last at {}{exempt}", record.offences, record.last_at.utc())
            });
            Ok(listed("offender", lines.collect(), 1))
        }
        _ => Err(Stop::Usage),
    }
}

pub(super) fn link(state: &mut State, staff: &Staff<'_>, effects: &mut Effects) -> Result<String, Stop> {
    let line = from_cp1252(&staff.call.rest());
    let (what, rest) = split_word(&line);
    let allow = match what.to_ascii_lowercase().as_str() {
        "allow" => true,
        "deny" => false,
        _ => {
            let Finding::Links(found) = staff.found(|| Question::Links)? else { return Err(Stop::busy()) };
            let lines = found.iter().map(|link| {
                let kind = match link.kind {
                    LinkKind::Domain => "domain",
                    LinkKind::Url => "url",
                    LinkKind::Regex => "regex",
                };
                format!("{kind} {} by {}", link.text, link.by)
            });
            return Ok(listed("allowed link", lines.collect(), page(rest)?));
        }
    };
    let (kind, text) = match rest.strip_prefix('-').map(split_word) {
        Some(("url", text)) => (LinkKind::Url, text),
        Some(("regex", text)) => (LinkKind::Regex, text),
        Some(_) => return Err(Stop::Usage),
        None => (LinkKind::Domain, rest),
    };
    if text.is_empty() {
        return Err(Stop::Usage);
    }
    let text = text.to_owned();
    if allow {
        match staff.found(|| Question::CheckLink(kind, text.clone()))? {
            Finding::Checked(Ok(())) => {}
            Finding::Checked(Err(why)) => return Err(Stop::Says(format!("This cannot be allowed: {why}."))),
            _ => return Err(Stop::busy()),
        }
    }
    staff.act(state, Action::Link { kind, text, allow }, effects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_with_their_options() {
        let read = |line: &str| {
            read_filter(line).map(|filter| filter_line(&FilterRecord { id: 1, filter, hits: 0 }))
        };
        for (line, text) in [
            ("spam*", "1: keyword spam* (block, severity 5, 0 hits)"),
            ("-regex -notify free\\s+money", "1: regex free\\s+money (notify, severity 5, 0 hits)"),
            (
                "-language -warn -severity 2 damn it",
                "1: keyword damn it (block, warn, language, severity 2, 0 hits)",
            ),
            ("-mute 1h x", "1: keyword x (block, mute 3600 s, severity 5, 0 hits)"),
            ("-ban permanent x", "1: keyword x (block, ban, severity 5, 0 hits)"),
            ("-ban 7d x", "1: keyword x (block, ban 604800 s, severity 5, 0 hits)"),
        ] {
            assert_eq!(read(line).as_deref(), Ok(text), "{line}");
        }
        for wrong in
            ["", "-regex", "-what x", "-mute x", "-mute 0s x", "-severity 0 x", "-severity 11 x", "-ban x"]
        {
            assert_eq!(read(wrong), Err(Stop::Usage), "{wrong}");
        }
    }
}
