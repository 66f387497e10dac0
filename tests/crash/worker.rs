//! People who change their lists and send messages until the connection breaks, and know what they were told.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use paltalkd::model::{Nickname, Uid};
use paltalkd::password;
use paltalkd::protocol::cipher::{self, Variant};
use paltalkd::store::Store;

use super::number_of;
use super::support::*;

/// What one worker was told, and what it had asked for without an answer yet.
#[derive(Clone, Default)]
pub(super) struct Told {
    pub(super) pals: BTreeSet<Uid>,
    pub(super) blocks: BTreeSet<Uid>,
    pub(super) messages: usize,
    /// The pal or block that was being changed, and the message that was being sent.
    pub(super) open_pal: Option<Uid>,
    pub(super) open_block: Option<Uid>,
    pub(super) open_message: bool,
    pub(super) registered: Vec<(String, Uid)>,
}

pub(super) struct Worker {
    pub(super) uid: Uid,
    /// Never signs in; gets the worker's messages.
    pub(super) friend: Uid,
    pub(super) others: Vec<Uid>,
    pub(super) told: Told,
}

impl Worker {
    /// Changes things until the connection breaks.
    pub(super) fn work(&mut self, chat: SocketAddr, round: usize, stop: &AtomicBool) {
        let Some(mut client) = RawClient::sign_in(chat, self.uid) else { return };
        let mut step = round * 7919;
        while !stop.load(Ordering::Relaxed) {
            step += 1;
            let other = self.others[step % self.others.len()];
            let done = match step % 4 {
                0 => {
                    let adding = !self.told.pals.contains(&other);
                    self.told.open_pal = Some(other);
                    let done = client.act(if adding { 0xffbd } else { 0xffbe }, &other.0.to_be_bytes());
                    if done {
                        toggle(&mut self.told.pals, other);
                        self.told.open_pal = None;
                    }
                    done
                }
                1 => {
                    // A blocked user cannot be made a pal, so pals and blocks use other people.
                    let other = Uid(other.0 + self.others.len() as u32);
                    let adding = !self.told.blocks.contains(&other);
                    self.told.open_block = Some(other);
                    let done = client.act(if adding { 0xfe0c } else { 0xfdf8 }, &other.0.to_be_bytes());
                    if done {
                        toggle(&mut self.told.blocks, other);
                        self.told.open_block = None;
                    }
                    done
                }
                _ if self.told.messages < 190 => {
                    self.told.open_message = true;
                    let mut payload = self.friend.0.to_be_bytes().to_vec();
                    payload.extend(format!("message {}", self.told.messages + 1).bytes());
                    let done = client.act(0xffec, &payload);
                    if done {
                        self.told.messages += 1;
                        self.told.open_message = false;
                    }
                    done
                }
                _ => true,
            };
            if !done {
                return;
            }
        }
    }

    /// Registers accounts until the connection breaks.
    pub(super) fn register(&mut self, chat: SocketAddr, round: usize, stop: &AtomicBool) {
        for number in 0.. {
            let nickname = format!("New{round}x{number}");
            if stop.load(Ordering::Relaxed) {
                return;
            }
            match RawClient::register(chat, &nickname) {
                Some(uid) => self.told.registered.push((nickname, uid)),
                None => return,
            }
        }
    }

