//! `paltalkd account …`, by the running daemon or on a stopped store.

mod view;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::Global;
use super::failure::Failure;
use super::orders::Why;
use super::output::Output;
use super::place::Place;
use super::secret;
use super::who::Who;
use crate::config::Config;
use crate::control::wire::{AccountDetail, AccountOrder};
use crate::model::{Nickname, Role, Uid, from_cp1252, is_email, to_cp1252};
use crate::password;
pub(super) use view::yes_no;
use view::{AccountView, Details};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Create an account and print its uid
    Add(Add),
    /// Show an account
    Show {
        #[command(flatten)]
        user: User,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// List all accounts
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Set a new password
    Passwd {
        #[command(flatten)]
        user: User,
        #[command(flatten)]
        password: Password,
    },
    /// Change roles and other settings
    #[command(override_usage = "paltalkd account set [OPTIONS] <NICK|UID>")]
    Set(Set),
    /// Keep an account out
    Ban {
        #[command(flatten)]
        user: User,
        /// How long; for good without this
        #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
        time: Option<Duration>,
        /// Why; the user reads it
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Let a banned account in again
    Unban {
        #[command(flatten)]
        user: User,
        #[command(flatten)]
        why: Why,
    },
    /// Print everything that is kept about an account as a JSON object
    Export {
        #[command(flatten)]
        user: User,
    },
    /// Delete an account, its lists and the messages that wait for it
    Delete(Removal),
    /// Delete an account as `delete` does, and the messages it has sent that still wait
    Erase(Removal),
}

#[derive(Args)]
pub(super) struct Removal {
    #[command(flatten)]
    user: User,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Args)]
pub(super) struct User {
    /// The nickname or uid; "uid:5" or "nick:5" where a number could be either
    #[arg(value_name = "NICK|UID")]
    user: Who,
}

