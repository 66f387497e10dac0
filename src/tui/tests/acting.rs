//! From the key to the order, and back to the message that it was done.

use super::super::model::{Event, LinkEvent};
use super::fixture::{Stage, hello};
use crate::control::wire::{Access, BanTarget, Order, Refusal, RefusalCode, Reply, ServerMessage, Target};
use crate::model::Uid;

fn answer(stage: &mut Stage, result: Result<Reply, Refusal>) {
    let (id, _) = stage.orders.last().cloned().unwrap();
    stage.event(Event::Link(LinkEvent::Message(ServerMessage::Reply { id, result })));
}

#[test]
fn a_kick_is_asked_for_sent_and_told_after_its_effect() {
    let mut stage = Stage::new((80, 24));
    stage.keys("<down>K");
    assert!(stage.screen().contains("Bob Marley (1000003)") && stage.screen().contains("192.0.2.1"));
    // Enter on Cancel does nothing.
    stage.keys("<enter>");
    assert!(stage.orders.is_empty() && stage.model.overlay.is_none());
    stage.keys("K<tab><tab>spam<enter><enter>");
    let order = Order::Kick { user: Target::Uid(Uid(1_000_003)), reason: "spam".to_owned() };
    assert_eq!(stage.orders.last().map(|(_, order)| order.clone()), Some(order));
    assert!(stage.screen().contains("Kick Bob Marley…"), "it is under way");
    assert!(stage.model.next_wake(stage.now).is_some(), "the wheel turns");
    answer(&mut stage, Ok(Reply::Done("Bob Marley was disconnected".to_owned())));
    assert!(stage.screen().contains("Bob Marley was disconnected"));
    stage.wait(7.0);
    assert!(!stage.screen().contains("was disconnected"), "good news go");
    stage.keys("H");
    assert!(stage.screen().contains("was disconnected"), "and can be read again");
}

#[test]
fn a_failure_stays_until_it_is_put_away() {
    let mut stage = Stage::new((80, 24));
    stage.keys("C");
    assert!(matches!(stage.orders.last(), Some((_, Order::ClearStrikes { .. }))), "mild: no dialog");
    answer(&mut stage, Err(Refusal { code: RefusalCode::NotFound, text: "no such user".to_owned() }));
    stage.wait(600.0);
    assert!(stage.screen().contains("no such user"));
    stage.keys("x");
    assert!(!stage.screen().contains("no such user"));
}

#[test]
fn the_target_is_frozen_when_the_dialog_opens() {
    let mut stage = Stage::new((80, 24));
    stage.keys("<down>K");
    // Everybody else leaves; the row under the dialog is another one now.
    stage.users = 1;
    stage.model.users.filter.clear();
    let model = &mut stage.model;
    super::super::heard::watch_table(model, None);
    stage.event(Event::Tick);
    assert_eq!(stage.model.users.gone.as_deref(), Some("Bob Marley"));
    stage.keys("<tab><enter>");
    assert!(matches!(stage.orders.last(), Some((_, Order::Kick { user: Target::Uid(Uid(1_000_003)), .. }))));
}

#[test]
fn who_is_named_in_the_palette_is_looked_up_first() {
    let mut stage = Stage::new((80, 24));
    stage.keys(":ban dj_nightowl too loud<enter>");
    assert!(stage.screen().contains("dj_nightowl (1000005)"));
    assert!(stage.screen().contains("too loud"));
    stage.keys("<tab><enter>");
    let ban = stage.orders.last().map(|(_, order)| order.clone());
    assert!(matches!(ban, Some(Order::Ban { target: BanTarget::User(Target::Uid(Uid(1_000_005))), .. })));
    stage.keys(":<up>");
    assert!(stage.screen().contains("ban dj_nightowl too loud"), "the history");
}

#[test]
fn many_are_kicked_only_with_their_number() {
    let mut stage = Stage::new((80, 24));
    stage.keys("mmm<up>K<tab><enter>");
    assert!(stage.orders.is_empty() && stage.screen().contains("type 3 to go on"));
    stage.keys("<esc>K<backtab>3<enter><enter>");
    assert_eq!(stage.orders.len(), 3);
    assert!(stage.model.users.marked.is_empty());
}

