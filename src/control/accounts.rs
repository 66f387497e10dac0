//! Accounts as operators see and change them: what is read from the store, and the one change of the
//! store that an order means. The daemon and the command line on a stopped store both go this way.

mod export;

use std::time::Duration;

use crate::hub::sanctions::for_how_long;
use crate::model::{Author, EMAIL_MAX, Nickname, Privacy, Roles, Timestamp, Uid, is_email, to_cp1252};
use crate::store::{
    Account, Applied, AuditEntry, AuditTarget, Ban, BanTarget, Change, NewAccount, PasswordHash, REASON_MAX,
    Reader, Rejection, StoreError,
};

use super::tables::store_refusal;
use super::wire::{ACCOUNTS_MAX, AccountDetail, AccountOrder, AccountRow, Refusal, RefusalCode, Target};

pub use export::export;

/// The longest time of a ban that is not for good.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 3600);

/// What an order means: one change, and what there is to say about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The change, with its entry in the audit log.
    pub change: Change,
    /// Whose account it concerns; `None` if it makes one.
    pub uid: Option<Uid>,
    /// The roles from now on, if these change.
    pub roles: Option<Roles>,
    /// What has happened when it is done, for people.
    told: String,
}

impl Plan {
    /// What has happened, now that the change is made: the account, and words for people.
    ///
    /// # Errors
    ///
    /// Says why the change was not made.
    pub fn done(self, applied: Result<Applied, StoreError>) -> Result<(Option<Uid>, String), Refusal> {
        match applied {
            Ok(Applied::All(answers)) => match answers.first() {
                Some(Applied::Created(uid)) => Ok((Some(*uid), format!("{} (uid {uid})", self.told))),
                _ => Ok((self.uid, self.told)),
            },
            Ok(_) => Ok((self.uid, self.told)),
            Err(StoreError::Rejected(Rejection::NoSuchAccount)) => {
                Err(not_found(self.uid.map_or(String::new(), |uid| uid.to_string())))
            }
            Err(error) => Err(store_refusal(error)),
        }
    }
}

/// The accounts after a uid, [`ACCOUNTS_MAX`] at most. The server's own user is none.
///
/// # Errors
///
/// If the store cannot be read.
pub fn rows(reader: &Reader, after: Option<Uid>) -> Result<Vec<AccountRow>, StoreError> {
    let after = after.unwrap_or(Uid::SERVICE);
    Ok(reader.accounts_after(Some(after), ACCOUNTS_MAX)?.iter().map(row).collect())
}

/// One account, if it is there.
///
/// # Errors
///
/// If the store cannot be read.
pub fn detail(reader: &Reader, target: &Target, now: Timestamp) -> Result<Option<AccountDetail>, StoreError> {
    let found = match target {
        Target::Uid(uid) => reader.account(*uid)?,
        Target::Nickname(name) => match Nickname::built_in(&to_cp1252(name)) {
            Ok(nickname) => reader.account_by_name(&nickname.key())?,
            Err(_) => None,
        },
    };
    let Some(account) = found else { return Ok(None) };
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let ban = reader.ban(BanTarget::Account(account.uid))?.filter(|ban| ban.holds(now));
    Ok(Some(AccountDetail {
        privacy: privacy(account.privacy).to_owned(),
        pals: count(reader.pals(account.uid)?.len()),
        blocks: count(reader.blocks(account.uid)?.len()),
        offline_messages: count(reader.offline_count(account.uid)?),
        banned: ban.map(|ban| {
            let until = ban.until.map_or("for good".to_owned(), |at| format!("until {}", at.rfc3339()));
            if ban.reason.is_empty() { until } else { format!("{until}: {}", ban.reason) }
        }),
        row: row(&account),
    }))
}

fn row(account: &Account) -> AccountRow {
    AccountRow {
        uid: account.uid,
        nickname: account.nickname.to_string(),
        roles: account.roles.iter().collect(),
        email: account.email.clone(),
        age_verified: account.age_verified,
        created: account.created.rfc3339(),
    }
}

