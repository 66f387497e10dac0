//! Orders of an operator about people and accounts.

use std::time::Duration;

use paltalkd::control::wire::{AccountOrder, BanTarget, Order, Target};
use paltalkd::model::{Role, Roles};

use super::found;
use super::ledger::Act;
use super::operator::{GUESTS, Operator};

/// Nothing runs out while the test goes on.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long the ban is that too many warnings bring, as shipped.
const WARNING_BAN: Duration = Duration::from_secs(7 * 24 * 3600);
/// The how manieth warning that is, as shipped.
const WARNINGS: usize = 3;

/// A time as it is kept.
pub(super) fn millis(time: Option<Duration>) -> Option<u64> {
    time.map(|time| time.as_millis() as u64)
}

impl Operator {
    /// A ban, a mute, a warning, or what was held against somebody forgotten.
    pub(super) fn about_people(&mut self) -> (Act, Order) {
        let (uid, nickname) = self.chance.one(&self.people);
        let user = Target::Uid(uid);
        let reason = self.reason();
        match self.chance.below(10) {
            0..=2 => self.ban(BanTarget::User(user), &nickname, &nickname),
            3 | 4 => {
                let number = self.chance.below(4);
                let address = format!("{}0.{number}", self.network);
                let network = format!("{}{number}.0/24", self.network);
                if self.chance.below(2) == 0 {
                    self.ban(BanTarget::Network(address.clone()), &format!("{address}/32"), &address)
                } else {
                    self.ban(BanTarget::Network(network.clone()), &network, &network)
                }
            }
            5..=7 => self.mute(user, &nickname),
            8 => {
                let (action, order) = ("clear_strikes", Order::ClearStrikes { user, reason: reason.clone() });
                (Act::default().logged(self.logged(action, &nickname, &reason)), order)
            }
            _ => {
                let order = Order::Warn { user, reason: reason.clone() };
                (warned(Act::default(), self.warnings(&nickname), &nickname, &self.me, &reason), order)
            }
        }
    }

    fn warnings(&self, nickname: &str) -> usize {
        self.ledger.about(nickname, "warning ").count()
    }

    fn ban(&mut self, target: BanTarget, of: &str, shown: &str) -> (Act, Order) {
        let reason = self.reason();
        if self.ledger.has(of, "ban") && self.chance.below(2) == 0 {
            let details = found::lifted(self.ledger.text(of, "ban").unwrap());
            let entry = self.detailed("unban", shown, &reason, &details);
            return (Act::default().remove(of, "ban").logged(entry), Order::Unban { target, reason });
        }
        let time = self.chance.one(&[None, Some(DAY), Some(30 * DAY), Some(3650 * DAY)]);
        let text = found::imposed(millis(time), &self.me, &reason);
        let details = match &target {
            BanTarget::User(_) => found::lasting(time),
            // Nobody is connected from there.
            BanTarget::Network(_) => format!("{}; 0 put out", found::lasting(time)),
        };
        let entry = self.detailed("ban", shown, &reason, &details);
        let act = Act::default().put_now(of, "ban", text).logged(entry);
        (act, Order::Ban { target, time, reason })
    }

    fn mute(&mut self, user: Target, nickname: &str) -> (Act, Order) {
        let (media, reason) = (self.chance.below(2) == 0, self.reason());
        let what = if media { "mute_media" } else { "mute" };
        if self.ledger.has(nickname, what) && self.chance.below(2) == 0 {
            let entry = self.logged(&format!("un{what}"), nickname, &reason);
            let act = Act::default().remove(nickname, what).logged(entry);
            return (act, Order::Unmute { user, media, reason });
        }
        let time = self.chance.one(&[None, Some(DAY), Some(2 * DAY)]);
        let text = found::imposed(millis(time), &self.me, &reason);
        let entry = self.detailed(what, nickname, &reason, &found::lasting(time));
        let act = Act::default().put_now(nickname, what, text).logged(entry);
        (act, Order::Mute { user, media, time, reason })
    }