#[derive(Args)]
pub(super) struct Password {
    /// Take the first line of stdin as the password instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Args)]
pub(super) struct Add {
    /// The nickname
    #[arg(value_name = "NICK", value_parser = nickname)]
    nickname: Nickname,
    /// Give a role: admin, moderator or trusted; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<Role>,
    /// The email address
    #[arg(long, value_parser = email)]
    email: Option<String>,
    #[command(flatten)]
    password: Password,
}

#[derive(Args)]
#[group(id = "change", required = true, multiple = true, args = ["roles", "no_roles", "age_verified", "email", "no_email"])]
pub(super) struct Set {
    #[command(flatten)]
    user: User,
    /// Give a role: admin, moderator or trusted; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<Role>,
    /// Take a role away; may be repeated
    #[arg(long = "no-role", value_name = "ROLE")]
    no_roles: Vec<Role>,
    /// Whether you have seen that the owner is of age
    #[arg(long, value_name = "yes|no", hide_possible_values = true)]
    age_verified: Option<YesNo>,
    /// The email address
    #[arg(long, value_parser = email, conflicts_with = "no_email")]
    email: Option<String>,
    /// Forget the email address
    #[arg(long)]
    no_email: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum YesNo {
    Yes,
    No,
}

fn nickname(text: &str) -> Result<Nickname, String> {
    if from_cp1252(&to_cp1252(text)) != text {
        return Err("the clients cannot show every character of this (they know Windows-1252 only)".into());
    }
    Nickname::from_text(text).map_err(|error| error.to_string())
}

fn email(text: &str) -> Result<String, String> {
    if is_email(text) { Ok(text.to_owned()) } else { Err("not an email address".to_owned()) }
}

pub(super) fn run(
    command: Command,
    global: &Global,
    config: &Config,
    output: &Output,
) -> Result<(), Failure> {
    if let Command::Set(set) = &command {
        set.check()?;
    }
    let mut place = Place::open(global, config, output, matches!(command, Command::Add(_)))?;
    let result = command.work(&mut place, output);
    place.close(result)
}

impl Command {
    fn work(self, place: &mut Place, output: &Output) -> Result<(), Failure> {
        match self {
            Command::Add(add) => add.run(place, output),
            Command::Show { user, json } => {
                let details = Details::of(&place.find(&user.user)?);
                if json { output.json(&details) } else { output.fields(&details.fields()) }
            }
            Command::List { json } => list(place, json, output),
            Command::Passwd { user, password } => {
                let uid = person(&user, place)?.row.uid;
                let password = secret::new_password(password.password_stdin)?;
                output.told(&place.act(AccountOrder::SetPassword { uid, hash: hash(&password)? })?)
            }
            Command::Set(set) => set.run(place, output),
            Command::Ban { user, time, reason } => {
                let uid = person(&user, place)?.row.uid;
                output.told(&place.ban(uid, time, reason)?)
            }
            Command::Unban { user, why } => {
                let uid = person(&user, place)?.row.uid;
                output.told(&place.unban(uid, why.reason)?)
            }
            Command::Export { user } => {
                let uid = place.find(&user.user)?.row.uid;
                output.json(&place.export(uid)?)
            }
            Command::Delete(removal) => removal.run("Delete", AccountOrder::Delete, place, output),
            Command::Erase(removal) => removal.run("Erase", AccountOrder::Erase, place, output),
        }
    }
}

impl Add {
    fn run(self, place: &mut Place, output: &Output) -> Result<(), Failure> {
        let name: Who = format!("nick:{}", self.nickname).parse().map_err(Failure::Usage)?;
        match place.find(&name) {
            Ok(_) => return Err(Failure::failed(format_args!("the nickname {} is taken", self.nickname))),
            Err(Failure::NotFound(_)) => {}
            Err(failure) => return Err(failure),
        }
        let password = secret::new_password(self.password.password_stdin)?;
        place.act(AccountOrder::Create {
            nickname: self.nickname.to_string(),
            hash: hash(&password)?,
            email: self.email,
            roles: self.roles,
        })?;
        output.print(&format!("{}\n", place.find(&name)?.row.uid))
    }
}

fn list(place: &mut Place, json: bool, output: &Output) -> Result<(), Failure> {
    let accounts: Vec<AccountView> = place.all()?.iter().map(AccountView::of).collect();
    if json {
        return output.json(&accounts);
    }
    output.table(&AccountView::HEADINGS, accounts.iter().map(AccountView::row).collect())
}

impl Set {
    fn check(&self) -> Result<(), Failure> {
        match self.roles.iter().find(|role| self.no_roles.contains(role)) {
            Some(role) => {
                Err(Failure::Usage(format!("--role {role} and --no-role {role} contradict each other")))
            }
            None => Ok(()),
        }
    }

    fn run(self, place: &mut Place, output: &Output) -> Result<(), Failure> {
        let order = AccountOrder::Set {
            uid: person(&self.user, place)?.row.uid,
            give: self.roles,
            take: self.no_roles,
            age_verified: self.age_verified.map(|answer| answer == YesNo::Yes),
            email: if self.no_email { Some(None) } else { self.email.map(Some) },
        };
        output.told(&place.act(order)?)
    }
}

impl Removal {
    fn run(
        self,
        what: &str,
        order: fn(Uid) -> AccountOrder,
        place: &mut Place,
        output: &Output,
    ) -> Result<(), Failure> {
        let account = person(&self.user, place)?.row;
        if !self.yes {
            let question = format!("{what} the account {} ({}) for good?", account.nickname, account.uid);
            secret::confirm(&question)?;
        }
        output.told(&place.act(order(account.uid))?)
    }
}

/// The account of a person, to be changed; not that of the server's own user.
fn person(user: &User, place: &mut Place) -> Result<AccountDetail, Failure> {
    let account = place.find(&user.user)?;
    if account.row.uid == Uid::SERVICE {
        let name = account.row.nickname;
        return Err(Failure::failed(format_args!("{name} is the server's own user and cannot be changed")));
    }
    Ok(account)
}

fn hash(password: &[u8]) -> Result<String, Failure> {
    Ok(password::Hasher::default().hash(password).map_err(anyhow::Error::new)?)
}
