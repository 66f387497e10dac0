//! Order in rooms: who may do what, hands, microphones, red dots, admins, topics.

use super::club::*;
use super::*;

#[test]
fn only_those_with_the_right_may_do_it() {
    let mut club = Club::new();
    let uid = person(GUEST).uid;
    let admin_commands: [fn(Uid) -> RoomCommand; 14] = [
        |_| RoomCommand::LowerAllHands,
        |_| RoomCommand::SetAllMics(true),
        |_| RoomCommand::NewUserMic(false),
        |uid| RoomCommand::RedDot { uid, on: true },
        |uid| RoomCommand::RedDot { uid, on: false },
        |_| RoomCommand::RedDotTakesText(true),
        |_| RoomCommand::RedDotTakesVideo(true),
        |_| RoomCommand::SetTopic(b"New".to_vec()),
        |_| RoomCommand::LetIn { kind: ExclusionKind::Ban, uid: None },
        |_| RoomCommand::AdminInfo,
        |uid| RoomCommand::Ban { target: Person { uid, ..person(GUEST) }, staff: false },
        RoomCommand::Bounce,
        |uid| RoomCommand::SetAdmin { uid, on: true },
        |_| RoomCommand::Close,
    ];
    let (outsider, _) = club.world.sign_in(9, &[]);
    for command in admin_commands {
        assert!(club.act(outsider, command(uid)).is_empty(), "{:?}", command(uid));
        let effects = club.act(club.guest, command(uid));
        assert_eq!(effects.len(), 1, "{:?}", command(uid));
        assert!(refused(&effects, club.guest).unwrap().starts_with("Only "), "{:?}", command(uid));
    }
    let effects = club.act(club.admin, RoomCommand::SetAdmin { uid, on: true });
    assert!(refused(&effects, club.admin).unwrap().contains("owner"));
    let effects = club.act(club.admin, say("/c 1"));
    assert!(refused(&effects, club.admin).unwrap().contains("owner"));
}

#[test]
fn nobody_acts_against_his_like_or_those_above() {
    let people = |club: &Club| [club.guest, club.admin, club.owner, club.staff];
    let numbers = [GUEST, ADMIN, OWNER, STAFF];
    for (actor, &by) in numbers.iter().enumerate().skip(1) {
        for (target, &whom) in numbers.iter().enumerate() {
            let uid = person(whom).uid;
            let mut club = Club::new();
            let conn = people(&club)[actor];
            club.act(conn, RoomCommand::RedDot { uid, on: true });
            assert_eq!(club.member(whom).unwrap().red_dot, actor > target, "{by} against {whom}");
            for ban in [false, true] {
                let mut club = Club::new();
                let conn = people(&club)[actor];
                let command = if ban {
                    RoomCommand::Ban { target: person(whom), staff: whom == STAFF }
                } else {
                    RoomCommand::Bounce(uid)
                };
                let effects = club.act(conn, command);
                assert_eq!(club.member(whom).is_none(), actor > target, "{by} against {whom}");
                assert_eq!(refused(&effects, conn).is_none(), actor > target);
            }
        }
    }
}

#[test]
fn hands_go_up_and_down_for_all_to_see() {
    let mut club = Club::new();
    let uid = person(GUEST).uid;
    let effects = club.act(club.guest, RoomCommand::Hand(true));
    assert!(
        matches!(effects[..], [Effect::ToRoom { except: None, packet: ServerPacket::RoomUserHandUp(ROOM, who), .. }] if who == uid)
    );
    assert!(club.act(club.guest, RoomCommand::Hand(true)).is_empty(), "it is up already");
    let effects = club.act(club.owner, RoomCommand::Members);
    assert!(
        matches!(sent_to(&effects, club.owner)[0], ServerPacket::RoomUserList(_, users) if users[0].hand)
    );
    let effects = club.act(club.guest, RoomCommand::Hand(false));
    assert!(matches!(effects[..], [Effect::ToRoom { except: None, .. }]));
    club.act(club.guest, RoomCommand::Hand(true));
    let effects = club.act(club.admin, RoomCommand::LowerAllHands);
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomUserHandDown(ROOM, Uid::EVERYBODY)]));
    assert!(!club.member(GUEST).unwrap().hand);
    // 7.0 would answer for ever.
    let (seven, _) = club.world.sign_in_with(7, &[], |sign_in| sign_in.dialect = Dialect::V7);
    club.world.join(seven, ROOM);
    club.act(seven, RoomCommand::Hand(true));
    let effects = club.act(seven, RoomCommand::Hand(false));
    assert!(matches!(effects[..], [Effect::ToRoom { except: Some(conn), .. }] if conn == seven));
}