fn privacy(privacy: Privacy) -> &'static str {
    match privacy {
        Privacy::All => "all",
        Privacy::Transfers => "transfers",
        Privacy::Pals => "pals",
    }
}

/// What an order means, as of now.
///
/// # Errors
///
/// Says why it cannot be done.
pub fn plan(reader: &Reader, order: AccountOrder, by: &Author, now: Timestamp) -> Result<Plan, Refusal> {
    match order {
        AccountOrder::Create { nickname, hash, email, roles } => {
            let nickname = Nickname::from_text(&nickname).map_err(|error| invalid(error.to_string()))?;
            check_email(email.as_deref())?;
            if reader.uid_by_name(&nickname.key()).map_err(store_refusal)?.is_some() {
                let text = format!("the nickname {nickname} is taken");
                return Err(Refusal { code: RefusalCode::Failed, text });
            }
            let roles: Roles = roles.into_iter().collect();
            let password = checked_hash(hash)?;
            let account = NewAccount { nickname, password, email, roles, created: now };
            let target = Some(AuditTarget::Other(nickname.to_string()));
            let entry = entry(by, now, "account_add", target, "", &names(roles));
            Ok(Plan {
                change: audited(vec![Change::CreateAccount(account)], entry),
                uid: None,
                roles: None,
                told: format!("created {nickname}"),
            })
        }
        AccountOrder::SetPassword { uid, hash } => {
            let account = person(reader, uid)?;
            let change = Change::SetPassword { uid, hash: checked_hash(hash)? };
            let told = format!("{} has a new password", shown(&account));
            Ok(on(&account, vec![change], entry_on(by, now, "account_password", &account, "", ""), told))
        }
        AccountOrder::Set { uid, give, take, age_verified, email } => {
            let account = person(reader, uid)?;
            check_email(email.as_ref().and_then(Option::as_deref))?;
            let given = give.into_iter().fold(account.roles, Roles::with);
            let roles = take.into_iter().fold(given, Roles::without);
            let mut changes = Vec::new();
            let mut details = Vec::new();
            if roles != account.roles {
                changes.push(Change::SetRoles { uid, roles });
                details.push(format!("roles: {}", names(roles)));
            }
            if let Some(verified) = age_verified.filter(|verified| *verified != account.age_verified) {
                changes.push(Change::SetAgeVerified { uid, verified });
                details.push(format!("of age: {}", if verified { "yes" } else { "no" }));
            }
            if let Some(email) = email.filter(|email| *email != account.email) {
                details.push("email".to_owned());
                changes.push(Change::SetEmail { uid, email });
            }
            let details = details.join(", ");
            let told = match changes.is_empty() {
                true => format!("{} was so already", shown(&account)),
                false => format!("{} is changed: {details}", shown(&account)),
            };
            let made = entry_on(by, now, "account_set", &account, "", &details);
            let plan = on(&account, changes, made, told);
            Ok(Plan { roles: Some(roles).filter(|roles| *roles != account.roles), ..plan })
        }
        AccountOrder::Delete(uid) => {
            let account = person(reader, uid)?;
            let made = entry_on(by, now, "account_delete", &account, "", "");
            let told = format!("{} is deleted", shown(&account));
            Ok(on(&account, vec![Change::DeleteAccount { uid }], made, told))
        }
        AccountOrder::Erase(uid) => {
            let account = person(reader, uid)?;
            let made = entry_on(by, now, "account_erase", &account, "", "");
            let told = format!("{} is erased, with the messages it has sent", shown(&account));
            Ok(on(&account, vec![Change::EraseAccount { uid }], made, told))
        }
    }
}