    /// An account that is made, changed or deleted.
    pub(super) fn about_accounts(&mut self) -> (Act, Order) {
        let (uid, nickname) = self.chance.one(&self.people);
        match self.chance.below(4) {
            0 => self.make_or_delete(),
            1 => {
                let known = self.ledger.text(&nickname, "password");
                let hash = self.hashes.iter().find(|hash| Some(hash.as_str()) != known).unwrap().clone();
                let act = Act::default().put(&nickname, "password", &*hash);
                let act = act.logged(self.logged("account_password", &nickname, ""));
                (act, Order::Account(AccountOrder::SetPassword { uid, hash }))
            }
            _ => {
                let has = |role: &Role| {
                    let roles = self.ledger.text(&nickname, "roles").unwrap_or_default();
                    roles.split(", ").any(|name| name == role.name())
                };
                let before: Roles = Role::ALL.into_iter().filter(has).collect();
                let number = self.chance.below(1 << Role::ALL.len());
                let chosen = Role::ALL.into_iter().enumerate().filter(|(bit, _)| number >> bit & 1 == 1);
                let roles: Roles = chosen.map(|(_, role)| role).collect();
                let age = (self.chance.below(2) == 0).then(|| !self.ledger.has(&nickname, "age"));
                // Always another one: what changes nothing is not on record.
                let email = self.chance.one(&[None, Some(format!("{}@example.com", self.step))]);
                let email = (email.is_some() || self.ledger.has(&nickname, "email")).then_some(email);
                let (mut act, mut details) = (Act::default(), Vec::new());
                if roles != before {
                    act = act.set(&nickname, "roles", &found::roles(roles));
                    details.push(format!("roles: {}", found::roles(roles)));
                }
                if let Some(age) = age {
                    act = act.set(&nickname, "age", if age { "yes" } else { "" });
                    details.push(format!("of age: {}", if age { "yes" } else { "no" }));
                }
                if let Some(email) = &email {
                    act = act.set(&nickname, "email", email.as_deref().unwrap_or_default());
                    details.push("email".to_owned());
                }
                if !details.is_empty() {
                    act = act.logged(self.detailed("account_set", &nickname, "", &details.join(", ")));
                }
                let (give, take) = Role::ALL.into_iter().partition(|role| roles.contains(*role));
                let set = AccountOrder::Set { uid, give, take, age_verified: age, email };
                (act, Order::Account(set))
            }
        }
    }

    fn make_or_delete(&mut self) -> (Act, Order) {
        let number = self.chance.below(GUESTS);
        let guest = self.guest(number);
        let Some(uid) = self.guests[number].take() else {
            // The number of one that was made in this round is not known yet.
            return if self.ledger.has(&guest, "account") { self.about_people() } else { self.make(&guest) };
        };
        let partner = self.people[number].1.clone();
        let act = Act::default().clear(&guest).remove(&partner, &format!("pal {guest}"));
        if self.chance.below(2) == 0 {
            let act = act.logged(self.logged("account_delete", &guest, ""));
            return (act, Order::Account(AccountOrder::Delete(uid)));
        }
        let act = act.remove(&partner, &format!("message {}", self.letters[number]));
        (act.logged(self.logged("account_erase", &guest, "")), Order::Account(AccountOrder::Erase(uid)))
    }

    fn make(&mut self, nickname: &str) -> (Act, Order) {
        let hash = self.chance.one(&self.hashes);
        let email = self.chance.one(&[None, Some(format!("{}@example.com", self.step))]);
        let roles = self.chance.one(&[vec![], vec![Role::Moderator], vec![Role::Admin, Role::Trusted]]);
        let names = found::roles(roles.iter().copied().collect());
        let entry = self.detailed("account_add", nickname, "", &names);
        let act = Act::default()
            .put_now(nickname, "account", "")
            .put(nickname, "password", &*hash)
            .set(nickname, "roles", &names)
            .set(nickname, "email", email.as_deref().unwrap_or_default())
            .logged(entry);
        (act, Order::Account(AccountOrder::Create { nickname: nickname.to_owned(), hash, email, roles }))
    }
}

/// One more warning of somebody who has `before` of them: the last of too many is a ban.
pub(super) fn warned(act: Act, before: usize, nickname: &str, by: &str, reason: &str) -> Act {
    let act = act.logged(found::logged("warn", nickname, by, reason));
    if before + 1 < WARNINGS {
        return act.put_now(nickname, &format!("warning {before}"), format!("by {by}: {reason}"));
    }
    let why = format!("{WARNINGS} warnings. The last one: {reason}");
    let act = (0..before).fold(act, |act, number| act.remove(nickname, &format!("warning {number}")));
    act.put_now(nickname, "ban", found::imposed(millis(Some(WARNING_BAN)), "system", &why))
        .logged(found::detailed("ban", nickname, "system", &why, &found::lasting(Some(WARNING_BAN))))
}
