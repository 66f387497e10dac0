//! Anything in any order.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Enter(u8),
    Leave(u8),
    Block(u8, u32),
    Tick(u64),
    Peer(u8, u8, u32),
}

fn any_step() -> impl Strategy<Value = Step> {
    let user = || 1..5u8;
    prop_oneof![
        2 => user().prop_map(Step::Enter),
        1 => user().prop_map(Step::Leave),
        1 => (user(), 1..5u32).prop_map(|(who, whom)| Step::Block(who, whom)),
        2 => (0..100u64).prop_map(Step::Tick),
        12 => (user(), 0..10u8, 1..6u32).prop_map(|(who, what, whom)| Step::Peer(who, what, whom)),
    ]
}

proptest! {
    /// After every step [`State::check_invariants`] holds, and the orders to carry something are
    /// whole: nothing is closed that is not open, and nothing stays open at the end.
    #[test]
    fn calls_and_files_stay_whole(steps in proptest::collection::vec(any_step(), 0..120), relay: bool) {
        let mut world = if relay {
            world(CallMode::Relay, FileMode::Relay)
        } else {
            world(CallMode::Direct, FileMode::Direct)
        };
        let mut conns = [None; 5];
        let mut open: Vec<[Uid; 2]> = Vec::new();
        let mut files = BTreeSet::new();
        let mut clock = 0;
        for step in steps {
            let effects = match step {
                Step::Enter(who) => {
                    let mut all = Vec::new();
                    conns[who as usize] = Some({
                        let (conn, effects) = world.sign_in_with(who.into(), &[], |sign_in| {
                            sign_in.peer = [10, 0, 0, who].into();
                        });
                        all.extend(effects);
                        conn
                    });
                    all
                }
                Step::Leave(who) => conns[who as usize]
                    .take()
                    .map_or_else(Vec::new, |conn| world.apply(conn, Command::Disconnect)),
                Step::Block(who, whom) => conns[who as usize].map_or_else(Vec::new, |conn| {
                    let target = person(whom);
                    let block = DirectoryCommand::Block { target, staff: false, current: Vec::new() };
                    let mut effects = world.directory(conn, block);
                    effects.extend(world.directory(conn, DirectoryCommand::Unblock {
                        target: target.uid,
                        current: Vec::new(),
                    }));
                    effects
                }),
                Step::Tick(seconds) => {
                    clock += seconds;
                    tick(&mut world, clock)
                }
                Step::Peer(who, what, whom) => conns[who as usize].map_or_else(Vec::new, |conn| {
                    let to = uid(whom);
                    let any_file = files.iter().next().copied().unwrap_or(TransferId(0));
                    let command = match what {
                        0 | 1 => PeerCommand::Call { to, port: 2090 },
                        2 => PeerCommand::AcceptCall { from: to, port: 2090 },
                        3 => PeerCommand::DeclineCall(to),
                        4 => PeerCommand::HangUp(to),
                        5 => PeerCommand::OfferFile { to, name: None },
                        6 => PeerCommand::AcceptFile { from: to, port: 2090 },
                        7 => PeerCommand::RejectFile(to),
                        8 => PeerCommand::Relay(any_file, READY),
                        _ => {
                            files.remove(&any_file);
                            PeerCommand::Relay(any_file, RelayReport::Complete)
                        }
                    };
                    at(&mut world, clock, conn, command)
                }),
            };
            for order in orders(&effects) {
                prop_assert!(relay);
                match order {
                    RelayOrder::OpenCall([(a, _), (b, _)]) => {
                        let free = open.iter().flatten().all(|party| ![a, b].contains(party));
                        prop_assert!(free, "{a} or {b} is in another call");
                        open.push([a, b]);
                    }
                    RelayOrder::CloseCall(call) => {
                        prop_assert!(open.contains(&call));
                        open.retain(|it| *it != call);
                    }
                    RelayOrder::OpenFile(route) => prop_assert!(files.insert(route.transfer)),
                    RelayOrder::CloseFile(id) => prop_assert!(files.remove(&id)),
                }
            }
        }
        for conn in conns.into_iter().flatten() {
            for order in orders(&world.apply(conn, Command::Disconnect)) {
                match order {
                    RelayOrder::CloseCall(call) => open.retain(|it| *it != call),
                    RelayOrder::CloseFile(id) => _ = files.remove(&id),
                    _ => {}
                }
            }
        }
        prop_assert!(open.is_empty() && files.is_empty());
        prop_assert_eq!(world.state.due(), None);
    }
}
