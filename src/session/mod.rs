//! One connection as a conversation: signing in, then requests on behalf of a user.
//!
//! [`Session::accept`] takes one packet. Most packets are dealt with at once: they become a
//! [`Command`] for the hub or an answer in the outbox. What has to wait for the store, for a
//! password hash or for room at the hub comes back as [`Work`], which owns what it needs and is done
//! by [`Session::perform`] before the connection reads on. So a connection's requests take effect in
//! the order in which they were sent, and an idle connection owns next to nothing.

pub mod accounts;
mod hashing;
mod online;
mod people;
mod register;
mod sign_in;
pub mod table;
pub mod throttle;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::runtime::Handle;
use tracing::debug;
use zeroize::Zeroizing;

use crate::hub::actor::{Envelope, HubHandle};
use crate::hub::{Command, ConnId, DirectoryCommand, Person, RoomCommand};
use crate::link::Outbox;
use crate::metrics::Metrics;
use crate::model::{CloseReason, RoomId, Uid, to_cp1252};
use crate::protocol::cipher::CodebookSeed;
use crate::protocol::frame::Frame;
use crate::protocol::{Challenge, ClientPacket, Dialect, PacketType, ServerPacket};
use crate::store::Store;

use accounts::Accounts;
use table::{Answer, Stage};

/// What a user reads when the store or the hashing has too much to do.
const BUSY: &str = "The server is busy. Please try again in a moment.";
/// What a user reads from whose address too many wrong passwords came.
const TOO_MANY: &str = "Too many wrong passwords. Please wait a minute.";
/// Wrong passwords on one connection before it is closed (PROTOCOL 5.3).
const MAX_TRIES: u8 = 5;

/// What all sessions share.
pub struct Context {
    /// Where accounts are.
    pub store: Store,
    /// Where live state is.
    pub hub: HubHandle,
    /// The gate to accounts.
    pub accounts: Accounts,
    /// The counters.
    pub metrics: Arc<Metrics>,
}

/// One connection's conversation.
pub struct Session {
    context: Arc<Context>,
    conn: ConnId,
    outbox: Arc<Outbox>,
    peer: IpAddr,
    /// The address by which the client reached the server.
    local: Ipv4Addr,
    dialect: Dialect,
    phase: Phase,
    /// Whom the user put on a list on this connection, as far as the client gets whole lists: the
    /// store may not have them yet when the next list is made.
    named: Vec<Person>,
}

