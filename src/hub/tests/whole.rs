//! Anything in any order.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Act {
    SignIn(u32, Vec<u32>, Vec<u32>),
    Disconnect(u32),
    Status(u32, u8),
    AddPal(u32, u32),
    RemovePal(u32, u32),
    Block(u32, u32),
    Unblock(u32, u32),
    Im(u32, u32),
    Join(u32, bool),
    Leave(u32, bool),
    Say(u32, bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let who = || 0u32..6;
    let act = prop_oneof![
        (who(), prop::collection::vec(who(), 0..4), prop::collection::vec(who(), 0..2))
            .prop_map(|(who, pals, blocks)| Act::SignIn(who, pals, blocks)),
        who().prop_map(Act::Disconnect),
        (who(), 0u8..4).prop_map(|(who, status)| Act::Status(who, status)),
        (who(), who()).prop_map(|(who, pal)| Act::AddPal(who, pal)),
        (who(), who()).prop_map(|(who, pal)| Act::RemovePal(who, pal)),
        (who(), who()).prop_map(|(who, pal)| Act::Block(who, pal)),
        (who(), who()).prop_map(|(who, pal)| Act::Unblock(who, pal)),
        (who(), who()).prop_map(|(who, to)| Act::Im(who, to)),
        (who(), any::<bool>()).prop_map(|(who, room)| Act::Join(who, room)),
        (who(), any::<bool>()).prop_map(|(who, room)| Act::Leave(who, room)),
        (who(), any::<bool>()).prop_map(|(who, room)| Act::Say(who, room)),
    ];
    prop::collection::vec(act, 0..80)
}

proptest! {
    /// Whatever happens in whatever order, the state stays whole, and what a user was last told of
    /// a pal is what he would be told now.
    #[test]
    fn the_state_stays_whole(acts in acts()) {
        let mut world = World::new();
        let mut conns: Vec<Option<ConnId>> = vec![None; 6];
        let mut seen = std::collections::HashMap::new();
        for act in acts {
            let room = |first: bool| if first { ROOM } else { LOCKED };
            let index = |who: u32| who as usize;
            let (who, command) = match act {
                Act::SignIn(who, mut pals, blocks) => {
                    pals.retain(|pal| *pal != who);
                    seen.retain(|(viewer, _), _| *viewer != who);
                    let (conn, effects) = world.sign_in_with(who, &pals, |sign_in| {
                        sign_in.blocks = blocks.into_iter().map(person).collect();
                    });
                    conns[index(who)] = Some(conn);
                    note(&conns, &effects, &mut seen);
                    continue;
                }
                Act::Disconnect(who) => (who, Command::Disconnect),
                Act::Status(who, status) => {
                    let statuses = [Status::Online, Status::Away, Status::Dnd, Status::Invisible];
                    (who, Command::Directory(DirectoryCommand::SetStatus(statuses[usize::from(status)])))
                }
                Act::AddPal(who, pal) => {
                    (who, Command::Directory(DirectoryCommand::AddPal { pal: person(pal), current: vec![] }))
                }
                Act::RemovePal(who, pal) => {
                    seen.remove(&(who, pal));
                    (who, Command::Directory(DirectoryCommand::RemovePal(person(pal).uid)))
                }
                Act::Block(who, target) => {
                    let target = person(target);
                    (who, Command::Directory(DirectoryCommand::Block { target, staff: false, current: vec![] }))
                }
                Act::Unblock(who, target) => {
                    let target = person(target).uid;
                    (who, Command::Directory(DirectoryCommand::Unblock { target, current: vec![] }))
                }
                Act::Im(who, to) => {
                    let to = person(to).uid;
                    (who, Command::Directory(DirectoryCommand::InstantMessage { to, text: message("x") }))
                }
                Act::Join(who, first) => {
                    let lockword = if first { vec![] } else { b"support".to_vec() };
                    (who, Command::Room(room(first), RoomCommand::Join { lockword, invisible: false, udp_port: 2090 }))
                }
                Act::Leave(who, first) => (who, Command::Room(room(first), RoomCommand::Leave)),
                Act::Say(who, first) => (who, Command::Room(room(first), RoomCommand::Message(message("x")))),
            };
            let Some(conn) = conns[index(who)] else { continue };
            let gone = matches!(command, Command::Disconnect);
            let effects = world.apply(conn, command);
            if gone {
                conns[index(who)] = None;
                seen.retain(|(viewer, _), _| *viewer != who);
            }
            note(&conns, &effects, &mut seen);
            for (viewer, conn) in conns.iter().enumerate() {
                let Some(session) = conn.and_then(|conn| world.state.session(conn)) else { continue };
                for pal in &session.pals {
                    let pal = pal.0 - 1_000_002;
                    let told = seen.get(&(viewer as u32, pal)).copied().unwrap_or(0);
                    let now = world.state.shown_status(session, person(pal).uid);
                    prop_assert_eq!(told, now, "{} about {}", viewer, pal);
                }
            }
        }
    }
}

fn note(conns: &[Option<ConnId>], effects: &[Effect], seen: &mut std::collections::HashMap<(u32, u32), u32>) {
    for (viewer, conn) in conns.iter().enumerate() {
        let Some(conn) = conn else { continue };
        for (uid, status) in statuses(effects, *conn) {
            if uid != viewer as u32 {
                seen.insert((viewer as u32, uid), status);
            }
        }
    }
}
