use super::*;
use crate::model::Uid;

fn bob() -> Subject {
    let address = Some("192.0.2.7".parse().unwrap());
    Subject::Persons(vec![Person { uid: Uid(1_000_007), name: "bob".to_owned(), address }])
}

fn fill(dialog: &mut Dialog, purpose: Purpose, value: &str) {
    let field = dialog.fields.iter_mut().find(|field| field.purpose == purpose).unwrap();
    field.value = Value::Text(Input::new(value));
}

#[test]
fn it_begins_on_cancel_and_names_its_target() {
    let dialog = Dialog::new(Act::Kick, bob(), "");
    assert_eq!(dialog.focus, dialog.cancel());
    assert_eq!(
        dialog.subject.facts(),
        [("User", "bob (1000007)".to_owned()), ("Address", "192.0.2.7".to_owned())]
    );
    let user = Target::Uid(Uid(1_000_007));
    assert_eq!(dialog.orders(), Ok(vec![Order::Kick { user, reason: String::new() }]));
}

#[test]
fn bans_are_of_accounts_addresses_or_both_and_for_a_time() {
    let mut dialog = Dialog::new(Act::Ban, bob(), "spam");
    for (at, count) in [(0, 1), (1, 1), (2, 2)] {
        let Some(Field { value: Value::Choice { at: chosen, .. }, .. }) = dialog.fields.first_mut() else {
            panic!("no choice");
        };
        *chosen = at;
        assert_eq!(dialog.orders().unwrap().len(), count);
    }
    let network = BanTarget::Network("192.0.2.7".to_owned());
    let day = Some(Duration::from_secs(86_400));
    assert!(dialog.orders().unwrap().contains(&Order::Ban {
        target: network,
        time: day,
        reason: "spam".into()
    }));
    fill(&mut dialog, Purpose::Time, "soon");
    assert!(dialog.orders().is_err());
    fill(&mut dialog, Purpose::Time, "");
    assert!(matches!(dialog.orders().unwrap().first(), Some(Order::Ban { time: None, .. })));
}

#[test]
fn the_severe_wants_a_word() {
    let mut dialog = Dialog::new(Act::Shutdown, Subject::Server, "");
    assert!(dialog.orders().is_err());
    fill(&mut dialog, Purpose::Code, "shutdown");
    let grace = Duration::from_secs(30);
    assert_eq!(dialog.orders(), Ok(vec![Order::Shutdown { grace, reason: String::new() }]));
    let room = Subject::Room { id: RoomId(42), name: "Lobby".to_owned() };
    assert_eq!(Dialog::new(Act::CloseRoom, room, "").code.as_deref(), Some("42"));
    let Subject::Persons(mut persons) = bob() else { return };
    persons.extend(persons.clone());
    assert_eq!(Dialog::new(Act::Kick, Subject::Persons(persons), "").code.as_deref(), Some("2"));
}

#[test]
fn what_makes_no_sense_is_not_sent() {
    let room = || Subject::Room { id: RoomId(42), name: "Lobby".to_owned() };
    for (act, subject) in [
        (Act::Warn, bob()),
        (Act::LockRoom, room()),
        (Act::Broadcast, Subject::Server),
        (Act::Backup, Subject::Server),
        (Act::Kick, room()),
        (Act::CloseRoom, Subject::Server),
    ] {
        assert!(Dialog::new(act, subject, "").orders().is_err(), "{act:?}");
    }
}

#[test]
fn where_the_whole_server_is_chosen_no_room_is_named() {
    let room = Subject::Room { id: RoomId(450), name: "Lobby".to_owned() };
    let mut dialog = Dialog::new(Act::Slowmode, room, "");
    assert_eq!(dialog.facts(), [("Room", "Lobby (450)".to_owned())]);
    let Some(Field { value: Value::Choice { at, .. }, .. }) = dialog.fields.first_mut() else {
        panic!("no choice")
    };
    *at = 1;
    assert_eq!(dialog.facts(), [("Whom", "everybody on the server".to_owned())]);
    assert_eq!(dialog.title(), "Slow down the server");
    assert!(matches!(dialog.orders().unwrap()[..], [Order::Slowmode { room: None, seconds: 10, .. }]));
}
