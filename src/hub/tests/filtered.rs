//! What filters and detectors bring.

use super::guarded::*;
use super::*;
use crate::hub::guard::{ActKind, FilterSet};
use crate::hub::rules::Rules;
use crate::model::{Obstacle, Role, SlowMode};
use crate::store::{Filter, FilterAction, FilterConsequence, FilterKind, FilterList, FilterRecord, MuteKind};

fn filter(text: &str, action: FilterAction, consequence: FilterConsequence, list: FilterList) -> Filter {
    Filter { action, consequence, list, ..Filter::new(FilterKind::Keyword, text) }
}

fn with_filters(world: &mut World, filters: Vec<Filter>) {
    let numbered = filters.into_iter().zip(1..).map(|(filter, id)| FilterRecord { id, filter, hits: 0 });
    let filters = FilterSet::compile(&numbered.collect::<Vec<_>>()).unwrap();
    world.state.install_rules(Rules { filters, ..Rules::default() });
}

#[test]
fn the_language_list_holds_in_rooms_for_everybody_and_nowhere_else() {
    let mut world = World::new();
    with_filters(
        &mut world,
        vec![filter("darn", FilterAction::Block, FilterConsequence::Delete, FilterList::Language)],
    );
    let (alice, _) = world.sign_in(1, &[]);
    world.sign_in(2, &[]);
    world.join(alice, ROOM);
    let to = person(2).uid;
    for (rating, refused) in [(Rating::General, 1), (Rating::Restricted, 0), (Rating::Adult, 0)] {
        world.state.rooms.get_mut(&ROOM).unwrap().rating = rating;
        let effects = world.apply(alice, command(ActKind::RoomMessage, to, "Oh <pb>D</pb>arn it"));
        assert_eq!(refusals(&effects).len(), refused, "{rating:?}");
    }
    assert_eq!(refusals(&world.apply(alice, command(ActKind::Im, to, "darn"))), []);
}

#[test]
fn filters_warn_mute_ban_and_tell_staff_and_are_counted() {
    let mut world = World::new();
    let block = |text, consequence| filter(text, FilterAction::Block, consequence, FilterList::Content);
    let notify = filter("bet", FilterAction::Notify, FilterConsequence::Delete, FilterList::Content);
    with_filters(
        &mut world,
        vec![
            block("warnme", FilterConsequence::Warn),
            block("muteme", FilterConsequence::Mute { seconds: 600 }),
            block("banme", FilterConsequence::Ban { seconds: None }),
            notify,
        ],
    );
    let (staff, _) =
        world.sign_in_with(9, &[], |sign_in| sign_in.roles = Roles::default().with(Role::Moderator));
    let to = person(9).uid;
    let mut say = |number: u32, text: &str| {
        let (conn, _) = world.sign_in(number, &[]);
        let effects = world.apply(conn, command(ActKind::Im, to, text));
        let made: Vec<String> = changes(&effects).into_iter().map(|change| format!("{change:?}")).collect();
        (made.concat(), told(&effects, staff), refusals(&effects).len())
    };
    let (made, ..) = say(1, "warnme");
    assert!(made.contains("AddWarning") && made.contains("System") && made.contains("filter 1"), "{made}");
    let (made, ..) = say(2, "muteme");
    assert!(made.contains("PutMute"), "{made}");
    let (made, ..) = say(3, "banme");
    assert!(made.contains("PutBan"), "{made}");
    let (made, _, refused) = say(4, "I bet");
    assert_eq!((made.as_str(), refused), ("", 0));
    let (conn, _) = world.sign_in(5, &[]);
    let effects = world.apply(conn, command(ActKind::Im, to, "I bet"));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::ToMany { to, .. } if *to == [staff])));
    assert!(world.state.sanctions.mute(world.now.wall, person(2).uid, MuteKind::Text).is_some());
    // After a minute the hits are kept.
    let due = world.state.due().unwrap();
    let effects = world.apply_at(due, conn, Command::Directory(DirectoryCommand::CountCategories));
    let hits = Change::AddFilterHits(vec![(1, 1), (2, 1), (3, 1), (4, 2)]);
    assert_eq!(changes(&effects), [&hits]);
    assert_eq!(world.state.due(), None);
}

#[test]
fn offences_are_kept_and_mute_by_the_record() {
    let mut world = guarded();
    let (alice, _) = world.sign_in(1, &[]);
    world.sign_in(2, &[]);
    let to = person(2).uid;
    let text = "a.com b.com c.com d.com";
    let effects = world.apply(alice, command(ActKind::Im, to, text));
    assert_eq!(
        told(&effects, alice),
        ["There are 4 links in your message; 3 are allowed. You are muted for 5 minutes."]
    );
    // Neither is there without the other after a crash.
    let [Change::WithAudit { changes: made, entries }] = changes(&effects)[..] else { panic!("{effects:?}") };
    let [Change::PutOffences { record, .. }, Change::PutMute { .. }] = &made[..] else { panic!("{made:?}") };
    assert_eq!((record.offences, entries[0].action.as_str()), (1, "mute"));
    world.now.wall = world.now.wall.after(Duration::from_secs(299));
    let later = Duration::from_secs(299);
    let effects = world.apply_at(later, alice, command(ActKind::Im, to, "hello"));
    assert_eq!(refusals(&effects), [Obstacle::Mute]);
    assert_eq!(world.state.user_row(world.now, alice).unwrap().muted_seconds, 1);
    world.now.wall = world.now.wall.after(Duration::from_secs(1));
    let effects = world.apply_at(Duration::from_secs(300), alice, command(ActKind::Im, to, "hello"));
    assert_eq!(refusals(&effects), []);
}

#[test]
fn settings_of_the_detectors_change_at_run_time_and_come_back() {
    let mut world = guarded();
    let change = world.state.set_antispam("links.per_message", "0").unwrap();
    let Change::SetSetting { name, value } = change else { panic!("{change:?}") };
    assert!(world.state.set_antispam("links.per_message", "99").unwrap_err().contains("0 to 50"));
    let slow = world.state.set_server_slowmode(SlowMode::new(30).unwrap());
    let Change::SetSetting { name: slow, value: seconds } = slow else { panic!("{slow:?}") };

    let mut later = guarded();
    let foreign = [("antispam.nothing", "1"), ("feed.next", "9"), ("maintenance", "Back soon.")];
    let foreign = foreign.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = [(name, value), (slow, seconds)].into_iter().chain(foreign).collect();
    let records = GuardRecords { settings, ..GuardRecords::default() };
    let wrong = later.state.guard_with(later.now, Spam::default(), records);
    assert_eq!(wrong.len(), 1, "only what is like one of the detectors' is theirs: {wrong:?}");
    let (alice, _) = later.sign_in(1, &[]);
    later.sign_in(2, &[]);
    let to = person(2).uid;
    let effects = later.apply(alice, command(ActKind::Im, to, "hello"));
    assert_eq!(refusals(&effects), []);
    let effects = later.apply_at(Duration::from_secs(10), alice, command(ActKind::Im, to, "more"));
    assert_eq!(refusals(&effects), [Obstacle::Slowmode]);
    let effects = later.apply_at(Duration::from_secs(30), alice, command(ActKind::Im, to, "see a.com"));
    assert_eq!(refusals(&effects), [Obstacle::Detector]);
}
