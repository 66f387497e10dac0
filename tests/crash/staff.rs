//! One of the staff, who types commands: sanctions, what the guard goes by, words to everybody.

use std::time::Duration;

use paltalkd::model::{Author, Role, Roles, Timestamp, Uid};
use paltalkd::store::{Filter, FilterAction, FilterConsequence, FilterKind, FilterList, Store};

use super::client::RawClient;
use super::found::{self, imposed};
use super::ledger::{Act, Fact, Facts, Ledger};
use super::people::{millis, warned};
use super::program::Chance;
use super::rounds::{Actor, Place};
use super::support::make_account;

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) struct Boss {
    name: String,
    uid: Uid,
    /// How entries in the log and sanctions name him.
    me: String,
    /// Whom he acts on; they never sign in.
    targets: Vec<String>,
    /// Settings of the detectors that nobody else changes: the name, and from where to where.
    settings: [(&'static str, usize, usize); 2],
    ledger: Ledger,
    chance: Chance,
    step: usize,
}

/// A command, what its answer contains, and what it does.
struct Command {
    line: String,
    answer: &'static str,
    act: Act,
}

impl Boss {
    pub(super) fn new(store: &Store, number: usize) -> Boss {
        let name = format!("Boss{number}");
        let targets = (0..4).map(|target| format!("{name}Target{target}")).collect::<Vec<_>>();
        for nickname in &targets {
            make_account(store, nickname, Roles::default());
        }
        let uid = make_account(store, &name, Roles::default().with(Role::Admin));
        Boss {
            uid,
            me: found::staff(&name, uid),
            targets,
            settings: [
                [("flood.messages", 2, 20), ("flood.seconds", 5, 600)],
                [("rapid.per_minute", 2, 60), ("forget.days", 30, 3650)],
            ][number],
            ledger: Ledger::default(),
            chance: Chance(number as u64),
            step: 0,
            name,
        }
    }

    /// What the log says of what he has done without giving a reason.
    fn logged(&self, action: &str, target: &str, details: &str) -> String {
        found::detailed(action, target, &self.me, "", details)
    }

    fn command(&mut self, client: &mut RawClient) -> Option<Command> {
        self.step += 1;
        match self.chance.below(10) {
            0..=2 => self.filter(client),
            3 => Some(self.link()),
            4 => Some(self.setting()),
            5 => {
                let text = format!("{} {}", self.name, self.step);
                let act = Act::default().logged(self.logged("broadcast", "", &text));
                Some(Command { line: format!("/broadcast {text}"), answer: "Told ", act })
            }
            _ => Some(self.sanction()),
        }
    }

    fn sanction(&mut self) -> Command {
        let nickname = self.chance.one(&self.targets);
        let (me, reason) = (self.me.clone(), format!("{} {}", self.name, self.step));
        let act = Act::default();
        let impose = |what: &str, time: Option<Duration>| {
            let entry = found::detailed(what, &nickname, &me, &reason, &found::lasting(time));
            act.clone().put_now(&nickname, what, imposed(millis(time), &me, &reason)).logged(entry)
        };
        let lift = |what: &str, entry: &str, details: &str| {
            let entry = found::detailed(entry, &nickname, &me, "", details);
            act.clone().remove(&nickname, what).logged(entry)
        };
        let has = |what: &str| self.ledger.has(&nickname, what);
        let (line, answer, act) = match self.chance.below(5) {
            0 if has("ban") => {
                let details = found::lifted(self.ledger.text(&nickname, "ban").unwrap());
                (format!("/unban {nickname}"), "Lifted", lift("ban", "unban", &details))
            }
            0 => (format!("/ban {nickname} 7d {reason}"), "Banned", impose("ban", Some(7 * DAY))),
            1 if has("mute") => (format!("/unmute {nickname}"), "not muted", lift("mute", "unmute", "")),
            1 => (format!("/mute {nickname} 2d {reason}"), "Muted", impose("mute", Some(2 * DAY))),
            2 if has("mute_media") => {
                (format!("/unrestrict {nickname}"), "any more", lift("mute_media", "unmute_media", ""))
            }
            2 => (format!("/restrict {nickname} permanent {reason}"), "Took", impose("mute_media", None)),
            3 => {
                let on = !self.ledger.text(&nickname, "offences").is_some_and(|text| text.ends_with("true"));
                let (switch, entry) = if on { ("on", "exempt") } else { ("off", "unexempt") };
                let act =
                    act.put(&nickname, "offences", format!("0 offences, muted None ms, passed over: {on}"));
                let act = act.logged(self.logged(entry, &nickname, ""));
                (format!("/antispam exempt {nickname} {switch}"), "The detectors are", act)
            }
            _ => {
                let before = self.ledger.about(&nickname, "warning ").count();
                if before > 0 && self.chance.below(3) == 0 {
                    let warnings = (0..before).map(|number| format!("warning {number}"));
                    let act = warnings.fold(act, |act, what| act.remove(&nickname, &what));
                    let act = act.logged(self.logged("clear_warnings", &nickname, ""));
                    (format!("/clear warnings {nickname}"), "Cleared", act)
                } else {
                    let act = warned(act, before, &nickname, &me, &reason);
                    (format!("/warn {nickname} {reason}"), "Warned", act)
                }
            }
        };
        Command { line, answer, act }
    }

    fn setting(&mut self) -> Command {
        let (name, low, high) = self.chance.one(&self.settings);
        let value = (low + self.chance.below(high - low + 1)).to_string();
        let of = format!("antispam.{name}");
        let act = Act::default().put(&of, "setting", &*value);
        let act = act.logged(self.logged("antispam_set", &of, &value));
        Command { line: format!("/antispam set {name} {value}"), answer: " is ", act }
    }

    fn link(&mut self) -> Command {
        let number = self.chance.below(6);
        let text = format!("{}.{number}.example", self.name.to_lowercase());
        let (option, kind) = if number.is_multiple_of(2) { ("", "Domain") } else { ("-url ", "Url") };
        let details = format!("{kind} {text}");
        if self.ledger.has(&text, "link") {
            let act = Act::default().remove(&text, "link").logged(self.logged("link_deny", &text, &details));
            return Command { line: format!("/link deny {option}{text}"), answer: "not be posted", act };
        }
        let act = Act::default().put_now(&text, "link", format!("{kind} by {}", self.me));
        let act = act.logged(self.logged("link_allow", &text, &details));
        Command { line: format!("/link allow {option}{text}"), answer: "always be posted", act }
    }

    fn filter(&mut self, client: &mut RawClient) -> Option<Command> {
        let number = self.chance.below(5) as u8;
        let text = format!("{}word{number}", self.name);
        let kind = if number.is_multiple_of(2) { FilterKind::Keyword } else { FilterKind::Regex };
        let mute = FilterConsequence::Mute { seconds: 3600 };
        let (by, at) = (Author::System, Timestamp(0));
        let mut filter = Filter {
            action: if number < 2 { FilterAction::Notify } else { FilterAction::Block },
            severity: number + 1,
            consequence: if number.is_multiple_of(3) { mute } else { FilterConsequence::Warn },
            list: FilterList::Language,
            by,
            at,
            ..Filter::new(kind, text.clone())
        };
        let shown = |filter: &Filter| found::filter(filter).replace("by system", &format!("by {}", self.me));
        let details = |filter: &Filter| {
            let Filter { kind, text, action, consequence, active, .. } = filter;
            let state = if *active { "on" } else { "off" };
            format!("{kind:?} {text}, {action:?}, {consequence:?}, {state}")
        };
        let Some(known) = self.ledger.text(&text, "filter") else {
            let option = |yes: bool, option: &'static str| if yes { option } else { "" };
            let line = format!(
                "/filter add {}{}{}-language -severity {} {text}",
                option(kind == FilterKind::Regex, "-regex "),
                option(filter.action == FilterAction::Notify, "-notify "),
                if filter.consequence == mute { "-mute 1h " } else { "-warn " },
                filter.severity,
            );
            let act = Act::default().put_now(&text, "filter", shown(&filter));
            let act = act.logged(self.logged("filter_add", "new filter", &details(&filter)));
            return Some(Command { line, answer: "is on", act });
        };
        filter.active = known == shown(&filter);
        // Only the server knows the number: "12: keyword Boss0word1 (...)" is one line of the list.
        let head = client.order("/filter list", " filter")?;
        let count: usize = head.split(' ').next().unwrap().parse().unwrap();
        let mut lines = (0..count).map_while(|_| client.told()).collect::<Vec<_>>();
        lines.retain(|line| line.contains(&format!(" {text} ")));
        let id = lines.first()?.split(':').next().unwrap().to_owned();
        let target = format!("filter {id}");
        if self.chance.below(3) == 0 {
            let act = Act::default().remove(&text, "filter");
            let act = act.logged(self.logged("filter_delete", &target, &text));
            return Some(Command { line: format!("/filter remove {id}"), answer: "Deleted", act });
        }
        filter.active = !filter.active;
        let (switch, answer) = if filter.active { ("on", "is on") } else { ("off", "is off") };
        let act = Act::default().put_now(&text, "filter", shown(&filter));
        let act = act.logged(self.logged("filter_change", &target, &details(&filter)));
        Some(Command { line: format!("/filter {switch} {id}"), answer, act })
    }

    fn work(&mut self, place: &Place<'_>) -> Option<()> {
        let mut client = RawClient::sign_in(place.chat, self.uid)?;
        while place.goes_on() {
            let Command { line, answer, act } = self.command(&mut client)?;
            self.ledger.begin(act);
            client.order(&line, answer)?;
            place.answered(&mut self.ledger);
        }
        Some(())
    }
}

impl Actor for Boss {
    fn names(&self) -> Vec<String> {
        let settings = self.settings.iter().map(|(name, ..)| format!("antispam.{name}"));
        settings.chain([self.name.clone(), self.name.to_lowercase()]).collect()
    }

    fn work(&mut self, place: &Place<'_>) {
        _ = Boss::work(self, place);
    }

    fn check(&mut self, found: Facts, log: Vec<Fact>, _: &Store) {
        self.ledger.settle(&self.name, found, log);
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}