    /// Compares what the worker was told with what the store holds.
    pub(super) fn check(&mut self, store: &Store) {
        let reader = store.reader();
        let uids = |list: Vec<(Uid, Nickname)>| list.into_iter().map(|(uid, _)| uid).collect::<BTreeSet<_>>();
        let same = |found: &BTreeSet<Uid>, told: &BTreeSet<Uid>, open: Option<Uid>| {
            found.symmetric_difference(told).all(|uid| Some(*uid) == open)
        };
        let pals = uids(reader.pals(self.uid).unwrap());
        assert!(
            same(&pals, &self.told.pals, self.told.open_pal),
            "pals: {pals:?}, told {:?}",
            self.told.pals
        );
        let blocks = uids(reader.blocks(self.uid).unwrap());
        assert!(same(&blocks, &self.told.blocks, self.told.open_block), "blocks of {}", self.uid);
        let messages: Vec<String> = reader
            .offline(self.friend)
            .unwrap()
            .iter()
            .map(|message| String::from_utf8_lossy(message.text.as_bytes()).into_owned())
            .collect();
        let expected: Vec<String> = (1..=messages.len()).map(|number| format!("message {number}")).collect();
        assert_eq!(messages, expected, "each once and in order");
        let open = usize::from(self.told.open_message);
        assert!((self.told.messages..=self.told.messages + open).contains(&messages.len()));
        for (nickname, uid) in &self.told.registered {
            let account = reader.account(*uid).unwrap().unwrap_or_else(|| panic!("{nickname} is gone"));
            assert_eq!(account.nickname.to_string(), *nickname);
        }
        if let Some((_, uid)) = self.told.registered.last() {
            let hash = reader.account(*uid).unwrap().unwrap().password;
            assert_eq!(password::Hasher::default().verify(PASSWORD.as_bytes(), hash.as_str()), Ok(true));
        }
        // What was open is decided now.
        self.told = Told {
            pals,
            blocks,
            messages: messages.len(),
            registered: std::mem::take(&mut self.told.registered),
            ..Told::default()
        };
    }
}

pub(super) fn toggle(set: &mut BTreeSet<Uid>, uid: Uid) {
    if !set.remove(&uid) {
        set.insert(uid);
    }
}

/// A client for whom a broken connection is nothing special.
pub(super) struct RawClient(Client);

impl RawClient {
    pub(super) fn sign_in(chat: SocketAddr, uid: Uid) -> Option<RawClient> {
        let mut client = RawClient(Client::try_connect(chat)?);
        let mut wish = uid.0.to_be_bytes().to_vec();
        wish.extend([0, 0, 0, 1, 0, 0]);
        client.send(0xff9c, &uid.0.to_be_bytes())?;
        client.send(0xfb96, &wish)?;
        let challenge = challenge_of(&client.expect(0x0474)?.payload[4..7]);
        let mut login = uid.0.to_be_bytes().to_vec();
        login.extend(cipher::encode(Variant::One, challenge, PASSWORD.as_bytes(), 1).unwrap());
        client.send(0xfb84, &login)?;
        client.expect(0x04a6)?;
        Some(client)
    }

    pub(super) fn register(chat: SocketAddr, nickname: &str) -> Option<Uid> {
        let mut client = RawClient(Client::try_connect(chat)?);
        client.send(0xff9c, &Uid::NEW_USER.0.to_be_bytes())?;
        let digits = cipher::encode(Variant::One, 0, PASSWORD.as_bytes(), 1).unwrap();
        let form = format!("nickname={nickname}\nemail=\npassword={}", String::from_utf8(digits).unwrap());
        client.send(0xfb6e, form.as_bytes())?;
        let answer = client.expect(0x0064)?;
        (answer.payload.len() == 8 && answer.payload[2..4] == [0, 0]).then(|| Uid(answer.u32(4)))
    }

    /// Sends a request and another one; the answer to the second says that the first is durable.
    pub(super) fn act(&mut self, kind: u16, payload: &[u8]) -> bool {
        self.send(kind, payload).is_some()
            && self.send(0xfeb6, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).is_some()
            && self.expect(0x014b).is_some()
    }

    /// The numbers of the messages that come before the answer to a request.
    pub(super) fn letters(&mut self) -> Option<Vec<usize>> {
        self.send(0xfeb6, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])?;
        let mut numbers = Vec::new();
        loop {
            let packet = self.0.next()?;
            match packet.kind {
                0x014b => return Some(numbers),
                0x0014 => numbers.push(number_of(&packet.text(4))),
                _ => {}
            }
        }
    }

    pub(super) fn hang_up(self) {
        self.0.close();
    }

    pub(super) fn send(&mut self, kind: u16, payload: &[u8]) -> Option<()> {
        let frame = self.0.frame(kind, payload);
        self.0.try_send_raw(&frame).then_some(())
    }

    pub(super) fn expect(&mut self, kind: u16) -> Option<Packet> {
        loop {
            let packet = self.0.next()?;
            if packet.kind == kind {
                return Some(packet);
            }
        }
    }
}
