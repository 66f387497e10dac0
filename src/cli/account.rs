//! `paltalkd account …`, on a stopped store.

mod view;

use clap::{Args, Subcommand, ValueEnum};

use super::failure::Failure;
use super::output::Output;
use super::secret;
use super::stopped::with_store;
use super::who::Who;
use crate::config::Config;
use crate::model::{Nickname, Role, Roles, Timestamp, Uid, from_cp1252, is_email, to_cp1252};
use crate::password;
use crate::store::{Account, Applied, Change, NewAccount, PasswordHash, Rejection, Store, StoreError};
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
    /// Delete an account, its lists and the messages that wait for it
    Delete {
        #[command(flatten)]
        user: User,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
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

pub(super) fn run(command: Command, config: &Config, output: &Output) -> Result<(), Failure> {
    if let Command::Set(set) = &command {
        set.check()?;
    }
    with_store(config, output, matches!(command, Command::Add(_)), |store| match command {
        Command::Add(add) => add.run(store, output),
        Command::Show { user, json } => show(store, &user, json, output),
        Command::List { json } => list(store, json, output),
        Command::Passwd { user, password } => passwd(store, &user, &password, output),
        Command::Set(set) => set.run(store, output),
        Command::Delete { user, yes } => delete(store, &user, yes, output),
    })
}

impl Add {
    fn run(self, store: &Store, output: &Output) -> Result<(), Failure> {
        if store.reader().uid_by_name(&self.nickname.key())?.is_some() {
            return Err(Failure::failed(format_args!("the nickname {} is taken", self.nickname)));
        }
        let password = secret::new_password(self.password.password_stdin)?;
        let account = NewAccount {
            nickname: self.nickname,
            password: hash(&password)?,
            email: self.email,
            roles: self.roles.into_iter().collect(),
            created: Timestamp::now(),
        };
        match store.commit_blocking(Change::CreateAccount(account))? {
            Applied::Created(uid) => output.print(&format!("{uid}\n")),
            other => Err(Failure::failed(format_args!("the store answered {other:?}"))),
        }
    }
}

fn show(store: &Store, user: &User, json: bool, output: &Output) -> Result<(), Failure> {
    let reader = store.reader();
    let account = user.user.find(&reader)?;
    let details = Details::read(&reader, &account)?;
    if json { output.json(&details) } else { output.fields(&details.fields()) }
}

fn list(store: &Store, json: bool, output: &Output) -> Result<(), Failure> {
    let accounts: Result<Vec<Account>, StoreError> = store.reader().accounts().collect();
    let people = accounts?.into_iter().filter(|account| account.uid != Uid::SERVICE);
    let accounts: Vec<AccountView> = people.map(|account| AccountView::of(&account)).collect();
    if json {
        return output.json(&accounts);
    }
    output.table(&AccountView::HEADINGS, accounts.iter().map(AccountView::row).collect())
}

fn passwd(store: &Store, user: &User, password: &Password, output: &Output) -> Result<(), Failure> {
    let account = person(user, store)?;
    let password = secret::new_password(password.password_stdin)?;
    commit(store, Change::SetPassword { uid: account.uid, hash: hash(&password)? }, &account)?;
    output.note(&format!("{} has a new password.", account.nickname));
    Ok(())
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

    fn run(self, store: &Store, output: &Output) -> Result<(), Failure> {
        let account = person(&self.user, store)?;
        let uid = account.uid;
        let given = self.roles.iter().fold(account.roles, |roles, role| roles.with(*role));
        let roles: Roles = self.no_roles.iter().fold(given, |roles, role| roles.without(*role));
        let mut changes = Vec::new();
        if roles != account.roles {
            changes.push(Change::SetRoles { uid, roles });
        }
        if let Some(verified) = self.age_verified {
            changes.push(Change::SetAgeVerified { uid, verified: verified == YesNo::Yes });
        }
        if self.email.is_some() || self.no_email {
            changes.push(Change::SetEmail { uid, email: self.email });
        }
        for change in changes {
            commit(store, change, &account)?;
        }
        output.note(&format!("{} is changed.", account.nickname));
        Ok(())
    }
}

fn delete(store: &Store, user: &User, yes: bool, output: &Output) -> Result<(), Failure> {
    let account = person(user, store)?;
    if !yes {
        secret::confirm(&format!("Delete the account {} ({}) for good?", account.nickname, account.uid))?;
    }
    commit(store, Change::DeleteAccount { uid: account.uid }, &account)?;
    output.note(&format!("{} ({}) is deleted.", account.nickname, account.uid));
    Ok(())
}

/// The account of a person, to be changed. The server's own user is part of the program: with a
/// password, somebody could speak in its name.
fn person(user: &User, store: &Store) -> Result<Account, Failure> {
    let account = user.user.find(&store.reader())?;
    if account.uid == Uid::SERVICE {
        return Err(Failure::failed(format_args!(
            "{} is the server's own user and cannot be changed",
            account.nickname
        )));
    }
    Ok(account)
}

fn commit(store: &Store, change: Change, account: &Account) -> Result<(), Failure> {
    match store.commit_blocking(change) {
        Ok(_) => Ok(()),
        Err(StoreError::Rejected(Rejection::NoSuchAccount)) => {
            Err(Failure::NotFound(format!("no such user: {}", account.nickname)))
        }
        Err(error) => Err(error.into()),
    }
}

fn hash(password: &[u8]) -> Result<PasswordHash, Failure> {
    Ok(PasswordHash::new(password::hash(password).map_err(anyhow::Error::new)?))
}
