//! Actions that concern what the guard goes by: detectors, filters, links.

use crate::model::{Author, Now, from_cp1252, sanitise, to_cp1252};
use crate::store::{AuditEntry, AuditTarget, Change, Filter, LinkAllow, LinkKind, SETTING_VALUE_MAX};

use super::super::acts::ANTISPAM;
use super::super::feed::{Event, EventKind};
use super::super::guard::detect::Settings;
use super::super::sanctions::entry;
use super::super::{Effect, Effects, State};
use super::act::with_entry;
use super::{ActError, Via};

impl State {
    pub(super) fn antispam(
        &mut self,
        now: Now,
        author: &Author,
        name: &str,
        value: Option<&str>,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let shipped = Settings::default().values().into_iter().find(|(known, ..)| *known == name);
        let value = match (value, shipped) {
            (Some(value), _) => value.trim().to_ascii_lowercase(),
            (None, Some((_, shipped, _))) => shipped,
            (None, None) => String::new(),
        };
        if value.len() > SETTING_VALUE_MAX {
            return Err(ActError::Invalid("That is too long.".to_owned()));
        }
        let change = self.set_antispam(name, &value).map_err(ActError::Invalid)?;
        let target = Some(AuditTarget::Other(format!("{ANTISPAM}{name}")));
        let made = entry(now, "antispam_set", author.clone(), target, String::new(), value.clone());
        self.record(made, vec![change], via, effects);
        Ok(format!("{name} is {value}"))
    }

    pub(super) fn put_filter(
        &mut self,
        now: Now,
        author: &Author,
        id: Option<u32>,
        filter: Filter,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let filter = Filter { by: author.clone(), at: now.wall, ..filter };
        let action = if id.is_some() { "filter_change" } else { "filter_add" };
        let name = id.map_or("new filter".to_owned(), |id| format!("filter {id}"));
        let state = if filter.active { "on" } else { "off" };
        let details = format!(
            "{:?} {}, {:?}, {:?}, {state}",
            filter.kind, filter.text, filter.action, filter.consequence
        );
        let details = details.chars().take(AuditEntry::DETAILS_MAX).collect();
        let target = Some(AuditTarget::Other(name.clone()));
        let made = entry(now, action, author.clone(), target, String::new(), details);
        let said = format!("{name} is {state}: {}", filter.text);
        self.record(made, vec![Change::PutFilter { id, filter }], via, effects);
        effects.push(Effect::RenewRules);
        Ok(said)
    }

    #[allow(clippy::too_many_arguments, reason = "who, when and where, beside what")]
    pub(super) fn link(
        &mut self,
        now: Now,
        author: &Author,
        kind: LinkKind,
        text: &str,
        allow: bool,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let text = from_cp1252(&sanitise::line(&to_cp1252(text), LinkAllow::TEXT_MAX));
        if text.is_empty() {
            return Err(ActError::Invalid("Say which links.".to_owned()));
        }
        let (action, change) = if allow {
            let link = LinkAllow { kind, text: text.clone(), by: author.clone(), at: now.wall };
            ("link_allow", Change::PutLink(link))
        } else {
            ("link_deny", Change::DeleteLink { kind, text: text.clone() })
        };
        let shown: String = text.chars().take(AuditTarget::TEXT_MAX).collect();
        let target = Some(AuditTarget::Other(shown));
        let made = entry(now, action, author.clone(), target, String::new(), format!("{kind:?} {text}"));
        self.record(made, vec![change], via, effects);
        effects.push(Effect::RenewRules);
        let what = if allow { "always be posted" } else { "not be posted beyond the limits any more" };
        Ok(format!("{text} can {what}"))
    }

    /// Commits a change of what the guard goes by.
    pub(super) fn record(
        &mut self,
        made: AuditEntry,
        changes: Vec<Change>,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) {
        let about = made.target.as_ref().map_or(String::new(), AuditTarget::name);
        let text = format!("{} {about}: {}", made.action, made.details);
        effects.event(Event::new(EventKind::Staff).by(&made.actor).saying(text));
        via.commit(with_entry(changes, made), effects);
    }
}
