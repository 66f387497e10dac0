//! However somebody comes out of a room, his voice ends there.

use paltalkd::model::{CloseReason, Role};
use socket2::SockRef;

use super::*;

/// A voice room of one's own; returns the room.
fn open_room(chat: &mut Client, name: &str) -> u32 {
    let mut wish = b"\x00\x03\x00\x00\x75\x32\x00\x00\x08\x2aG".to_vec();
    wish.extend(name.bytes());
    chat.send(0xfed4, &wish);
    let room = chat.expect(0x0136).u32(0);
    chat.expect(0x013b);
    room
}

/// A room with its owner and a listener, who stay, and two who will not.
struct Stage {
    room: u32,
    owner: Talker,
    witness: Talker,
    tim: Talker,
    uli: UdpTalker,
}

fn stage(server: &Server, name: &str) -> Stage {
    // He talks more than people do.
    let owner = server.account_with(&format!("O{name}"), &[Role::Trusted]);
    let mut owner = server.sign_in(owner);
    let room = open_room(&mut owner, name);
    let owner = with_voice(server, room, owner);
    let witness = talker_in(server, room, &format!("W{name}"));
    let tim = talker_in(server, room, &format!("T{name}"));
    let uli = udp_talker_in(server, room, &format!("U{name}"));
    wait_for_silence(server);
    Stage { room, owner, witness, tim, uli }
}

impl Stage {
    /// Both who were to go are out: nothing is taken from them and nothing sent to them.
    fn are_out(&mut self, server: &Server) {
        let Stage { room, owner, witness, tim, uli } = self;
        assert!(is_closed(&mut tim.voice));
        server.wait_for("the end of both", |it| {
            let activity = voice(it).room_activity(RoomId(*room)).unwrap();
            (activity.tcp_listeners, activity.udp_listeners) == (2, 0)
        });
        for listener in [&mut owner.voice, &mut witness.voice] {
            forget(listener);
        }
        uli.forget();
        self.are_not_heard(server);
        let Stage { owner, witness, uli, .. } = self;
        let before = voice(server).counters().forwarded.get();
        let speech = recorded(owner.uid);
        owner.says(&speech[..5]);
        witness.hears(&speech[..5]);
        server.wait_for("counting", |it| voice(it).counters().forwarded.get() >= before + 5);
        assert_eq!(voice(server).counters().forwarded.get(), before + 5, "to the witness alone");
        uli.hears_nothing();
    }

    fn are_not_heard(&mut self, server: &Server) {
        let (forwarded, strangers) =
            (voice(server).counters().forwarded.get(), dropped(server, Dropped::Stranger));
        self.uli.says(server, &recorded(self.uli.uid)[1..4]);
        server.wait_for("the drops", |it| dropped(it, Dropped::Stranger) == strangers + 3);
        let refused = voice(server).connections().refused.get();
        let mut again = connect_from(Ipv4Addr::LOCALHOST, tcp(server));
        again.write_all(&opening(self.room, self.tim.uid)).unwrap();
        assert!(is_closed(&mut again));
        assert_eq!(voice(server).connections().refused.get(), refused + 1);
        assert_eq!(voice(server).counters().forwarded.get(), forwarded);
    }
}

#[test]
fn put_out_by_an_admin() {
    let server = start();
    for (name, kind) in [("Bounce", 0xfe84), ("Ban", 0xfc68)] {
        let mut stage = stage(&server, name);
        for uid in [stage.tim.uid, stage.uli.uid] {
            stage.owner.chat.send_u32(kind, &[stage.room, uid.0]);
        }
        assert_eq!(stage.tim.chat.expect(0x017c).u32(0), stage.room);
        assert_eq!(stage.uli.chat.expect(0x017c).u32(0), stage.room);
        stage.are_out(&server);
        // His client says that it has left, and tries to come back.
        stage.tim.chat.send_u32(0xfec0, &[stage.room]);
        stage.tim.chat.ask_to_join(stage.room, "");
        assert!(!kinds(&stage.tim.chat.sync()).contains(&0x013b), "{name}");
        stage.are_not_heard(&server);
    }
    assert_eq!(voice(&server).connections().brought_back.get(), 0);
}

#[test]
fn the_room_is_closed() {
    let server = start();
    let mut stage = stage(&server, "Close");
    stage.owner.chat.send_u32(0xfc54, &[stage.room]);
    for stream in [&mut stage.owner.voice, &mut stage.witness.voice, &mut stage.tim.voice] {
        assert!(is_closed(stream));
    }
    server.wait_for("the end", |it| voice(it).room_activity(RoomId(stage.room)).is_none());
    stage.uli.forget();
    stage.are_not_heard(&server);
    stage.uli.hears_nothing();
    assert_eq!(voice(&server).connections().brought_back.get(), 0);
}

#[test]
fn signed_in_elsewhere() {
    let server = start();
    let mut stage = stage(&server, "Replace");
    let _again = [server.sign_in(stage.tim.uid), server.sign_in(stage.uli.uid)];
    stage.are_out(&server);
}

#[test]
fn left_and_gone_in_good_order_or_without_a_word() {
    let server = start();
    let mut leaving = stage(&server, "Leave");
    leaving.tim.chat.send_u32(0xfec0, &[leaving.room]);
    leaving.uli.chat.send_u32(0xfec0, &[leaving.room]);
    leaving.are_out(&server);

    let mut gone = stage(&server, "Close");
    for chat in [&gone.tim.chat, &gone.uli.chat] {
        chat.stream().shutdown(std::net::Shutdown::Both).unwrap();
    }
    gone.are_out(&server);

    // An error on the chat socket is also how the kernel reports that nobody answers any more.
    let mut reset = stage(&server, "Reset");
    for chat in [&mut reset.tim.chat, &mut reset.uli.chat] {
        let other = server.connect();
        let chat = std::mem::replace(chat, other);
        SockRef::from(chat.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    }
    reset.are_out(&server);
}

#[test]
fn closed_because_he_reads_no_more() {
    let server = start_with(|config| config.limits.outbox = Some(64 << 10));
    let mut stage = stage(&server, "Unread");
    let line = "xy".repeat(2000);
    for round in 0.. {
        if server.metrics().closed_for(CloseReason::SlowReader) == 2 {
            break;
        }
        assert!(round < 1000, "they are not closed");
        for _ in 0..8 {
            stage.owner.chat.say(stage.room, &line);
        }
        stage.owner.chat.sync();
        stage.witness.chat.sync();
    }
    stage.are_out(&server);
}
