//! Making an account and changing its password from the client (REAL-CLIENT, Registration,
//! Password and profile).

use tracing::info;

use crate::model::{Uid, from_cp1252, is_email, sentence};
use crate::protocol::cipher::{self, Variant};
use crate::protocol::{Dialect, NewPassword, PacketType, PasswordHint, ServerPacket};
use crate::store::{Change, Hint};

use super::accounts::{NotTried, RegisterError};
use super::sign_in::fresh_challenge;
use super::{BUSY, Challenged, Phase, Secret, Session, Step, TOO_MANY, Work, challenge_packet};

/// The name is taken; the data is another one (PROTOCOL 6.12).
const NAME_IN_USE: u16 = 0x63;
/// Any other reason; the text is shown.
const REFUSED: u16 = 1;
/// A password change that cannot be decoded (PROTOCOL 5.7).
const UNDECODABLE: u16 = 0xffff;
/// The longest hint that is kept, in bytes.
const MAX_HINT: usize = 200;
/// 5.0 was seen to be content with this challenge for password changes; others get a fresh one.
const RESET_CHALLENGE_5_0: u16 = 42;

impl Session {
    pub(super) async fn register(&mut self, nickname: &[u8], password: Option<Secret>, email: &[u8]) {
        let request = PacketType::REGISTRATION_PT5;
        // Wrong passwords on this connection are not forgotten for a registration.
        let tries = match self.phase {
            // A form sent twice makes one account.
            Phase::Challenged(state) if state.registered.is_some() => return,
            Phase::Challenged(state) => state.tries,
            _ => 0,
        };
        let Some(Secret(password)) = password else {
            return self.refuse(request, REFUSED, "The password could not be read.");
        };
        let email = Some(from_cp1252(email)).filter(|email| is_email(email));
        let (uid, nickname) = match self.context.accounts.register(nickname, password, email, self.peer).await
        {
            Ok(created) => created,
            Err(RegisterError::Taken { suggestion }) => {
                let data = suggestion.as_bytes().into();
                return self.send(&ServerPacket::ReturnCode { request, code: NAME_IN_USE, data });
            }
            Err(error) => return self.refuse(request, REFUSED, &sentence(&error.to_string())),
        };
        self.context.metrics.registrations.increment();
        info!(%uid, ?nickname, peer = %self.peer, "registered from the client");
        let Some(challenge) = fresh_challenge() else { return };
        self.phase =
            Phase::Challenged(Challenged { uid, challenge, status: None, tries, registered: Some(uid) });
        let data = uid.0.to_be_bytes().to_vec();
        self.send(&ServerPacket::ReturnCode { request, code: 0, data });
        // 5.0 sends the hint at once and was recorded to get this after it; 5.1 waits for it.
        if self.dialect != Dialect::V50 {
            self.send(&ServerPacket::SendLogin(challenge_packet(challenge)));
        }
    }

    /// Question and hint, after a registration and after a password change.
    pub(super) fn password_hint(&mut self, packet: PasswordHint<'_>) -> Step {
        let uid = match self.phase {
            // The hint is for the account made here, whoever the client says it is by now.
            Phase::Challenged(Challenged { registered: Some(uid), challenge, .. }) => {
                if self.dialect == Dialect::V50 {
                    self.send(&ServerPacket::SendLogin(challenge_packet(challenge)));
                }
                uid
            }
            Phase::Online { uid, .. } => uid,
            _ => return Step::Continue,
        };
        // The answer to the question would be a second password; nothing asks for it, so it is not kept.
        let hint = packet.hint.iter().copied().take(MAX_HINT).collect();
        Step::Work(Work::Hint(uid, packet.question, hint))
    }

    pub(super) async fn store_hint(&mut self, uid: Uid, question: u16, text: Vec<u8>) {
        let hint = (!text.is_empty()).then_some(Hint { question, text });
        // A hint has no answer; if the store fails, the process ends anyway.
        _ = self.context.store.commit(Change::SetHint { uid, hint }).await;
    }

    pub(super) fn password_reset_request(&mut self) -> Step {
        let challenge =
            if self.dialect == Dialect::V50 { Some(RESET_CHALLENGE_5_0) } else { fresh_challenge() };
        if let Phase::Online { reset, .. } = &mut self.phase {
            *reset = challenge;
        }
        if let Some(challenge) = challenge {
            self.send(&ServerPacket::ResetPassword(challenge));
        }
        Step::Continue
    }

    pub(super) fn new_password_packet(&mut self, packet: NewPassword<'_>) -> Step {
        let Phase::Online { uid, reset, .. } = self.phase else { return Step::Continue };
        if packet.uid != uid {
            self.context.metrics.packets_malformed.increment();
            self.refuse(PacketType::NEW_PASSWORD, UNDECODABLE, "Only your own password can be changed.");
            return Step::Continue;
        }
        let old = if self.dialect == Dialect::V50 {
            cipher::decode_without_key_text(&packet.old_digits)
        } else {
            cipher::decode(Variant::One, reset.unwrap_or_default(), &packet.old_digits)
        };
        let new = cipher::decode(Variant::One, 0, &packet.new_digits);
        Step::Work(Work::NewPassword(old.ok().map(Secret), new.ok().map(Secret)))
    }

    pub(super) async fn new_password(&mut self, old: Option<Secret>, new: Option<Secret>) {
        let request = PacketType::NEW_PASSWORD;
        let Some(uid) = self.uid() else { return };
        let (Some(Secret(old)), Some(Secret(new))) = (old, new) else {
            return self.refuse(request, UNDECODABLE, "The password could not be read.");
        };
        match self.context.accounts.verify(self.peer, uid, old).await {
            Ok(true) => {}
            Ok(false) => return self.refuse(request, REFUSED, "The old password is not correct."),
            Err(NotTried::TooMany) => return self.refuse(request, REFUSED, TOO_MANY),
            Err(NotTried::Busy(_)) => return self.refuse(request, REFUSED, BUSY),
        }
        let hash = match self.context.accounts.hash(new).await {
            Ok(hash) => hash,
            Err(error) => return self.refuse(request, REFUSED, &sentence(&error.to_string())),
        };
        match self.context.store.commit(Change::SetPassword { uid, hash }).await {
            Ok(_) => self.send(&ServerPacket::ReturnCode { request, code: 0, data: Vec::new() }),
            Err(_) => self.refuse(request, REFUSED, BUSY),
        }
    }
}