#[test]
fn microphones_and_red_dots_agree_with_the_brick_wall() {
    let mut club = Club::new();
    let uid = person(GUEST).uid;
    let effects = club.act(club.admin, RoomCommand::RedDot { uid, on: true });
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomUserReddotOn(ROOM, who)] if *who == uid));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(ROOM))));
    assert!(!club.member(GUEST).unwrap().may_speak());
    // All microphones on: the client takes the wall away, so he is told again.
    let effects = club.act(club.admin, RoomCommand::SetAllMics(true));
    assert!(
        matches!(to_room(&effects)[..], [ServerPacket::RoomMicsChanged(ROOM, true, by), ServerPacket::RoomUserReddotOn(_, who)] if *who == uid && *by == person(ADMIN).uid)
    );
    let effects = club.act(club.admin, RoomCommand::SetAllMics(false));
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomMicsChanged(ROOM, false, _)]));
    assert!(club.member(ADMIN).unwrap().may_speak(), "admins keep theirs");
    // Taking the dot off gives the microphone, too: that is how one is let speak.
    let effects = club.act(club.admin, RoomCommand::RedDot { uid, on: false });
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomUserReddotOff(..)]));
    assert!(club.member(GUEST).unwrap().may_speak());
    // Everybody: one for each who is no admin.
    let (other, _) = club.world.sign_in(8, &[]);
    club.world.join(other, ROOM);
    let effects = club.act(club.owner, RoomCommand::RedDot { uid: Uid::EVERYBODY, on: true });
    assert_eq!(to_room(&effects).len(), 2);
    let effects = club.act(club.owner, RoomCommand::RedDot { uid: Uid::EVERYBODY, on: false });
    assert_eq!(to_room(&effects).len(), 2);
}

#[test]
fn a_red_dot_is_not_lost_by_leaving_and_newcomers_begin_as_the_room_says() {
    let mut club = Club::new();
    club.act(club.admin, RoomCommand::RedDot { uid: person(GUEST).uid, on: true });
    club.act(club.guest, RoomCommand::Leave);
    let effects = club.world.join(club.guest, ROOM);
    assert!(
        matches!(&to_room(&effects)[..], [ServerPacket::RoomUserJoined(_, user)] if !user.mic),
        "{effects:?}"
    );
    let effects = club.act(club.admin, RoomCommand::NewUserMic(false));
    assert!(matches!(commits(&effects)[..], [Change::PutRoom(room)] if !room.new_user_mic));
    assert!(commits(&club.act(club.admin, RoomCommand::NewUserMic(false))).is_empty());
    let (other, _) = club.world.sign_in(8, &[]);
    club.world.join(other, ROOM);
    assert!(!club.member(8).unwrap().may_speak());
    let grant = RoomCommand::SetAdmin { uid: person(8).uid, on: true };
    let effects = club.act(club.owner, grant);
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomUserReddotOff(..)]));
    assert!(club.member(8).unwrap().may_speak());
}

#[test]
fn a_red_dot_can_take_away_text() {
    let mut club = Club::new();
    club.act(club.admin, RoomCommand::RedDot { uid: person(GUEST).uid, on: true });
    assert_eq!(to_room(&club.act(club.guest, say("hello"))).len(), 1, "voice only");
    let effects = club.act(club.admin, RoomCommand::RedDotTakesText(true));
    assert!(matches!(commits(&effects)[..], [Change::PutRoom(room)] if room.reddot_text));
    for text in ["hello", "/w User2: hello", "<pb>hello</pb>"] {
        let effects = club.act(club.guest, say(text));
        assert!(to_room(&effects).is_empty() && sent_to(&effects, club.owner).is_empty(), "{text}");
        assert!(matches!(
            sent_to(&effects, club.guest)[..],
            [ServerPacket::RoomMessageIn(_, Uid::SYSTEM, _)]
        ));
    }
    assert_eq!(to_room(&club.act(club.owner, say("hello"))).len(), 1);
}

#[test]
fn admins_come_and_go_in_the_form_each_client_knows() {
    let mut club = Club::new();
    let uid = person(GUEST).uid;
    let (later, _) = club.world.sign_in_with(8, &[], |sign_in| sign_in.dialect = Dialect::V8);
    club.world.join(later, ROOM);
    let effects = club.act(club.owner, RoomCommand::SetAdmin { uid, on: true });
    let own: Vec<PacketType> =
        sent_to(&effects, club.guest).iter().map(|packet| packet.packet_type()).collect();
    assert_eq!(own, [PacketType::ROOM_ADMIN_GRANTED, PacketType::ROOM_ADMIN_STATUS]);
    assert!(
        matches!(sent_to(&effects, club.admin)[..], [ServerPacket::RoomAdminStatus(ROOM, who, true)] if *who == uid)
    );
    assert!(
        matches!(sent_to(&effects, later)[..], [ServerPacket::RoomUserList(_, users)] if users.len() == 1 && users[0].admin)
    );
    assert!(club.act(club.owner, RoomCommand::SetAdmin { uid, on: true }).is_empty());
    let effects = club.act(club.owner, say("/operator user1 off"));
    assert!(matches!(sent_to(&effects, club.guest)[..], [ServerPacket::RoomAdminStatus(_, _, false)]));
    assert!(!club.member(GUEST).unwrap().admin);
    let effects = club.act(club.staff, say("/o User2 off"));
    assert!(refused(&effects, club.staff).is_some(), "owners remain admins");
    // For this visit only.
    club.act(club.admin, RoomCommand::Leave);
    club.world.join(club.admin, ROOM);
    assert!(!club.member(ADMIN).unwrap().admin);
}

