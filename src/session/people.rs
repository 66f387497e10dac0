//! Requests that need other people's accounts from the store before the hub can decide.

use crate::hub::{Command, DirectoryCommand, Person, RoomCommand};
use crate::model::{Nickname, RoomId, Uid};
use crate::protocol::{Dialect, PacketType, PalRecord, SearchRecord, ServerPacket};
use crate::store::{Account, Reader, StoreError};

use super::Session;

/// Users as the store lists them.
type People = Vec<(Uid, Nickname)>;

/// Users in one search result at most (PROTOCOL 9.2).
const MAX_FOUND: usize = 50;

impl Session {
    pub(super) async fn search(&mut self, name: &[u8], exact: bool) {
        let name = name.to_vec();
        let found = self.context.store.read(move |reader| find(reader, &name, exact)).await;
        match found {
            Ok(Ok(found)) if found.is_empty() => self.send(&ServerPacket::SearchNoResults),
            Ok(Ok(found)) => {
                let records = found.into_iter().map(|(uid, nickname)| search_record(uid, nickname)).collect();
                self.send(&ServerPacket::SearchResults(records));
            }
            _ => self.refuse(PacketType::USER_SEARCH, 1, "The search did not work. Please try again."),
        }
    }

    pub(super) async fn user_info(&mut self, uid: Uid) {
        match self.account(uid).await {
            Some(account) => {
                let person = Person { uid, nickname: account.nickname };
                self.command(Command::Directory(DirectoryCommand::UserInfo(person))).await;
            }
            None => self.send(&ServerPacket::SearchNoResults),
        }
    }

    pub(super) async fn add_pal(&mut self, uid: Uid) {
        let Some(account) = self.account(uid).await else {
            return self.refuse(PacketType::BUDDY_ADD, 0x78, "There is no such user.");
        };
        let pal = Person { uid, nickname: account.nickname };
        let current = self.list(Reader::pals).await;
        self.command(Command::Directory(DirectoryCommand::AddPal { pal, current })).await;
    }

    pub(super) async fn set_block(&mut self, uid: Uid, blocked: bool) {
        let current = self.list(Reader::blocks).await;
        let command = if blocked {
            let Some(account) = self.account(uid).await else {
                return self.refuse(PacketType::BUDDY_BLOCK, 0x78, "There is no such user.");
            };
            let target = Person { uid, nickname: account.nickname };
            DirectoryCommand::Block { target, staff: account.roles.is_staff(), current }
        } else {
            DirectoryCommand::Unblock { target: uid, current }
        };
        self.command(Command::Directory(command)).await;
    }

    pub(super) async fn block_list(&mut self) {
        let Some(uid) = self.uid() else { return };
        let loaded =
            self.context.store.read(move |reader| Ok((reader.account(uid)?, reader.blocks(uid)?))).await;
        let loaded: Result<_, StoreError> = loaded.and_then(|result| result);
        if let Ok((Some(account), blocks)) = loaded {
            self.send(&ServerPacket::PrivacyVerify(account.privacy));
            let records = blocks.into_iter().map(|(uid, nickname)| PalRecord { uid, nickname });
            self.send(&ServerPacket::BlockedList(records.collect()));
        }
    }

    pub(super) async fn ban_user(&mut self, room: RoomId, uid: Uid) {
        match self.account(uid).await {
            Some(account) => self.ban(room, &account).await,
            None => self.refuse(PacketType::ROOM_BAN_USER, 1, "There is no such user."),
        }
    }

    pub(super) async fn ban_nick(&mut self, room: RoomId, nickname: &[u8]) {
        let key = Nickname::built_in(nickname.trim_ascii()).map(|nickname| nickname.key());
        let found = match key {
            Ok(key) => self.context.store.read(move |reader| reader.account_by_name(&key)).await,
            Err(_) => Ok(Ok(None)),
        };
        match found {
            Ok(Ok(Some(account))) => self.ban(room, &account).await,
            _ => self.refuse(PacketType::ROOM_BAN_NICK, 1, "There is no user of this name."),
        }
    }

    async fn ban(&self, room: RoomId, account: &Account) {
        let target = Person { uid: account.uid, nickname: account.nickname };
        let command = RoomCommand::Ban { target, staff: account.roles.is_staff() };
        self.command(Command::Room(room, command)).await;
    }

    async fn account(&self, uid: Uid) -> Option<Account> {
        self.context.store.read(move |reader| reader.account(uid)).await.ok()?.ok()?
    }

    /// The user's pals or blocks, for clients that get whole lists in answer; 5.0 does not.
    async fn list(&self, read: fn(&Reader, Uid) -> Result<People, StoreError>) -> Vec<Person> {
        let Some(uid) = self.uid().filter(|_| self.dialect != Dialect::V50) else { return Vec::new() };
        let list = self.context.store.read(move |reader| read(reader, uid)).await;
        let list = list.and_then(|result| result).unwrap_or_default();
        list.into_iter().map(|(uid, nickname)| Person { uid, nickname }).collect()
    }
}

fn find(reader: &Reader, name: &[u8], exact: bool) -> Result<People, StoreError> {
    // What cannot be a nickname, or the beginning of one, is nobody's.
    let Ok(name) = Nickname::built_in(name.trim_ascii()) else { return Ok(Vec::new()) };
    let accounts = if exact {
        reader.account_by_name(&name.key())?.into_iter().collect()
    } else {
        reader.accounts_by_prefix(name.key().as_bytes(), MAX_FOUND)?
    };
    Ok(accounts.into_iter().map(|account| (account.uid, account.nickname)).collect())
}

fn search_record(uid: Uid, nickname: Nickname) -> SearchRecord {
    SearchRecord { uid, nickname, first: Vec::new(), last: Vec::new(), email: Vec::new() }
}
