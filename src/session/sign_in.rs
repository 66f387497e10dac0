//! From the first packet to the user's session (PROTOCOL 5; REAL-CLIENT, Login).

use std::net::{IpAddr, Ipv4Addr};

use tracing::info;

use crate::hub::actor::Envelope;
use crate::hub::{Command, Person, SignIn};
use crate::model::{CloseReason, Nickname, Status, Uid, to_cp1252};
use crate::protocol::cipher::{self, Variant};
use crate::protocol::{BannerTarget, ClientPacket, PacketType, ServerPacket, UserData};
use crate::store;

use super::accounts::NotTried;
use super::{BUSY, Challenged, MAX_TRIES, Phase, Secret, Session, Step, TOO_MANY, Work, challenge_packet};

/// The code of a refused sign-in (PROTOCOL 6.12).
const REFUSED: u16 = 0x63;
/// The nickname that asks to register (PROTOCOL 5.5).
const NEW_USER: &[u8] = b"newuser";
/// Challenges with which a password of any length stays clear of the two letters of the key text
/// that one client spells differently (ENCODING 2, 3.2).
const FIRST_CHALLENGE: u16 = 89;
const CHALLENGES: u16 = 226 - FIRST_CHALLENGE + 1;
/// The challenge of the mail setting in the user's data (ENCODING 6).
const MAIL_CHALLENGE: u16 = 25;

impl Session {
    pub(super) fn handle_signing_in(&mut self, packet: ClientPacket<'_>) -> Step {
        match packet {
            ClientPacket::ClientHello => self.greet(false),
            // 5.0 waits for an answer to this, of either kind (REAL-CLIENT, Login).
            ClientPacket::IntroduceUid(_) => self.greet(true),
            ClientPacket::GetUid(nickname) => return Step::Work(Work::UidLookup(nickname.to_vec())),
            ClientPacket::InitialStatus(wish) | ClientPacket::InitialStatus2(wish) => {
                self.send_challenge(wish.uid, wish.status);
            }
            ClientPacket::Login(login) => {
                let Phase::Challenged(state) = self.phase else {
                    self.context.metrics.packets_out_of_order.increment();
                    return Step::Continue;
                };
                let password = cipher::decode(Variant::One, state.challenge, &login.password_digits).ok();
                return Step::Work(Work::Login(login.uid, password.map(Secret)));
            }
            ClientPacket::RegistrationPt5(form) => {
                let password = cipher::decode(Variant::One, 0, &form.password_digits).ok();
                let (nickname, email) = (form.nickname.to_vec(), form.email.to_vec());
                return Step::Work(Work::Register(nickname, password.map(Secret), email));
            }
            _ => {}
        }
        Step::Continue
    }

    pub(super) async fn uid_lookup(&mut self, wanted: &[u8]) {
        let answer = |uid, nickname: &[u8]| ServerPacket::UidResponse(uid, nickname.into());
        if wanted.eq_ignore_ascii_case(NEW_USER) {
            return self.send(&answer(Some(Uid::NEW_USER), NEW_USER));
        }
        let unknown = answer(None, wanted);
        let Ok(nickname) = Nickname::built_in(wanted) else { return self.send(&unknown) };
        if !self.context.accounts.may_look_up(self.peer) {
            return self.refuse(PacketType::GET_UID, REFUSED, "Too many attempts. Please wait a minute.");
        }
        match self.context.store.read(move |reader| reader.account_by_name(&nickname.key())).await {
            Ok(Ok(Some(account))) => self.send(&answer(Some(account.uid), account.nickname.as_bytes())),
            Ok(Ok(None)) => self.send(&unknown),
            _ => self.refuse(PacketType::GET_UID, REFUSED, BUSY),
        }
    }

    /// Any uid gets a challenge: whether it exists is not to be learnt here.
    fn send_challenge(&mut self, uid: Uid, status: Option<u32>) {
        let state = match self.phase {
            // A repeated wish gets the same challenge (PROTOCOL 5.1).
            Phase::Challenged(state) if state.uid == uid => state,
            Phase::Challenged(state) => Challenged { uid, status, ..state },
            _ => {
                let Some(challenge) = fresh_challenge() else { return };
                Challenged { uid, challenge, status, tries: 0, registered: None }
            }
        };
        self.phase = Phase::Challenged(state);
        self.send(&ServerPacket::Challenge(challenge_packet(state.challenge)));
    }