/// What a ban of an account means on a stopped store; the running daemon bans by way of its hub.
///
/// # Errors
///
/// Says why it cannot be done.
pub fn plan_ban(
    reader: &Reader,
    uid: Uid,
    time: Option<Duration>,
    reason: &str,
    by: &Author,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let account = person(reader, uid)?;
    if time.is_some_and(|time| time.is_zero() || time > LONGEST) {
        return Err(invalid("A time is at least a second and at most 3650 days.".to_owned()));
    }
    let for_how_long = for_how_long(time);
    let ban = Ban {
        target: BanTarget::Account(uid),
        nickname: Some(account.nickname),
        until: time.map(|time| now.after(time)),
        reason: shortened(reason, REASON_MAX),
        by: by.clone(),
        at: now,
    };
    let made = entry_on(by, now, "ban", &account, reason, &for_how_long);
    Ok(on(&account, vec![Change::PutBan(ban)], made, format!("banned {} {for_how_long}", shown(&account))))
}

/// What lifting the ban of an account means on a stopped store.
///
/// # Errors
///
/// Says why it cannot be done.
pub fn plan_unban(
    reader: &Reader,
    uid: Uid,
    reason: &str,
    by: &Author,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let account = person(reader, uid)?;
    let target = BanTarget::Account(uid);
    let Some(ban) = reader.ban(target).map_err(store_refusal)?.filter(|ban| ban.holds(now)) else {
        let text = format!("{} is not banned.", shown(&account));
        return Err(Refusal { code: RefusalCode::NotFound, text });
    };
    let details = format!("was banned by {}: {}", ban.by, ban.reason);
    let made = entry_on(by, now, "unban", &account, reason, &details);
    Ok(on(&account, vec![Change::LiftBan { target }], made, format!("lifted the ban of {}", shown(&account))))
}

/// The account of a person, to be changed. The server's own user is part of the program: with a
/// password, somebody could speak in its name.
fn person(reader: &Reader, uid: Uid) -> Result<Account, Refusal> {
    let account = reader.account(uid).map_err(store_refusal)?.ok_or_else(|| not_found(uid.to_string()))?;
    if uid == Uid::SERVICE {
        let text = format!("{} is the server's own user and cannot be changed", account.nickname);
        return Err(Refusal { code: RefusalCode::Failed, text });
    }
    Ok(account)
}

fn shown(account: &Account) -> String {
    format!("{} (uid {})", account.nickname, account.uid)
}

fn names(roles: Roles) -> String {
    roles.iter().map(crate::model::Role::name).collect::<Vec<_>>().join(", ")
}

fn check_email(email: Option<&str>) -> Result<(), Refusal> {
    match email {
        Some(email) if email.len() > EMAIL_MAX || !is_email(email) => {
            Err(invalid("that is not an email address".to_owned()))
        }
        _ => Ok(()),
    }
}

/// A hash that a password can be checked against. Anything else would lock the owner out.
fn checked_hash(hash: String) -> Result<PasswordHash, Refusal> {
    if hash.len() <= PasswordHash::MAX && crate::password::is_hash(&hash) {
        Ok(PasswordHash::new(hash))
    } else {
        Err(invalid("that is not a hash of a password".to_owned()))
    }
}

fn on(account: &Account, changes: Vec<Change>, entry: AuditEntry, told: String) -> Plan {
    Plan { change: audited(changes, entry), uid: Some(account.uid), roles: None, told }
}

fn audited(changes: Vec<Change>, entry: AuditEntry) -> Change {
    Change::WithAudit { changes, entries: vec![entry] }
}

fn entry_on(
    by: &Author,
    now: Timestamp,
    action: &str,
    account: &Account,
    reason: &str,
    details: &str,
) -> AuditEntry {
    let target = AuditTarget::User { uid: account.uid, nickname: account.nickname };
    entry(by, now, action, Some(target), reason, details)
}

fn entry(
    by: &Author,
    now: Timestamp,
    action: &str,
    target: Option<AuditTarget>,
    reason: &str,
    details: &str,
) -> AuditEntry {
    AuditEntry {
        at: now,
        actor: by.clone(),
        action: action.to_owned(),
        target,
        reason: shortened(reason, REASON_MAX),
        details: shortened(details, AuditEntry::DETAILS_MAX),
    }
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

fn not_found(named: String) -> Refusal {
    Refusal { code: RefusalCode::NotFound, text: format!("no such user: {named}") }
}

fn invalid(text: String) -> Refusal {
    Refusal { code: RefusalCode::Invalid, text }
}
