//! Orders of an operator about permanent rooms.

use paltalkd::control::wire::{Order, RoomChanges};
use paltalkd::model::{LinkRight, Rating, RoomKind};

use super::found;
use super::ledger::Act;
use super::operator::Operator;

/// Categories that rooms can be in.
const CATEGORIES: [u16; 3] = [30_003, 30_006, 30_007];
/// What a new room has about it besides.
const SETTINGS: usize = 14;

impl Operator {
    /// A room that is made, changed or deleted. Each has one of two names.
    pub(super) fn about_rooms(&mut self) -> (Act, Order) {
        let number = self.chance.below(4);
        let names = ["Den", "Lair"].map(|word| format!("{} {word} {number}", self.name));
        let known = names.iter().find(|name| self.ledger.has(name, "room")).cloned();
        let Some(name) = known else { return self.make_room(&names[0]) };
        let Some(room) = self.rooms.get(&name).copied() else { return self.about_people() };
        let reason = self.reason();
        match self.chance.below(10) {
            0 => {
                self.rooms.remove(&name);
                let act = Act::default().clear(&name).logged(self.logged("delete_room", &name, &reason));
                (act, Order::DeleteRoom { room, reason })
            }
            1 => {
                let lockword = self.chance.one(&[None, Some(format!("word {}", self.step))]);
                let action = if lockword.is_some() { "lock_room" } else { "unlock_room" };
                let act = Act::default().set(&name, "lockword", lockword.as_deref().unwrap_or_default());
                (act.logged(self.logged(action, &name, &reason)), Order::LockRoom { room, lockword, reason })
            }
            2 => {
                let seconds = self.chance.below(4) as u16;
                let act = Act::default().set(&name, "slowmode", &shown(seconds != 0, seconds));
                let act = act.logged(self.detailed("slowmode", &name, &reason, &found::slowmode(seconds)));
                (act, Order::Slowmode { room: Some(room), seconds, reason })
            }
            _ => {
                let (mut act, mut changes, mut changed) = (Act::default(), RoomChanges::default(), vec![]);
                let count = 1 + self.chance.below(4);
                let mut chosen: Vec<usize> = (0..count).map(|_| self.chance.below(SETTINGS)).collect();
                chosen.sort_unstable();
                chosen.dedup();
                for setting in chosen {
                    let what;
                    (act, what) = self.change(setting, &name, act, &mut changes);
                    changed.extend(what);
                }
                let mut shown = name.clone();
                if self.chance.below(8) == 0 {
                    shown = names.into_iter().find(|other| *other != name).unwrap();
                    changes.name = Some(shown.clone());
                    changed.insert(0, "name");
                    act = act.rename(&name, &shown);
                    self.rooms.remove(&name);
                    self.rooms.insert(shown.clone(), room);
                }
                let entry = self.detailed("set_room", &shown, "", &changed.join(", "));
                (act.logged(entry), Order::SetRoom { room, changes: Box::new(changes) })
            }
        }
    }

    fn make_room(&mut self, name: &str) -> (Act, Order) {
        let kind = self.chance.one(&[RoomKind::Text, RoomKind::Voice, RoomKind::PrivateVoice]);
        let category = self.chance.one(&CATEGORIES).to_string();
        let act = Act::default().put_now(name, "room", format!("{kind:?}")).put(name, "category", &*category);
        let mut changes = RoomChanges { category: Some(category), ..RoomChanges::default() };
        // The first is the topic, the second the welcome.
        let act = self.change(0, name, act, &mut changes).0;
        let act = self.change(1, name, act, &mut changes).0;
        let order = Order::CreateRoom { name: name.to_owned(), kind, changes: Box::new(changes) };
        (act.logged(self.logged("create_room", name, "")), order)
    }

    /// Has one setting of a room be something; says its name if it was something else.
    fn change(
        &mut self,
        setting: usize,
        name: &str,
        act: Act,
        changes: &mut RoomChanges,
    ) -> (Act, Option<&'static str>) {
        let text = self.chance.one(&[String::new(), format!("\"{}\" & co. {}", self.name, self.step)]);
        let yes = self.chance.below(2) == 0;
        let mut act = act;
        let (what, value) = match setting {
            0 => {
                changes.topic = Some(text.clone());
                ("topic", text)
            }
            1 => {
                changes.welcome = Some(text.clone());
                ("welcome", text)
            }
            2 => {
                let rating = self.chance.one(&[Rating::General, Rating::Restricted, Rating::Adult]);
                changes.rating = Some(rating);
                ("rating", shown(rating != Rating::General, format!("{rating:?}")))
            }
            3 => {
                changes.lockword = Some(Some(text.clone()).filter(|text| !text.is_empty()));
                ("lockword", text)
            }
            4 => {
                let (uid, nickname) = self.chance.one(&self.people);
                changes.owner = Some(yes.then_some(uid));
                // Nobody is kept out of a room of his own.
                if yes && self.ledger.text(name, "owner") != Some(&nickname) {
                    act = act.remove(name, &format!("room ban {nickname}"));
                    act = act.remove(name, &format!("bounce {nickname}"));
                }
                ("owner", shown(yes, nickname))
            }
            5 => {
                let code = 1 + self.chance.below(9999) as u16;
                changes.admin_code = Some(yes.then_some(code));
                ("admin code", shown(yes, code))
            }
            6 => {
                let category = self.chance.one(&CATEGORIES).to_string();
                changes.category = Some(category.clone());
                ("category", category)
            }
            7 => {
                let count = 1 + self.chance.below(8) as u16;
                changes.speakers = Some(count);
                ("speakers", shown(count != 1, count))
            }
            8 => {
                let seconds = self.chance.below(4) as u16;
                changes.slowmode = Some(seconds);
                ("slowmode", shown(seconds != 0, seconds))
            }
            9 => {
                let links = self.chance.one(&[LinkRight::Everybody, LinkRight::Members, LinkRight::Admins]);
                changes.links = Some(links);
                ("links", shown(links != LinkRight::Everybody, format!("{links:?}")))
            }
            10 => {
                changes.no_linkers = true;
                ("linkers", String::new())
            }
            11 => {
                changes.new_user_mic = Some(yes);
                ("new user mic", shown(!yes, "no"))
            }
            12 => {
                changes.reddot_text = Some(yes);
                ("reddot text", shown(yes, "yes"))
            }
            _ => {
                changes.reddot_video = Some(yes);
                ("reddot video", shown(yes, "yes"))
            }
        };
        let changed = self.ledger.text(name, what).unwrap_or_default() != value;
        (act.set(name, what, &value), changed.then_some(what))
    }
}

/// What is kept of a setting that is not as in the beginning.
fn shown(unusual: bool, text: impl ToString) -> String {
    if unusual { text.to_string() } else { String::new() }
}