#[test]
fn topics_are_one_line_and_stay() {
    let mut club = Club::new();
    let effects = club.act(club.admin, RoomCommand::SetTopic(b"Hello\nthere \x01 ".to_vec()));
    assert!(matches!(commits(&effects)[..], [Change::PutRoom(room)] if room.topic == b"Hello there"));
    assert!(
        matches!(to_room(&effects)[..], [ServerPacket::RoomTopic(ROOM, by, topic)] if *by == person(ADMIN).uid && topic == b"Hello there")
    );
    let effects = club.act(club.admin, say("<pfont color=\"#0\">/topic The <b>end</pfont>"));
    assert!(
        matches!(to_room(&effects)[..], [ServerPacket::RoomTopic(_, _, topic)] if topic == b"The <b>end")
    );
    assert!(refused(&club.act(club.guest, say("/t mine")), club.guest).is_some());
    let effects = club.act(club.admin, RoomCommand::SetTopic(b"x-".repeat(2000)));
    assert!(matches!(to_room(&effects)[..], [ServerPacket::RoomTopic(_, _, topic)] if topic.len() == 255));
}

#[test]
fn whom_one_ignores_or_blocks_one_does_not_hear() {
    let mut club = Club::new();
    let hears = |club: &mut Club| {
        let effects = club.act(club.guest, say("hello"));
        effects.iter().any(|effect| match effect {
            Effect::ToRoom { .. } => true,
            Effect::ToMany { to, .. } => to.contains(&club.admin),
            _ => false,
        })
    };
    assert!(hears(&mut club));
    for (ignore, listen) in [("/i User1", "/i user1 off"), ("/ignore USER1 on", "/ignore User1 off")] {
        club.act(club.admin, say(ignore));
        assert!(!hears(&mut club));
        let whisper = club.act(club.guest, say("/whisper User3: psst"));
        assert!(sent_to(&whisper, club.admin).is_empty());
        assert_eq!(sent_to(&whisper, club.guest).len(), 1, "he does not notice");
        club.act(club.admin, say(listen));
        assert!(hears(&mut club));
    }
    let block = DirectoryCommand::Block { target: person(GUEST), staff: false, current: vec![] };
    club.world.directory(club.admin, block);
    assert!(!hears(&mut club));
    club.world
        .directory(club.admin, DirectoryCommand::Unblock { target: person(GUEST).uid, current: vec![] });
    let effects = club.act(club.guest, RoomCommand::Ignore { uid: person(STAFF).uid, on: true });
    assert!(effects.is_empty() && club.world.state.session(club.guest).unwrap().ignores.is_empty());
    // Later clients wait for a word.
    let (later, _) = club.world.sign_in_with(8, &[], |sign_in| sign_in.dialect = Dialect::V7);
    club.world.join(later, ROOM);
    let effects = club.act(later, RoomCommand::Ignore { uid: person(GUEST).uid, on: true });
    assert!(matches!(sent_to(&effects, later)[..], [ServerPacket::RoomIgnoreAck(ROOM, _, true)]));
}

#[test]
fn complaints_reach_the_log_and_nobody_else() {
    let mut club = Club::new();
    let report = || RoomCommand::Report { uid: person(ADMIN).uid, text: message("he swears") };
    let effects = club.act(club.guest, report());
    let [Effect::Event(event)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((event.kind, event.text.as_str()), (EventKind::Report, "he swears"));
    assert_eq!(event.target.as_ref().and_then(|target| target.uid), Some(person(ADMIN).uid));
    let (outsider, _) = club.world.sign_in(9, &[]);
    assert!(club.act(outsider, report()).is_empty());
}

#[test]
fn help_lists_every_command() {
    let mut club = Club::new();
    let commands = |club: &mut Club, conn| {
        let effects = club.act(conn, say("/help"));
        sent_to(&effects, conn).len()
    };
    let ranks = [club.guest, club.admin, club.owner, club.staff].map(|conn| commands(&mut club, conn));
    assert_eq!(ranks, [3, 6, 14, 30], "each sees what he can use");
    for line in ["/o", "/i Nobody", "/c 10000", "/c x", "/o Nobody off"] {
        let conn = club.owner;
        let effects = club.act(conn, say(line));
        assert!(
            matches!(sent_to(&effects, conn)[..], [ServerPacket::RoomMessageIn(_, Uid::SYSTEM, _)]),
            "{line}"
        );
        assert_eq!(club.room().admin_code, None);
    }
}
