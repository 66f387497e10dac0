//! Accounts as people and scripts see them. The names of the fields are a contract.

use serde::Serialize;

use crate::control::wire::{AccountDetail, AccountRow};
use crate::model::Role;

/// An account in a list.
#[derive(Serialize)]
pub(super) struct AccountView {
    uid: u32,
    nickname: String,
    roles: Vec<Role>,
    email: Option<String>,
    age_verified: bool,
    created: String,
}

/// An account by itself.
#[derive(Serialize)]
pub(super) struct Details {
    #[serde(flatten)]
    account: AccountView,
    privacy: String,
    pals: u32,
    blocks: u32,
    offline_messages: u32,
    banned: Option<String>,
}

impl AccountView {
    pub(super) const HEADINGS: [&str; 6] = ["UID", "NICKNAME", "ROLES", "EMAIL", "OF AGE", "CREATED"];

    pub(super) fn of(account: &AccountRow) -> AccountView {
        AccountView {
            uid: account.uid.0,
            nickname: account.nickname.clone(),
            roles: account.roles.clone(),
            email: account.email.clone(),
            age_verified: account.age_verified,
            created: account.created.clone(),
        }
    }

    pub(super) fn row(&self) -> Vec<String> {
        vec![
            self.uid.to_string(),
            self.nickname.clone(),
            self.role_names(),
            self.email.clone().unwrap_or_else(|| "-".to_owned()),
            yes_no(self.age_verified),
            self.created.clone(),
        ]
    }

    fn role_names(&self) -> String {
        if self.roles.is_empty() {
            return "-".to_owned();
        }
        let names: Vec<&str> = self.roles.iter().map(|role| role.name()).collect();
        names.join(", ")
    }
}

impl Details {
    pub(super) fn of(account: &AccountDetail) -> Details {
        Details {
            account: AccountView::of(&account.row),
            privacy: account.privacy.clone(),
            pals: account.pals,
            blocks: account.blocks,
            offline_messages: account.offline_messages,
            banned: account.banned.clone(),
        }
    }

    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let account = &self.account;
        vec![
            ("Uid", account.uid.to_string()),
            ("Nickname", account.nickname.clone()),
            ("Roles", account.role_names()),
            ("Email", account.email.clone().unwrap_or_else(|| "-".to_owned())),
            ("Of age", yes_no(account.age_verified)),
            ("Created", account.created.clone()),
            ("Privacy", self.privacy.clone()),
            ("Pals", self.pals.to_string()),
            ("Blocks", self.blocks.to_string()),
            ("Waiting messages", self.offline_messages.to_string()),
            ("Banned", self.banned.clone().unwrap_or_else(|| "no".to_owned())),
        ]
    }
}

pub(in super::super) fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}