#[test]
fn what_concerns_several_is_asked_more_carefully() {
    let mut stage = Stage::new((80, 24));
    // Alone it is done at once; several are asked for, but need no number.
    stage.keys("mmC");
    assert!(stage.orders.is_empty() && stage.screen().contains("Clear strikes of 2 users?"));
    assert!(!stage.screen().contains("Type 2"));
    stage.keys("<tab><enter>");
    assert_eq!(stage.orders.len(), 2);
    // One is asked for; several need their number.
    stage.keys("M");
    assert!(!stage.screen().contains("to go on."));
    stage.keys("<esc>mmmmmmmmmmmmmmM");
    let screen = stage.screen();
    assert!(screen.contains("It concerns many. Type 14 to go on."), "{screen}");
    assert!(screen.contains("…  "), "the list of names says that it goes on: {screen}");
}

#[test]
fn a_ban_is_lifted_from_the_list() {
    let mut stage = Stage::new((80, 24));
    stage.keys("4b<enter>");
    assert!(stage.screen().contains("Unban 192.0.2.0/24?"));
    stage.keys("<tab><enter>");
    let network = BanTarget::Network("192.0.2.0/24".to_owned());
    assert_eq!(
        stage.orders.last().map(|(_, order)| order.clone()),
        Some(Order::Unban { target: network, reason: String::new() })
    );
}

#[test]
fn nothing_is_done_without_a_daemon() {
    let mut stage = Stage::new((80, 24));
    let lost = LinkEvent::Disconnected { why: "the daemon has hung up".to_owned(), retry_in: None };
    stage.event(Event::Link(lost));
    stage.keys("K");
    assert!(stage.model.overlay.is_none() && stage.screen().contains("not connected: nothing was done"));
}

#[test]
fn an_observer_is_not_even_offered_what_he_may_not_do() {
    let mut stage = Stage::offline((80, 24), &super::super::theme::UNICODE);
    stage.connect(hello(Access::Observer));
    stage.keys("<down>K");
    assert!(stage.model.overlay.is_none() && stage.screen().contains("READ-ONLY"));
    stage.keys("a");
    assert!(!stage.screen().contains("kick"));
    stage.keys("<esc>:kick");
    assert!(stage.screen().contains("nothing fits"));
    stage.keys("<esc>?");
    assert!(!stage.screen().contains("disconnect, with a reason"));
}

#[test]
fn an_order_whose_answer_is_lost_is_said_to_be() {
    let mut stage = Stage::new((120, 40));
    stage.keys("C");
    let lost = LinkEvent::Disconnected { why: "gone".to_owned(), retry_in: None };
    stage.event(Event::Link(lost));
    assert!(stage.screen().contains("the connection was lost before the answer came"));
}

#[test]
fn what_was_done_last_is_taken_back() {
    let mut stage = Stage::new((120, 40));
    stage.keys("u");
    assert!(stage.orders.is_empty() && stage.screen().contains("there is nothing to take back"));
    stage.keys("<down>M<tab><enter>");
    answer(&mut stage, Ok(Reply::Done("Bob Marley is muted".to_owned())));
    assert!(stage.screen().contains("Bob Marley is muted; u takes it back"), "{}", stage.screen());
    stage.keys("u");
    let order = stage.orders.last().map(|(_, order)| order.clone());
    assert!(
        matches!(order, Some(Order::Unmute { user: Target::Uid(Uid(1_000_003)), media: false, .. })),
        "{order:?}"
    );
    answer(&mut stage, Ok(Reply::Done("Bob Marley may speak".to_owned())));
    stage.keys("u");
    assert_eq!(stage.orders.len(), 2, "once is enough");
    // A kick cannot be taken back, and nobody is told that it could.
    stage.keys("K<tab><enter>");
    answer(&mut stage, Ok(Reply::Done("gone".to_owned())));
    assert!(stage.model.undo.1.is_empty());
}

