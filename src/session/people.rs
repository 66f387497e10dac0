//! Requests that need other people's accounts from the store before the hub can decide.

use crate::hub::{Command, DirectoryCommand, Person, RoomCommand};
use crate::model::{Nickname, RoomId, Uid};
use crate::protocol::{Dialect, PacketType, PalRecord, SearchRecord, ServerPacket};
use crate::store::{Account, Reader, StoreError};

use super::{BUSY, Session};

/// Users as the store lists them.
type People = Vec<(Uid, Nickname)>;

/// The code of refusals to somebody who is signed in (PROTOCOL 6.12).
const REFUSED: u16 = 0x78;
const NOBODY: &str = "There is no such user.";
/// Users in one search result at most (PROTOCOL 9.2).
const MAX_FOUND: usize = 50;
/// Names remembered on one connection; by the time there are more, the store has the oldest.
const MAX_NAMED: usize = 500;

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
            Ok(Some(account)) => {
                let person = Person { uid, nickname: account.nickname };
                self.command(Command::Directory(DirectoryCommand::UserInfo(person))).await;
            }
            Ok(None) => self.send(&ServerPacket::SearchNoResults),
            Err(_) => self.refuse(PacketType::USER_INFO_REQUEST, REFUSED, BUSY),
        }
    }

    pub(super) async fn add_pal(&mut self, uid: Uid) {
        let request = PacketType::BUDDY_ADD;
        let Ok((account, current)) = self.account_and_list(uid, Reader::pals).await else {
            return self.refuse(request, REFUSED, BUSY);
        };
        let Some(account) = account else { return self.refuse(request, REFUSED, NOBODY) };
        let pal = Person { uid, nickname: account.nickname };
        self.remember(pal);
        self.command(Command::Directory(DirectoryCommand::AddPal { pal, current })).await;
    }

    pub(super) async fn set_block(&mut self, uid: Uid, blocked: bool) {
        let request = if blocked { PacketType::BUDDY_BLOCK } else { PacketType::BUDDY_UNBLOCK };
        let Ok((account, current)) = self.account_and_list(uid, Reader::blocks).await else {
            return self.refuse(request, REFUSED, BUSY);
        };
        let command = if blocked {
            let Some(account) = account else { return self.refuse(request, REFUSED, NOBODY) };
            let target = Person { uid, nickname: account.nickname };
            self.remember(target);
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
        match loaded {
            Ok((Some(account), blocks)) => {
                self.send(&ServerPacket::PrivacyVerify(account.privacy));
                let records = blocks.into_iter().map(|(uid, nickname)| PalRecord { uid, nickname });
                self.send(&ServerPacket::BlockedList(records.collect()));
            }
            _ => self.refuse(PacketType::BLOCKED_LIST_REQUEST, REFUSED, BUSY),
        }
    }

    pub(super) async fn ban_user(&mut self, room: RoomId, uid: Uid) {
        match self.account(uid).await {
            Ok(Some(account)) => self.ban(room, &account).await,
            Ok(None) => self.refuse(PacketType::ROOM_BAN_USER, 1, NOBODY),
            Err(_) => self.refuse(PacketType::ROOM_BAN_USER, 1, BUSY),
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
            Ok(Ok(None)) => self.refuse(PacketType::ROOM_BAN_NICK, 1, "There is no user of this name."),
            _ => self.refuse(PacketType::ROOM_BAN_NICK, 1, BUSY),
        }
    }

    async fn ban(&self, room: RoomId, account: &Account) {
        let target = Person { uid: account.uid, nickname: account.nickname };
        let command = RoomCommand::Ban { target, staff: account.roles.is_staff() };
        self.command(Command::Room(room, command)).await;
    }

    async fn account(&self, uid: Uid) -> Result<Option<Account>, StoreError> {
        self.context.store.read(move |reader| reader.account(uid)).await?
    }

    /// Keeps the name of somebody who is about to be put on a list, for [`Session::account_and_list`].
    fn remember(&mut self, person: Person) {
        if self.dialect == Dialect::V50 || self.named.iter().any(|named| named.uid == person.uid) {
            return;
        }
        if self.named.len() >= MAX_NAMED {
            self.named.remove(0);
        }
        self.named.push(person);
    }

    /// The account `wanted`, and everybody who may be among the user's pals or blocks, for clients that
    /// get whole lists in answer; 5.0 does not. What the store has, and whom it may not have yet. One
    /// errand to another thread for both: that costs more than the reading.
    async fn account_and_list(
        &self,
        wanted: Uid,
        read: fn(&Reader, Uid) -> Result<People, StoreError>,
    ) -> Result<(Option<Account>, Vec<Person>), StoreError> {
        let whose = self.uid().filter(|_| self.dialect != Dialect::V50);
        let both = move |reader: &Reader| {
            let list = whose.map(|uid| read(reader, uid)).transpose()?;
            Ok::<_, StoreError>((reader.account(wanted)?, list))
        };
        let (account, list) = self.context.store.read(both).await??;
        let Some(list) = list else { return Ok((account, Vec::new())) };
        let mut list: Vec<Person> =
            list.into_iter().map(|(uid, nickname)| Person { uid, nickname }).collect();
        for named in &self.named {
            if !list.iter().any(|person| person.uid == named.uid) {
                list.push(*named);
            }
        }
        Ok((account, list))
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