    pub(super) async fn login(&mut self, uid: Uid, password: Option<Secret>) -> Option<CloseReason> {
        let Phase::Challenged(state) = self.phase else { return None };
        if uid == Uid::NEW_USER && state.uid == uid {
            self.refuse(PacketType::REGISTRATION_PT5, 1, "Please fill in the next pages to register.");
            return None;
        }
        // Whoever sends no readable password, or names another than he was challenged for, is turned away
        // after the same time.
        let known = (uid == state.uid && password.is_some()).then_some(uid);
        let password = password.map(|Secret(password)| password).unwrap_or_default();
        match self.context.accounts.sign_in(self.peer, known, password).await {
            Err(NotTried::TooMany) => {
                self.context.metrics.sign_ins_refused.increment();
                self.refuse(PacketType::LOGIN, REFUSED, TOO_MANY);
                None
            }
            Err(NotTried::Busy(_)) => {
                self.refuse(PacketType::LOGIN, REFUSED, BUSY);
                None
            }
            Ok(None) => self.wrong_password(state),
            Ok(Some(data)) => {
                self.enter(state, data).await;
                None
            }
        }
    }

    fn wrong_password(&mut self, state: Challenged) -> Option<CloseReason> {
        self.context.metrics.sign_ins_refused.increment();
        info!(uid = %state.uid, peer = %self.peer, "sign-in refused");
        self.refuse(PacketType::LOGIN, REFUSED, "The password you entered is incorrect.");
        let tries = state.tries + 1;
        self.phase = Phase::Challenged(Challenged { tries, ..state });
        (tries >= MAX_TRIES).then_some(CloseReason::LoginTries)
    }

    /// Hands the user over to the hub with everything a session begins with.
    async fn enter(&mut self, state: Challenged, data: store::SignIn) {
        let uid = state.uid;
        let account = data.account;
        let person = Person { uid, nickname: account.nickname };
        let people = |list: Vec<(Uid, Nickname)>| {
            list.into_iter().map(|(uid, nickname)| Person { uid, nickname }).collect()
        };
        let user_data = UserData {
            uid,
            nickname: account.nickname,
            first: Vec::new(),
            last: Vec::new(),
            email: to_cp1252(account.email.as_deref().unwrap_or_default()),
            staff: account.roles.is_staff(),
            privacy: account.privacy,
            random: false,
            offers: false,
            verified: true,
            paid: true,
            ei_digits: address_digits(self.local, state.challenge),
            smtp_digits: mail_digits(),
            ip: match self.peer.to_canonical() {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            },
        };
        let sign_in = SignIn {
            nothing_as_of: data.as_of.filter(|_| data.offline == 0),
            person,
            dialect: self.dialect,
            roles: account.roles,
            privacy: account.privacy,
            // An odd wish is no reason to refuse the sign-in.
            status: state.status.and_then(Status::from_wire).unwrap_or_default(),
            pals: people(data.pals),
            blocks: people(data.blocks),
            age_verified: account.age_verified,
            peer: self.peer,
            local: self.local,
            greeting: vec![
                ServerPacket::LoginSuccess,
                ServerPacket::UserData(Box::new(user_data)),
                ServerPacket::BannerInterval(BannerTarget::Im, 0x7fff),
                ServerPacket::BannerInterval(BannerTarget::Room, 0x7fff),
            ],
        };
        self.phase = Phase::Online { uid, reset: None };
        let envelope = Envelope {
            conn: self.conn,
            command: Command::SignIn(Box::new(sign_in)),
            outbox: Some(self.outbox.clone()),
        };
        self.context.hub.send(envelope).await;
    }
}

/// An unpredictable challenge; `None` if the system gives no random numbers.
pub(super) fn fresh_challenge() -> Option<u16> {
    let random = getrandom::u32().ok()?;
    // 138 does not divide 2^32, but the difference in probability is below 2^-24.
    Some(FIRST_CHALLENGE + (random % u32::from(CHALLENGES)) as u16)
}

/// The server's address as the client wants it in its data: decimal, encoded (PROTOCOL 6.16).
fn address_digits(address: Ipv4Addr, challenge: u16) -> Vec<u8> {
    let decimal = address.to_bits().to_string();
    cipher::encode(Variant::One, challenge, decimal.as_bytes(), 0).unwrap_or_default()
}

/// A mail server that is none: the key must be there and not empty, or 5.0 dies (REAL-CLIENT, Login).
fn mail_digits() -> Vec<u8> {
    cipher::encode(Variant::Two, MAIL_CHALLENGE, b"0.0.0.0:25:none:none", 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_stay_in_their_range() {
        for _ in 0..2000 {
            let challenge = fresh_challenge().unwrap();
            assert!((89..=226).contains(&challenge));
        }
    }

    #[test]
    fn the_address_reads_back() {
        let digits = address_digits(Ipv4Addr::new(10, 77, 0, 1), 100);
        let decoded = cipher::decode(Variant::One, 100, &digits).unwrap();
        assert_eq!(decoded.as_slice(), b"172818433");
    }
}
