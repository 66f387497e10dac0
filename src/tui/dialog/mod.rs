//! The dialogs: what is asked before something is done. Whom it concerns is fixed when a dialog opens and
//! stays so, whatever the rows do meanwhile.

use std::time::Duration;

use crate::control::wire::{BanTarget, Order, Target};
use crate::model::RoomId;

use super::input::Input;
use super::keys::{Act, Danger};
use super::said::Said;
use form::danger;
pub(super) use form::verb;

mod form;
mod subject;
#[cfg(test)]
mod tests;

pub(super) use subject::{Person, Subject};

/// What a field is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    Reason,
    Time,
    Whom,
    Lockword,
    Seconds,
    Text,
    Path,
    Grace,
    Keep,
    Code,
}

/// A field of a dialog.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) purpose: Purpose,
    pub(super) label: &'static str,
    pub(super) value: Value,
    /// What stands there in grey as long as nothing else does.
    pub(super) example: &'static str,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Input),
    /// One of some; chosen with left and right.
    Choice {
        options: Vec<String>,
        at: usize,
    },
}

/// A dialog.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    pub(super) act: Act,
    pub(super) subject: Subject,
    pub(super) fields: Vec<Field>,
    /// Fields come first, then Cancel, then the button that does it.
    pub(super) focus: usize,
    /// What has to be typed, if something has.
    pub(super) code: Option<String>,
    /// How many sessions there are from the target's address, once the daemon has said so.
    pub(super) reach: Option<u32>,
    /// What is wrong with what was typed.
    pub(super) error: Option<String>,
}

impl Dialog {
    /// The dialog for `act`, with what was said in advance: a reason, or the text of an announcement.
    pub(super) fn new(act: Act, subject: Subject, said: &str) -> Dialog {
        let mut fields = form::fields(act, &subject, said);
        let code = (danger(act, &subject) == Danger::Severe).then(|| match &subject {
            Subject::Room { id, .. } => id.to_string(),
            Subject::Persons(persons) => persons.len().to_string(),
            Subject::Network(network) => network.clone(),
            _ if act == Act::Shutdown => "shutdown".to_owned(),
            _ => "maintenance".to_owned(),
        });
        if code.is_some() {
            fields.push(form::text(Purpose::Code, "Type it", "", ""));
        }
        // Where nothing can happen before something has been said, one begins with saying it; else with Cancel.
        let unsaid = |field: &Field| {
            let needed = matches!(field.purpose, Purpose::Text | Purpose::Lockword | Purpose::Path);
            needed && matches!(&field.value, Value::Text(input) if input.text().is_empty())
        };
        let focus = fields.iter().position(unsaid).unwrap_or(fields.len());
        Dialog { act, subject, fields, focus, code, reach: None, error: None }
    }

    /// Fills in what was said by options. Says what does not fit together.
    pub(super) fn fill_in(&mut self, said: &Said) -> Result<(), String> {
        for (name, value) in &said.options {
            let purpose = match *name {
                "for" => Purpose::Time,
                "grace" => Purpose::Grace,
                "keep" => Purpose::Keep,
                "message" => Purpose::Text,
                "reason" => Purpose::Reason,
                // That has chosen the act or the subject already.
                _ => continue,
            };
            let field = self.fields.iter_mut().find(|field| field.purpose == purpose);
            let Some(Value::Text(input)) = field.map(|field| &mut field.value) else { continue };
            let takes_words = matches!(purpose, Purpose::Text | Purpose::Reason);
            if takes_words && !input.text().is_empty() {
                return Err(format!(
                    "\"{}\" beside --{name}: a text of several words needs quotes",
                    input.text()
                ));
            }
            input.set(value);
        }
        Ok(())
    }

    /// How carefully it is asked.
    pub(super) fn danger(&self) -> Danger {
        danger(self.act, &self.subject)
    }

    /// The question at the top.
    pub(super) fn title(&self) -> String {
        let name = if self.everywhere() { Subject::Server.name() } else { self.subject.name() };
        format!("{} {name}", verb(self.act))
    }