#[test]
fn a_ban_says_beforehand_whom_it_hits() {
    let mut stage = Stage::new((80, 24));
    stage.keys("<down>B");
    assert!(stage.screen().contains("the session of this account"), "{}", stage.screen());
    stage.keys("<tab><tab><right>");
    assert!(stage.screen().contains("12 sessions: everybody from this address"), "{}", stage.screen());
    // An answer for another address is not taken for this one.
    let Some(super::super::model::Overlay::Dialog(dialog)) = &mut stage.model.overlay else { panic!() };
    dialog.reach = None;
    let pending = super::super::model::Pending::Reach { network: "203.0.113.9".to_owned() };
    stage.model.request(crate::control::wire::Request::Users(Default::default()), pending);
    stage.event(Event::Tick);
    assert!(stage.screen().contains("Ends      …"), "{}", stage.screen());
}

#[test]
fn the_mild_is_done_at_once_and_told() {
    let mut stage = Stage::new((80, 24));
    for key in ["U", "R", "C"] {
        stage.keys(key);
        assert!(stage.model.overlay.is_none(), "{key}");
        answer(&mut stage, Ok(Reply::Done(format!("done with {key}"))));
        assert!(stage.screen().contains(&format!("done with {key}")));
    }
    assert_eq!(stage.orders.len(), 3);
}

#[test]
fn marked_ones_are_banned_muted_and_warned_together() {
    for (key, fill) in [("M", ""), ("W", "<backtab><backtab>enough"), ("B", "")] {
        let mut stage = Stage::new((80, 24));
        stage.keys(&format!("mm{key}{fill}"));
        assert!(stage.screen().contains("alice, Bob Marley"), "{key}: {}", stage.screen());
        stage.keys("<esc>");
        assert!(stage.orders.is_empty(), "{key}");
    }
}

#[test]
fn a_time_is_said_before_the_reason() {
    for (line, shown) in [
        (":mute alice 2h flood<enter>", ["For       2h", "Reason    flood"]),
        (":mute alice flood 2h<enter>", ["For       15m", "Reason    flood 2h"]),
        (":ban alice 3d<enter>", ["For       3d", "Reason    the user reads it"]),
        (":shutdown 5m a new disk<enter>", ["Notice    5m", "Reason    a new disk"]),
    ] {
        let mut stage = Stage::new((80, 24));
        stage.keys(line);
        let screen = stage.screen();
        assert!(shown.iter().all(|part| screen.contains(part)), "{line}: {screen}");
    }
}

#[test]
fn what_one_knows_from_the_shell_works_in_the_palette() {
    let mut stage = Stage::new((80, 24));
    let last = |stage: &Stage| stage.orders.last().map(|(_, order)| order.clone());
    for line in
        [":mute --media dj_nightowl --for 2h --reason \"too loud\"", ":mute dj_nightowl --media 2h too loud"]
    {
        stage.keys(&format!("{line}<enter>"));
        let screen = stage.screen();
        assert!(screen.contains("Mute media of dj_nightowl?") && screen.contains("2h"), "{screen}");
        stage.keys("<tab><enter>");
        let Some(Order::Mute { media: true, time, reason, .. }) = last(&stage) else { panic!("{line}") };
        assert_eq!((time.map(|time| time.as_secs()), reason.as_str()), (Some(7200), "too loud"), "{line}");
    }
    stage.keys(":maintenance on --message \"back at ten\"<enter>");
    assert!(stage.screen().contains("back at ten"), "{}", stage.screen());
    stage.keys("<esc>:maintenance off --reason done<enter>");
    assert_eq!(last(&stage), Some(Order::Maintenance { on: false, message: "done".to_owned() }));
    stage.keys(":broadcast \"good evening\" --room 3<enter>");
    assert!(
        stage.screen().contains("room 3") && stage.screen().contains("good evening"),
        "{}",
        stage.screen()
    );
    stage.keys("<esc>:unban uid:1000077 --reason sorry<enter><tab><enter>");
    let target = BanTarget::User(Target::Uid(Uid(1_000_077)));
    assert_eq!(last(&stage), Some(Order::Unban { target, reason: "sorry".to_owned() }));
    let before = stage.orders.len();
    for (line, said) in [
        (":kick bob --for 2h", "there is no --for here, only --reason"),
        (":kick bob --reason", "--reason needs a value"),
        (":shutdown now --reason really", "a text of several words needs quotes"),
        (":maintenance status", "there is no command \"maintenance status\" here"),
    ] {
        stage.keys(&format!("{line}<enter>"));
        assert!(stage.screen().contains(said), "{line}: {}", stage.screen());
        stage.keys("x");
    }
    assert_eq!(stage.orders.len(), before);
}