/// How far the conversation has come.
#[derive(Debug, Default)]
enum Phase {
    /// Nothing was said yet.
    #[default]
    Silent,
    /// The client has spoken.
    Greeted,
    /// A challenge is out.
    Challenged(Challenged),
    /// Signed in.
    Online {
        uid: Uid,
        /// The challenge of a password change that was asked for.
        reset: Option<u16>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Challenged {
    uid: Uid,
    challenge: u16,
    status: Option<u32>,
    tries: u8,
    /// The account that was made on this connection; the client still has to sign in to it.
    registered: Option<Uid>,
}

/// What to do after a packet.
#[derive(Debug)]
pub enum Step {
    /// Go on with the next one.
    Continue,
    /// Do this first.
    Work(Work),
    /// The conversation is over.
    Close(CloseReason),
}

/// Something a packet asks for that cannot be done at once.
#[derive(Debug)]
pub enum Work {
    /// The hub has no room for a command.
    Send(Command),
    /// Which uid has this nickname?
    UidLookup(Vec<u8>),
    /// Is this the password? `None` if what was sent cannot be decoded.
    Login(Uid, Option<Secret>),
    /// Make an account.
    Register(Vec<u8>, Option<Secret>, Vec<u8>),
    /// Keep a password hint: of whom, question, hint.
    Hint(Uid, u16, Vec<u8>),
    /// Change the password from, to.
    NewPassword(Option<Secret>, Option<Secret>),
    /// Find users: by exact name, or by the beginning of it.
    Search(Vec<u8>, bool),
    /// Who is this?
    UserInfo(Uid),
    /// Put this user on the pal list.
    AddPal(Uid),
    /// Block or unblock this user.
    SetBlock(Uid, bool),
    /// Send the privacy setting and the block list.
    BlockList,
    /// Keep this user out of a room for good.
    BanUser(RoomId, Uid),
    /// Keep the user with this nickname out of a room for good.
    BanNick(RoomId, Vec<u8>),
}

/// A decoded password; wiped when dropped, and not shown.
pub struct Secret(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Session {
    /// A conversation over a new connection from `peer`, which reached the server at `local`.
    pub fn new(
        context: Arc<Context>,
        conn: ConnId,
        outbox: Arc<Outbox>,
        peer: IpAddr,
        local: Ipv4Addr,
    ) -> Session {
        let (dialect, phase) = (Dialect::V50, Phase::default());
        Session { context, conn, outbox, peer, local, dialect, phase, named: Vec::new() }
    }

    /// Whether the client has not said anything yet.
    pub fn is_silent(&self) -> bool {
        matches!(self.phase, Phase::Silent)
    }

    /// Whether the user is signed in.
    pub fn is_online(&self) -> bool {
        matches!(self.phase, Phase::Online { .. })
    }

    /// Whether somebody sits before a dialog of the client: after a wrong password, or while
    /// filling in the registration form.
    pub fn is_at_dialog(&self) -> bool {
        matches!(&self.phase, Phase::Challenged(state) if state.tries > 0 || state.uid == Uid::NEW_USER)
    }

    /// Speaks first, for clients that wait for it (PROTOCOL 5.1).
    pub fn greet(&mut self, negative: bool) {
        self.send(if negative { &ServerPacket::HelloNegative } else { &ServerPacket::Hello });
    }

    /// Takes one packet.
    pub fn accept(&mut self, frame: Frame<'_>) -> Step {
        let metrics = &self.context.metrics;
        metrics.packets_in.increment();
        if !self.is_online() {
            self.dialect = Dialect::from_version(frame.version);
        }
        if self.is_silent() {
            self.phase = Phase::Greeted;
        }
        let packet_type = frame.packet_type;
        let row = table::row(packet_type);
        let stage = if self.is_online() { Stage::Online } else { Stage::SigningIn };
        if !row.accepts(stage) {
            self.context.metrics.packets_out_of_order.increment();
            debug!(conn = ?self.conn, %packet_type, ?stage, "packet out of order");
            return Step::Continue;
        }
        let packet = match ClientPacket::parse(packet_type, self.dialect, frame.payload) {
            Ok(packet) => packet,
            Err(error) => {
                self.context.metrics.packets_malformed.increment();
                debug!(conn = ?self.conn, %packet_type, %error, "malformed packet");
                return Step::Continue;
            }
        };
        match row.answer {
            Answer::Handle => self.handle(packet),
            Answer::Ignore => {
                if let ClientPacket::Unknown { packet_type, len } = packet {
                    self.context.metrics.packets_unknown.increment();
                    debug!(conn = ?self.conn, %packet_type, len, "unknown packet");
                }
                Step::Continue
            }
            Answer::DeclineCall => {
                if let ClientPacket::VideoCallInit(call) = packet {
                    self.send(&ServerPacket::VideoCallRejected(call.peer));
                }
                Step::Continue
            }
        }
    }

    fn handle(&mut self, packet: ClientPacket<'_>) -> Step {
        match packet {
            ClientPacket::ClientDisconnect => Step::Close(CloseReason::ClientLeft),
            ClientPacket::PasswordHint(hint) => self.password_hint(hint),
            packet if self.is_online() => self.handle_online(packet),
            packet => self.handle_signing_in(packet),
        }
    }

    /// Does what a packet asked for; the connection reads on afterwards. Returns why the connection
    /// has to end, if it has to.
    pub async fn perform(&mut self, work: Work) -> Option<CloseReason> {
        match work {
            Work::Send(command) => self.command(command).await,
            Work::UidLookup(nickname) => self.uid_lookup(&nickname).await,
            Work::Login(uid, password) => return self.login(uid, password).await,
            Work::Register(nickname, password, email) => self.register(&nickname, password, &email).await,
            Work::Hint(uid, question, hint) => self.store_hint(uid, question, hint).await,
            Work::NewPassword(old, new) => self.new_password(old, new).await,
            Work::Search(name, exact) => self.search(&name, exact).await,
            Work::UserInfo(uid) => self.user_info(uid).await,
            Work::AddPal(uid) => self.add_pal(uid).await,
            Work::SetBlock(uid, blocked) => self.set_block(uid, blocked).await,
            Work::BlockList => self.block_list().await,
            Work::BanUser(room, uid) => self.ban_user(room, uid).await,
            Work::BanNick(room, nickname) => self.ban_nick(room, &nickname).await,
        }
        None
    }

    /// Ends the conversation: the hub forgets the user.
    pub async fn end(&mut self) {
        if self.is_online() {
            self.command(Command::Disconnect).await;
            self.phase = Phase::Greeted;
        }
    }

    fn send(&self, packet: &ServerPacket) {
        let mut bytes = Vec::new();
        packet.encode(self.dialect, &mut bytes);
        self.outbox.send(&bytes);
    }

    fn refuse(&self, request: PacketType, code: u16, text: &str) {
        self.send(&ServerPacket::ReturnCode { request, code, data: to_cp1252(text) });
    }

    fn to_hub(&self, command: Command) -> Step {
        let envelope = Envelope { conn: self.conn, command, outbox: None };
        match self.context.hub.try_send(envelope) {
            Ok(()) => Step::Continue,
            Err(envelope) => Step::Work(Work::Send(envelope.command)),
        }
    }

    fn directory(&self, command: DirectoryCommand) -> Step {
        self.to_hub(Command::Directory(command))
    }

    fn room(&self, room: RoomId, command: RoomCommand) -> Step {
        self.to_hub(Command::Room(room, command))
    }

    async fn command(&self, command: Command) {
        self.context.hub.send(Envelope { conn: self.conn, command, outbox: None }).await;
    }

    fn uid(&self) -> Option<Uid> {
        match self.phase {
            Phase::Online { uid, .. } => Some(uid),
            _ => None,
        }
    }
}

impl Drop for Session {
    /// A task that panicked must not leave a ghost behind, however busy the hub is.
    fn drop(&mut self) {
        if !self.is_online() {
            return;
        }
        let envelope = Envelope { conn: self.conn, command: Command::Disconnect, outbox: None };
        // Without a runtime the process is about to end.
        if let (Err(envelope), Ok(runtime)) = (self.context.hub.try_send(envelope), Handle::try_current()) {
            let hub = self.context.hub.clone();
            runtime.spawn(async move { hub.send(envelope).await });
        }
    }
}

fn challenge_packet(challenge: u16) -> Challenge {
    // The filler is read by nobody; these digits are the recorded ones.
    Challenge { filler: *b"1234", challenge, codebook: CodebookSeed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::actor::Hub;
    use crate::hub::{Feed, State};
    use crate::store::StoreOptions;

    #[tokio::test]
    async fn who_is_gone_is_no_ghost_though_the_hub_has_no_room_for_the_word() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let (mut hub, handle) = Hub::new(State::default(), store.clone(), Arc::default(), None);
        let gone = |slot| ConnId { slot, generation: 1 };
        let word = || Envelope { conn: gone(1), command: Command::Disconnect, outbox: None };
        while handle.try_send(word()).is_ok() {}
        let accounts = Accounts::new(store.clone(), Vec::new(), Feed::new(1));
        let context = Arc::new(Context { store, hub: handle, accounts, metrics: Arc::default() });
        let here = Ipv4Addr::LOCALHOST;
        let mut session = Session::new(context, gone(2), Outbox::new(1000), here.into(), here);
        session.phase = Phase::Online { uid: Uid::FIRST_PERSON, reset: None };
        drop(session);
        // Nobody else can say anything any more: it comes, or the hub ends.
        while hub.received().await.conn != gone(2) {}
    }
}
