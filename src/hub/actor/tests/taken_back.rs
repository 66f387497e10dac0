//! What the store does not take is taken back.

use super::super::doubts::settled;
use super::halted::Halted;
use super::*;

#[tokio::test]
async fn what_the_store_does_not_take_is_taken_back_before_the_desk_is_answered() {
    let mut halted = Halted::new().await;
    let user = Subject { person: person(1), roles: Roles::default() };
    let network = BanWhom::Network("192.0.2.0/24".parse().unwrap());
    let why = || "why".to_owned();
    let mute = |kind| Action::Mute { user, kind, time: None, reason: why() };
    let ban = |whom| Action::Ban { whom, time: None, reason: why() };
    let antispam = |value: &str| Action::Antispam {
        name: "links.per_message".to_owned(),
        value: Some(value.to_owned()),
    };
    let slow = |room, seconds| Action::Slowmode { room, seconds, reason: why() };
    let lock = |word: Option<&str>| Action::LockRoom {
        room: ROOM,
        lockword: word.map(|word| word.as_bytes().to_vec()),
        reason: why(),
    };
    let maintenance = |on| Action::Maintenance { on, message: String::new() };
    // Each against nothing, and against what the one before it has brought.
    for (action, then) in [
        (antispam("7"), antispam("9")),
        (slow(None, 7), slow(None, 0)),
        (slow(Some(ROOM), 7), slow(Some(ROOM), 9)),
        (lock(Some("sesame")), lock(None)),
        (maintenance(true), maintenance(false)),
        (Action::Exempt { user, on: true }, Action::ClearStrikes { user, reason: why() }),
        (Action::Warn { user, reason: why() }, Action::ClearWarnings(user)),
        (mute(MuteKind::Text), Action::Unmute { user, kind: MuteKind::Text, reason: why() }),
        (mute(MuteKind::Media), Action::Unmute { user, kind: MuteKind::Media, reason: why() }),
        (ban(network.clone()), Action::Unban { whom: network, reason: why() }),
        (ban(BanWhom::User(user)), Action::Unban { whom: BanWhom::User(user), reason: why() }),
        (Action::DeleteRoom { room: ROOM, reason: why() }, slow(None, 0)),
    ] {
        for action in [action, then] {
            let before = halted.standing();
            let jam = halted.jam().await;
            let mut answered = halted.order(action.clone());
            halted.hear().await;
            assert!(answered.try_recv().is_err(), "not before it is taken back: {action:?}");
            drop(jam);
            halted.hear().await;
            let busy = "The server is busy. Please try again in a moment.".to_owned();
            assert_eq!(answered.await.unwrap(), Err(ActError::Busy(busy)), "{action:?}");
            assert_eq!(halted.standing(), before, "{action:?}");
            halted.hub.state.check_invariants().unwrap();
            if !matches!(action, Action::DeleteRoom { .. }) {
                halted.act(action.clone()).await;
            }
        }
    }
    assert!(halted.hub.state.session_of(person(1).uid).is_none(), "who was put off stays so");
    assert!(halted.hub.state.session_of(person(2).uid).is_some());
}

#[tokio::test]
async fn what_is_read_back_never_takes_the_place_of_what_was_done_since() {
    let mut halted = Halted::new().await;
    let slow = |seconds| Action::Slowmode { room: None, seconds, reason: String::new() };
    let jam = halted.jam().await;
    let mut answered = halted.order(slow(5));
    halted.hear().await;
    drop(jam);
    // The old value is being read, perhaps has been, while a new one is set.
    let read = halted.hub.doubts.words.recv().await.unwrap();
    halted.act(slow(7)).await;
    halted.hub.hear(read);
    assert!(answered.try_recv().is_err(), "it is read once more");
    halted.hear().await;
    assert!(answered.await.unwrap().is_err());
    assert_eq!(halted.hub.state.guard.slowmode(None).seconds(), 7);
}

#[tokio::test]
async fn what_an_owner_changes_and_the_store_does_not_take_is_taken_back() {
    let mut halted = Halted::new().await;
    let conn = halted.conn();
    let outbox = attach(&mut halted.hub, conn);
    let join = RoomCommand::Join { lockword: Vec::new(), invisible: false, udp_port: 2090 };
    let slow = RoomCommand::Message(MessageText::new(b"/slowmode 30").unwrap());
    let topic = RoomCommand::SetTopic(b"Nobody reads this for long".to_vec());
    halted.apply(conn, Command::Room(ROOM, join));
    let before = halted.standing();
    let jam = halted.jam().await;
    for command in [slow, topic] {
        halted.apply(conn, Command::Room(ROOM, command));
        halted.hear().await;
    }
    assert_ne!(halted.standing(), before);
    assert_eq!(outbox.closing(), Some(CloseReason::StoreBusy));
    drop(jam);
    // The second change came when the room was being read already.
    halted.hear().await;
    halted.hear().await;
    assert_eq!(halted.standing(), before);
    halted.hub.state.check_invariants().unwrap();
}

