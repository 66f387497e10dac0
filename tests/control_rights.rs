//! Who may ask what of the running daemon: every order and request for every access.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use paltalkd::control::wire::{Access, AccountOrder, AuditWindow, BanTarget, Order, Request, Target, View};
use paltalkd::model::{RoomId, RoomKind, Uid};

const NOBODY: Uid = Uid(1_000_002);

fn orders() -> Vec<(Order, Access)> {
    use Access::{Moderator, Operator};
    let user = || Target::Uid(NOBODY);
    let text = String::new;
    let room = Some(RoomId(450));
    let account = |order| (Order::Account(order), Operator);
    vec![
        (Order::Kick { user: user(), reason: text() }, Moderator),
        (Order::Mute { user: user(), media: false, time: None, reason: text() }, Moderator),
        (Order::Unmute { user: user(), media: true, reason: text() }, Moderator),
        (Order::Warn { user: user(), reason: text() }, Moderator),
        (Order::ClearStrikes { user: user(), reason: text() }, Moderator),
        (Order::CloseRoom { room: RoomId(450), reason: text() }, Moderator),
        (Order::LockRoom { room: RoomId(450), lockword: None, reason: String::new() }, Moderator),
        (Order::Slowmode { room, seconds: 1, reason: text() }, Moderator),
        (Order::Slowmode { room: None, seconds: 1, reason: text() }, Operator),
        (Order::Ban { target: BanTarget::User(user()), time: None, reason: text() }, Operator),
        (Order::Ban { target: BanTarget::Network(text()), time: None, reason: text() }, Operator),
        (Order::Unban { target: BanTarget::User(user()), reason: text() }, Operator),
        (Order::Broadcast { room: None, text: text() }, Operator),
        (Order::Broadcast { room, text: text() }, Operator),
        (Order::Maintenance { on: true, message: text() }, Operator),
        (Order::RunMaintenance { reason: text() }, Operator),
        (Order::Reload { reason: text() }, Operator),
        (Order::Backup { path: text(), keep: None, reason: text() }, Operator),
        (Order::Shutdown { grace: Duration::ZERO, reason: text() }, Operator),
        account(AccountOrder::Create { nickname: text(), hash: text(), email: None, roles: Vec::new() }),
        account(AccountOrder::SetPassword { uid: NOBODY, hash: text() }),
        account(AccountOrder::Set {
            uid: NOBODY,
            give: Vec::new(),
            take: Vec::new(),
            age_verified: None,
            email: None,
        }),
        (Order::CreateRoom { name: text(), kind: RoomKind::Voice, changes: Box::default() }, Operator),
        (Order::SetRoom { room: RoomId(450), changes: Box::default() }, Operator),
        (Order::DeleteRoom { room: RoomId(450), reason: text() }, Operator),
        account(AccountOrder::Delete(NOBODY)),
        account(AccountOrder::Erase(NOBODY)),
    ]
}

/// A number for each kind; a kind that is new has no place here, and this does not compile.
fn kind(order: &Order) -> usize {
    match order {
        Order::Kick { .. } => 0,
        Order::Ban { .. } => 1,
        Order::Unban { .. } => 2,
        Order::Mute { .. } => 3,
        Order::Unmute { .. } => 4,
        Order::Warn { .. } => 5,
        Order::ClearStrikes { .. } => 6,
        Order::CloseRoom { .. } => 7,
        Order::LockRoom { .. } => 8,
        Order::Slowmode { .. } => 9,
        Order::Broadcast { .. } => 10,
        Order::Maintenance { .. } => 11,
        Order::RunMaintenance { .. } => 12,
        Order::Reload { .. } => 13,
        Order::Backup { .. } => 14,
        Order::Shutdown { .. } => 15,
        Order::Account(_) => 16,
        Order::DeleteRoom { .. } => 17,
        Order::CreateRoom { .. } => 18,
        Order::SetRoom { .. } => 19,
    }
}

#[test]
fn every_order_and_request_needs_what_it_should() {
    let all = orders();
    let mut kinds: Vec<usize> = all.iter().map(|(order, _)| kind(order)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, (0..=19).collect::<Vec<_>>(), "a kind is missing from the table");
    let accesses = [Access::Observer, Access::Moderator, Access::Operator];
    for (order, least) in all {
        let may: Vec<Access> = accesses.into_iter().filter(|access| *access >= order.needs()).collect();
        let should: Vec<Access> = accesses.into_iter().filter(|access| *access >= least).collect();
        assert_eq!(may, should, "{order:?}");
        assert_eq!(Request::Act(order.clone()).needs(), least, "{order:?}");
        assert!(order.needs() > Access::Observer, "who looks changes nothing: {order:?}");
    }
    let room = RoomId(450);
    for (request, least) in [
        (Request::Status, Access::Observer),
        (Request::Bans, Access::Observer),
        (Request::Room(room), Access::Observer),
        (Request::Watch { view: 1, what: View::Status }, Access::Observer),
        (Request::Accounts { after: None }, Access::Moderator),
        (Request::Account(Target::Uid(NOBODY)), Access::Moderator),
        (Request::Export(NOBODY), Access::Operator),
        (Request::PermanentRooms, Access::Observer),
        (Request::PermanentRoom(room), Access::Operator),
        (Request::Audit(AuditWindow::default()), Access::Operator),
    ] {
        assert_eq!(request.needs(), least, "{request:?}");
    }
}
