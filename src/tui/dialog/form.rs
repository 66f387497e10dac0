//! What a dialog asks: its fields, how carefully it asks, and in which words.

use super::super::input::Input;
use super::super::keys::{Act, Danger};
use super::{Field, Person, Purpose, Subject, Value};

/// A field for a text.
pub(super) fn text(purpose: Purpose, label: &'static str, value: &str, example: &'static str) -> Field {
    Field { purpose, label, value: Value::Text(Input::new(value)), example }
}

/// The fields for `act`, with what was said in advance: a time, a reason, or the text of an announcement.
pub(super) fn fields(act: Act, subject: &Subject, said: &str) -> Vec<Field> {
    let timed = matches!(act, Act::Ban | Act::Mute | Act::MuteMedia | Act::Shutdown);
    let (time, said) = if timed { split_time(said) } else { (None, said) };
    let reason = |example| text(Purpose::Reason, "Reason", said, example);
    let place = |fields: Vec<Field>| match &subject {
        Subject::Room { name, .. } => {
            let options = vec![format!("room {name}"), "the whole server".to_owned()];
            let whom = Field {
                purpose: Purpose::Whom,
                label: "Where",
                value: Value::Choice { options, at: 0 },
                example: "",
            };
            std::iter::once(whom).chain(fields).collect()
        }
        _ => fields,
    };
    match act {
        Act::Kick => vec![reason("the user reads it")],
        Act::Ban => {
            let mut options = vec!["account".to_owned()];
            if let Subject::Persons(persons) = &subject
                && let [Person { address: Some(address), .. }] = persons.as_slice()
            {
                options.extend([format!("address {address}"), "account and address".to_owned()]);
            }
            let what = Field {
                purpose: Purpose::Whom,
                label: "Ban",
                value: Value::Choice { options, at: 0 },
                example: "",
            };
            let asked = [
                text(Purpose::Time, "For", time.unwrap_or("1d"), "2h, 7d; empty: for good"),
                reason("the user reads it"),
            ];
            let what = (!matches!(subject, Subject::Network(_))).then_some(what);
            what.into_iter().chain(asked).collect()
        }
        Act::Mute | Act::MuteMedia => {
            vec![
                text(Purpose::Time, "For", time.unwrap_or("15m"), "15m, 2h; empty: until it is lifted"),
                reason("why"),
            ]
        }
        Act::Warn => vec![reason("the user reads it")],
        Act::CloseRoom => vec![reason("those inside read it")],
        Act::LockRoom => vec![
            text(Purpose::Lockword, "Word", said, "what opens the room"),
            text(Purpose::Reason, "Reason", "", "why"),
        ],
        Act::Slowmode => place(vec![
            text(Purpose::Seconds, "Seconds", if said.is_empty() { "10" } else { said }, "0 is off"),
            text(Purpose::Reason, "Reason", "", "why"),
        ]),
        Act::Broadcast => place(vec![text(Purpose::Text, "Text", said, "what everybody reads")]),
        Act::MaintenanceOn => {
            vec![text(Purpose::Text, "Message", said, "what those read who are kept out")]
        }
        Act::Backup => vec![
            text(Purpose::Path, "To", said, "/srv/backups or a file there"),
            text(Purpose::Keep, "Keep", "", "so many in the directory; empty: all"),
            text(Purpose::Reason, "Reason", "", "why"),
        ],
        Act::Shutdown => {
            vec![text(Purpose::Grace, "Notice", time.unwrap_or("30s"), "30s, 5m"), reason("users read it")]
        }
        Act::Unban
        | Act::Unmute
        | Act::UnmuteMedia
        | Act::ClearStrikes
        | Act::UnlockRoom
        | Act::MaintenanceOff
        | Act::Housekeeping
        | Act::Reload => vec![reason("why")],
    }
}

/// Takes a time off the beginning of what was said, as in `2h flood`.
fn split_time(said: &str) -> (Option<&str>, &str) {
    let (first, rest) = said.split_once(' ').unwrap_or((said, ""));
    match humantime::parse_duration(first) {
        Ok(_) => (Some(first), rest.trim_start()),
        Err(_) => (None, said),
    }
}

/// How carefully an act on somebody or something is asked: on several at once, a step more than on one.
pub(super) fn danger(act: Act, subject: &Subject) -> Danger {
    match (act.danger(), subject) {
        (Danger::Mild, Subject::Persons(persons)) if persons.len() > 1 => Danger::Moderate,
        (_, Subject::Persons(persons)) if persons.len() > 1 => Danger::Severe,
        // Nobody knows by heart who is in a network.
        (_, Subject::Network(network)) if network.contains('/') => Danger::Severe,
        (danger, _) => danger,
    }
}

/// An act as a command.
pub(in crate::tui) fn verb(act: Act) -> &'static str {
    match act {
        Act::Kick => "Kick",
        Act::Ban => "Ban",
        Act::Unban => "Unban",
        Act::Mute => "Mute",
        Act::Unmute => "Unmute",
        Act::MuteMedia => "Mute media of",
        Act::UnmuteMedia => "Unmute media of",
        Act::Warn => "Warn",
        Act::ClearStrikes => "Clear strikes of",
        Act::CloseRoom => "Close",
        Act::LockRoom => "Lock",
        Act::UnlockRoom => "Unlock",
        Act::Slowmode => "Slow down",
        Act::Broadcast => "Announce to",
        Act::MaintenanceOn => "Maintenance on for",
        Act::MaintenanceOff => "Maintenance off for",
        Act::Housekeeping => "Housekeeping for",
        Act::Reload => "Reload configuration of",
        Act::Backup => "Back up",
        Act::Shutdown => "Shut down",
    }
}