#[test]
fn a_network_is_banned_only_with_its_own_name() {
    let mut stage = Stage::new((80, 24));
    stage.keys(":ban 192.0.2.0/24 7d flood<enter>");
    let screen = stage.screen();
    assert!(
        screen.contains("Ban 192.0.2.0/24?") && screen.contains("12 sessions: everybody from there"),
        "{screen}"
    );
    stage.keys("<tab><enter>");
    assert!(stage.orders.is_empty() && stage.screen().contains("type 192.0.2.0/24 to go on"));
    stage.keys("<esc>:ban 192.0.2.9 7d flood<enter><tab><enter>");
    let target = BanTarget::Network("192.0.2.9".to_owned());
    let time = Some(std::time::Duration::from_secs(7 * 86_400));
    let order = stage.orders.last().map(|(_, order)| order.clone());
    assert_eq!(order, Some(Order::Ban { target, time, reason: "flood".to_owned() }));
}

#[test]
fn no_question_comes_between_somebody_and_another_one() {
    use super::super::model::Pending;
    use super::super::said::Said;
    use super::fixture::user;

    let mut stage = Stage::new((80, 24));
    stage.keys("<down>K");
    // He was asked for before the dialog was opened, and the daemon took its time.
    let pending = Pending::Lookup { act: super::super::keys::Act::Kick, said: Said::default() };
    stage.model.request(crate::control::wire::Request::User(Target::Uid(user(3).uid)), pending);
    stage.event(Event::Tick);
    let screen = stage.screen();
    assert!(screen.contains("Kick Bob Marley?") && screen.contains("something else was opened"), "{screen}");
    stage.keys("<tab><enter>");
    assert!(matches!(stage.orders.last(), Some((_, Order::Kick { user: Target::Uid(Uid(1_000_003)), .. }))));
}

#[test]
fn all_of_a_wish_is_taken_back_at_once() {
    let mut stage = Stage::new((80, 24));
    stage.keys("mmM<tab><tab><tab>");
    stage.keys("<esc>M<backtab>2<enter><enter>");
    let orders: Vec<u32> = stage.orders.iter().map(|(id, _)| *id).collect();
    assert_eq!(orders.len(), 2, "{}", stage.screen());
    for id in orders {
        let result = Ok(Reply::Done("muted".to_owned()));
        stage.event(Event::Link(LinkEvent::Message(ServerMessage::Reply { id, result })));
    }
    stage.keys("u");
    let back: Vec<_> = stage.orders[2..].iter().map(|(_, order)| order.named()).collect();
    assert_eq!(back.len(), 2);
    assert!(back.iter().all(|(what, _)| *what == "unmute") && back[0].1 != back[1].1, "{back:?}");
    stage.keys("u");
    assert_eq!(stage.orders.len(), 4);
}

#[test]
fn an_answer_of_many_lines_is_one_of_many_lines() {
    let mut stage = Stage::new((80, 24));
    stage.keys(":maintenance run<enter>");
    let lines: Vec<String> = (1..=5).map(|number| format!("Part {number}: x\u{1b}[31m done")).collect();
    answer(&mut stage, Ok(Reply::Done(lines.join("\n"))));
    let screen = stage.screen();
    assert!(screen.contains("✓ Part 1: x␛[31m done") && screen.contains("… H shows all of it"), "{screen}");
    assert!(!screen.contains("␊") && !screen.contains("Part 3"), "{screen}");
    stage.keys("H");
    let screen = stage.screen();
    let at = |text: &str| screen.lines().find_map(|line| line.find(text));
    assert!(at("Part 5").is_some() && at("Part 5") == at("Part 1"), "{screen}");
}

#[test]
fn what_is_said_by_name_is_said_to_all_unless_a_room_is_named() {
    let mut stage = Stage::new((80, 24));
    stage.keys("2:broadcast \"good evening\"<enter>");
    assert!(stage.screen().contains("Announce to the server?"), "{}", stage.screen());
    stage.keys("<esc>!");
    assert!(stage.screen().contains("Announce to Lobby?"), "{}", stage.screen());
    stage.keys("<esc>:broadcast hello --room lobby<enter>");
    assert!(stage.screen().contains("Announce to Lobby?"), "{}", stage.screen());
}