#[tokio::test]
async fn what_a_newer_session_asks_for_once_more_is_kept() {
    let mut halted = Halted::new().await;
    let (uid, other) = (person(1).uid, person(2).uid);
    let older = halted.conn();
    let wishes = || {
        [
            DirectoryCommand::AddPal { pal: person(2), current: Vec::new() },
            DirectoryCommand::Block { target: person(2), staff: false, current: Vec::new() },
            DirectoryCommand::SetPrivacy(Privacy::Pals),
        ]
    };
    let jam = halted.jam().await;
    for wish in wishes() {
        halted.apply(older, Command::Directory(wish));
        halted.hear().await;
    }
    let newer = ConnId { slot: 7, generation: 7 };
    halted.apply(newer, Command::SignIn(Box::new(sign_in(1, &[]))));
    drop(jam);
    settled(&halted.store).await.unwrap();
    // It is so in memory, but what the store has is on its way to be believed. A pal who is blocked is none.
    for wish in wishes().into_iter().skip(1) {
        halted.apply(newer, Command::Directory(wish));
    }
    halted.store.commit(Change::Barrier).await.unwrap();
    let kept = || Lists::read(&halted.store.reader(), uid).unwrap().unwrap();
    assert_eq!((kept().blocks, kept().privacy), (vec![other], Privacy::Pals));
    halted.hear().await;
    halted.hear().await;
    let session = halted.hub.state.session(newer).unwrap();
    assert_eq!((&session.blocks[..], session.privacy), (&[other][..], Privacy::Pals));
    halted.hub.state.check_invariants().unwrap();
    // The same the other way round: what it takes back is taken back in the store.
    let unblock = DirectoryCommand::Unblock { target: other, current: Vec::new() };
    halted.apply(newer, Command::Directory(unblock));
    halted.apply(newer, Command::Directory(DirectoryCommand::AddPal { pal: person(2), current: Vec::new() }));
    halted.store.commit(Change::Barrier).await.unwrap();
    let kept = Lists::read(&halted.store.reader(), uid).unwrap().unwrap();
    assert_eq!((kept.pals, kept.blocks), (vec![other], vec![]));
}

#[tokio::test]
async fn a_newer_session_does_not_keep_what_the_store_refused_the_older() {
    let mut halted = Halted::new().await;
    let (uid, other) = (person(1).uid, person(2).uid);
    let older = halted.conn();
    let add = DirectoryCommand::AddPal { pal: person(2), current: Vec::new() };
    halted.apply(older, Command::Directory(add));
    halted.store.commit(Change::Barrier).await.unwrap();
    let jam = halted.jam().await;
    for command in [
        DirectoryCommand::RemovePal(other),
        DirectoryCommand::Block { target: person(2), staff: false, current: Vec::new() },
        DirectoryCommand::SetPrivacy(Privacy::Pals),
    ] {
        halted.apply(older, Command::Directory(command));
        halted.hear().await;
    }
    // He comes back before the older session is gone; what he is shown is what the store has.
    let newer = ConnId { slot: 7, generation: 7 };
    let back = sign_in(1, &[2]);
    halted.apply(newer, Command::SignIn(Box::new(back)));
    let taken_over = halted.hub.state.session(newer).unwrap();
    assert!(taken_over.blocks_user(other) && !taken_over.has_pal(other));
    drop(jam);
    // The later changes came when the lists were being read already.
    halted.hear().await;
    halted.hear().await;
    let session = halted.hub.state.session(newer).unwrap();
    assert_eq!(
        (&session.blocks[..], &session.pals[..], session.privacy),
        (&[][..], &[other][..], Privacy::All)
    );
    halted.hub.state.check_invariants().unwrap();
    // What it changes itself, and the store takes, stays.
    let block = DirectoryCommand::Block { target: person(2), staff: false, current: Vec::new() };
    halted.apply(newer, Command::Directory(block));
    halted.store.commit(Change::Barrier).await.unwrap();
    assert!(halted.hub.state.session(newer).unwrap().blocks_user(other));
    assert_eq!(Lists::read(&halted.store.reader(), uid).unwrap().unwrap().blocks, [other]);
}