    /// What tells the target from others, and what will happen to it.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        if self.everywhere() {
            return vec![("Whom", "everybody on the server".to_owned())];
        }
        let mut facts = self.subject.facts();
        if self.network().is_some() {
            let ends = match (self.chosen(), self.reach) {
                (Some(0), _) => "the session of this account".to_owned(),
                (_, None) => "…".to_owned(),
                (_, Some(0)) => "no session: nobody is here from there".to_owned(),
                (_, Some(1)) => "1 session".to_owned(),
                (None, Some(count)) => format!("{count} sessions: everybody from there"),
                (_, Some(count)) => format!("{count} sessions: everybody from this address"),
            };
            facts.push(("Ends", ends));
        }
        facts
    }

    /// The address or network that a ban could be of.
    pub(super) fn network(&self) -> Option<String> {
        match (self.act, &self.subject) {
            (Act::Ban, Subject::Persons(persons)) => match persons.as_slice() {
                [person] => person.address.map(|address| address.to_string()),
                _ => None,
            },
            (Act::Ban, Subject::Network(network)) => Some(network.clone()),
            _ => None,
        }
    }

    /// Which of the options is chosen.
    fn chosen(&self) -> Option<usize> {
        self.fields.iter().find_map(|field| match &field.value {
            Value::Choice { at, .. } => Some(*at),
            Value::Text(_) => None,
        })
    }

    /// Whether the whole server was chosen instead of the room.
    fn everywhere(&self) -> bool {
        matches!(self.subject, Subject::Room { .. }) && self.chosen() == Some(1)
    }

    /// What the button says that does it.
    pub(super) fn button(&self) -> &'static str {
        let verb = verb(self.act);
        let shorter = [" of", " to", " for"].iter().find_map(|tail| verb.strip_suffix(tail));
        shorter.unwrap_or(verb)
    }

    /// How many places the focus can be at.
    pub(super) fn places(&self) -> usize {
        self.fields.len() + 2
    }

    /// The place of Cancel; that of the other button is the next.
    pub(super) fn cancel(&self) -> usize {
        self.fields.len()
    }

    fn input(&self, purpose: Purpose) -> &str {
        let field = self.fields.iter().find(|field| field.purpose == purpose);
        match field.map(|field| &field.value) {
            Some(Value::Text(input)) => input.text().trim(),
            _ => "",
        }
    }

    /// What is to be sent, or what is still wrong.
    pub(super) fn orders(&self) -> Result<Vec<Order>, String> {
        if let Some(code) = &self.code
            && self.input(Purpose::Code) != code
        {
            return Err(format!("type {code} to go on"));
        }
        let reason = self.input(Purpose::Reason).to_owned();
        let time = || match self.input(Purpose::Time) {
            "" => Ok(None),
            text => match humantime::parse_duration(text) {
                Ok(time) if !time.is_zero() => Ok(Some(time)),
                _ => Err(format!("\"{text}\" is no time: 15m, 2h, 7d, or nothing")),
            },
        };
        match (&self.subject, self.act) {
            (Subject::Persons(persons), act) => {
                if act == Act::Warn && reason.is_empty() {
                    return Err("a warning needs a reason".to_owned());
                }
                let time = time()?;
                Ok(persons.iter().flat_map(|person| self.against(act, person, &reason, time)).collect())
            }
            (Subject::Room { .. }, act) if self.everywhere() => {
                self.about_server(act, reason).map(|order| vec![order])
            }
            (Subject::Room { id, .. }, act) => self.about_room(act, *id, reason).map(|order| vec![order]),
            (Subject::Network(network), Act::Ban) => {
                let target = BanTarget::Network(network.clone());
                Ok(vec![Order::Ban { target, time: time()?, reason }])
            }
            (Subject::Network(_), _) => Err("that does not concern addresses".to_owned()),
            (Subject::Banned { target, .. }, _) => Ok(vec![Order::Unban { target: target.clone(), reason }]),
            (Subject::Server, act) => self.about_server(act, reason).map(|order| vec![order]),
        }
    }

    fn against(&self, act: Act, person: &Person, reason: &str, time: Option<Duration>) -> Vec<Order> {
        let (user, reason) = (Target::Uid(person.uid), reason.to_owned());
        match act {
            Act::Kick => vec![Order::Kick { user, reason }],
            Act::Ban => {
                let account = Order::Ban { target: BanTarget::User(user), time, reason: reason.clone() };
                let address = person.address.map(|address| Order::Ban {
                    target: BanTarget::Network(address.to_string()),
                    time,
                    reason,
                });
                match (self.chosen(), address) {
                    (Some(1), Some(address)) => vec![address],
                    (Some(2), Some(address)) => vec![account, address],
                    _ => vec![account],
                }
            }
            Act::Mute | Act::MuteMedia => {
                vec![Order::Mute { user, media: act == Act::MuteMedia, time, reason }]
            }
            Act::Unmute | Act::UnmuteMedia => {
                vec![Order::Unmute { user, media: act == Act::UnmuteMedia, reason }]
            }
            Act::Warn => vec![Order::Warn { user, reason }],
            Act::ClearStrikes => vec![Order::ClearStrikes { user, reason }],
            _ => Vec::new(),
        }
    }

    fn about_room(&self, act: Act, room: RoomId, reason: String) -> Result<Order, String> {
        match act {
            Act::CloseRoom => Ok(Order::CloseRoom { room, reason }),
            Act::LockRoom => match self.input(Purpose::Lockword) {
                "" => Err("a lock needs a word".to_owned()),
                word => Ok(Order::LockRoom { room, lockword: Some(word.to_owned()), reason }),
            },
            Act::UnlockRoom => Ok(Order::LockRoom { room, lockword: None, reason }),
            Act::Slowmode => Ok(Order::Slowmode { room: Some(room), seconds: self.seconds()?, reason }),
            Act::Broadcast => Ok(Order::Broadcast { room: Some(room), text: self.announcement()? }),
            _ => Err("that does not concern a room".to_owned()),
        }
    }

    fn about_server(&self, act: Act, reason: String) -> Result<Order, String> {
        match act {
            Act::Slowmode => Ok(Order::Slowmode { room: None, seconds: self.seconds()?, reason }),
            Act::Broadcast => Ok(Order::Broadcast { room: None, text: self.announcement()? }),
            Act::MaintenanceOn => {
                Ok(Order::Maintenance { on: true, message: self.input(Purpose::Text).to_owned() })
            }
            Act::MaintenanceOff => Ok(Order::Maintenance { on: false, message: reason }),
            Act::Housekeeping => Ok(Order::RunMaintenance { reason }),
            Act::Reload => Ok(Order::Reload { reason }),
            Act::Backup => match self.input(Purpose::Path) {
                path if path.starts_with('/') => {
                    let keep = match self.input(Purpose::Keep) {
                        "" => None,
                        text => match text.parse() {
                            Ok(keep) if keep > 0 => Some(keep),
                            _ => return Err(format!("\"{text}\" is no number of backups")),
                        },
                    };
                    Ok(Order::Backup { path: path.to_owned(), keep, reason })
                }
                _ => Err("the path has to begin with /; it is one of the server's machine".to_owned()),
            },
            Act::Shutdown => match humantime::parse_duration(self.input(Purpose::Grace)) {
                Ok(grace) => Ok(Order::Shutdown { grace, reason }),
                Err(_) => Err("how much notice? 0s, 30s, 5m".to_owned()),
            },
            _ => Err("that does not concern the server".to_owned()),
        }
    }

    fn seconds(&self) -> Result<u16, String> {
        let text = self.input(Purpose::Seconds);
        text.parse().map_err(|_| format!("\"{text}\" is no number of seconds"))
    }

    fn announcement(&self) -> Result<String, String> {
        match self.input(Purpose::Text) {
            "" => Err("there is nothing to say yet".to_owned()),
            text => Ok(text.to_owned()),
        }
    }
}
