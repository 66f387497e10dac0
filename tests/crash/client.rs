//! A client for whom a broken connection is nothing special.

use std::net::SocketAddr;

use paltalkd::model::{Uid, from_cp1252, to_cp1252};
use paltalkd::protocol::cipher::{self, Variant};
use paltalkd::protocol::markup;

use super::number_of;
use super::support::*;

pub(super) struct RawClient(Client);

impl RawClient {
    pub(super) fn sign_in(chat: SocketAddr, uid: Uid) -> Option<RawClient> {
        RawClient::sign_in_with(chat, uid, PASSWORD, V50)
    }

    /// Signs in with a password that has to be the right one.
    pub(super) fn sign_in_with(
        chat: SocketAddr,
        uid: Uid,
        password: &str,
        version: u16,
    ) -> Option<RawClient> {
        let mut client = RawClient(Client::try_connect(chat)?);
        client.0.version = version;
        let mut wish = uid.0.to_be_bytes().to_vec();
        wish.extend([0, 0, 0, 1, 0, 0]);
        client.send(0xff9c, &uid.0.to_be_bytes())?;
        client.send(0xfb96, &wish)?;
        let challenge = challenge_of(&client.expect(0x0474)?.payload[4..7]);
        let mut login = uid.0.to_be_bytes().to_vec();
        login.extend(cipher::encode(Variant::One, challenge, password.as_bytes(), 1).unwrap());
        client.send(0xfb84, &login)?;
        client.expect(0x04a6)?;
        Some(client)
    }

    /// Makes an account with [`PASSWORD`] and this email address.
    pub(super) fn register(chat: SocketAddr, nickname: &str, email: &str) -> Option<(RawClient, Uid)> {
        let mut client = RawClient(Client::try_connect(chat)?);
        client.send(0xff9c, &Uid::NEW_USER.0.to_be_bytes())?;
        let digits = String::from_utf8(cipher::encode(Variant::One, 0, PASSWORD.as_bytes(), 1).unwrap());
        let form = format!("nickname={nickname}\nemail={email}\npassword={}", digits.unwrap());
        client.send(0xfb6e, form.as_bytes())?;
        let answer = client.expect(0x0064)?;
        assert_eq!((answer.payload.len(), return_code(&answer).1), (8, 0), "{answer:?}");
        Some((client, Uid(answer.u32(4))))
    }

    /// Sends requests in one go, each with another one behind it whose answer says that the first is
    /// durable: see [`RawClient::done`].
    pub(super) fn ask(&mut self, requests: &[(u16, Vec<u8>)]) -> Option<()> {
        let mut bytes = Vec::new();
        for (kind, payload) in requests {
            bytes.extend(self.0.frame(*kind, payload));
            bytes.extend(self.0.frame(0xfeb6, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
        }
        self.0.try_send_raw(&bytes).then_some(())
    }

    /// Waits until the first request that was asked is done.
    pub(super) fn done(&mut self) -> Option<()> {
        loop {
            let packet = self.0.next()?;
            match packet.kind {
                0x014b => return Some(()),
                0x0064 => assert_eq!(return_code(&packet).1, 0, "refused: {packet:?}"),
                _ => {}
            }
        }
    }

    /// Sends a request and waits until it is done.
    pub(super) fn act(&mut self, kind: u16, payload: &[u8]) -> Option<()> {
        self.ask(&[(kind, payload.to_vec())])?;
        self.done()
    }

    /// Says something in a room, such as a command, and waits until it is done.
    pub(super) fn say(&mut self, room: u32, text: &str) -> Option<()> {
        self.act(0xfea2, &with_text(&[room], &to_cp1252(text)))
    }

    /// Enters a room.
    pub(super) fn join(&mut self, room: u32, lockword: &str) -> Option<()> {
        let mut payload = with_text(&[room], &[0, 0, 0, 0, 0x08, 0x2a]);
        payload.extend(lockword.bytes());
        self.send(0xfeca, &payload)?;
        self.expect(0x0154).map(drop)
    }

    /// Gives the service user a command, and waits for its answer, which has to contain a text.
    pub(super) fn order(&mut self, line: &str, answer: &str) -> Option<String> {
        self.send(0xffec, &with_text(&[Uid::SERVICE.0], &to_cp1252(line)))?;
        let told = self.told()?;
        assert!(told.contains(answer), "{line}: {told}");
        Some(told)
    }

    /// The next line that the service user says, without markup.
    pub(super) fn told(&mut self) -> Option<String> {
        let packet = self.expect(0x0014)?;
        assert_eq!(packet.u32(0), Uid::SERVICE.0, "{packet:?}");
        Some(from_cp1252(&markup::strip(&packet.payload[4..])))
    }

    /// The numbers of the messages that come before the answer to a request, and whether that came.
    pub(super) fn letters(&mut self) -> (Vec<usize>, Option<()>) {
        let mut numbers = Vec::new();
        // Whether or not this can be sent: what came before the end of the connection has come.
        _ = self.send(0xfeb6, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        while let Some(packet) = self.0.next() {
            match packet.kind {
                0x014b => return (numbers, Some(())),
                0x0014 => numbers.push(number_of(&packet.text(4))),
                _ => {}
            }
        }
        (numbers, None)
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
