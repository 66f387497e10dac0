//! What staff make has a limit: they are told when it is reached, nothing is lost, and what there is can still be
//! changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use paltalkd::hub::guard::detect::Settings;
use paltalkd::model::{Author, Role, Timestamp, Uid};
use paltalkd::store::{
    AuditQuery, Change, FILTERS_MAX, Filter, FilterKind, LINKS_MAX, LinkAllow, LinkKind, SETTINGS_MAX, Store,
};
use support::*;

/// Sends the service user a command; the answer.
fn order(client: &mut Client, line: &str) -> String {
    client.im(Uid::SERVICE, line);
    // What waits for the store is answered after what comes later and waits for nothing.
    loop {
        let said = client.sync();
        let answer = said.iter().find(|packet| packet.kind == 0x0014 && packet.u32(0) == Uid::SERVICE.0);
        if let Some(answer) = answer {
            return answer.text(4);
        }
    }
}

/// Makes many changes, which are all taken.
fn fill(store: &Store, changes: impl Iterator<Item = Change>) {
    for change in changes {
        store.submit(change, |answer| assert!(answer.is_ok(), "{answer:?}"));
    }
    store.commit_blocking(Change::Barrier).unwrap();
}

/// A server that is prepared so, with an admin signed in.
fn start(prepare: impl FnOnce(&Store)) -> (Server, Client) {
    let mut boss = Uid(0);
    let server = Server::start_prepared(|store| {
        boss = make_account(store, "Boss", [Role::Admin].into_iter().collect());
        prepare(store);
    });
    let boss = server.sign_in(boss);
    (server, boss)
}

/// How much is in the audit log.
fn recorded(server: &Server) -> usize {
    server.store().reader().audit(&AuditQuery::default()).unwrap().records.len()
}

#[test]
fn one_filter_too_many_is_refused_and_the_others_hold() {
    let (server, mut boss) = start(|store| {
        let filter = |number| Filter::new(FilterKind::Keyword, format!("badword{number}"));
        fill(store, (1..FILTERS_MAX).map(|n| Change::PutFilter { id: None, filter: filter(n) }));
    });
    let told = order(&mut boss, "/filter add the last one");
    assert!(told.contains("is on: the last one"), "{told}");
    for _ in 0..2 {
        let told = order(&mut boss, "/filter add one too many");
        assert!(told.contains("cannot be used: there are 1000 already"), "{told}");
    }
    let filters = server.store().reader().filters().unwrap();
    assert_eq!((filters.len(), filters[999].filter.text.as_str()), (FILTERS_MAX, "the last one"));
    assert_eq!(recorded(&server), 1, "what was refused was not done");
    // Those there are can be changed, and hold; with a place there is one for another.
    for text in ["badword1", "the last one"] {
        assert!(order(&mut boss, &format!("/filter test {text}")).contains("1 matching filter"), "{text}");
    }
    assert!(order(&mut boss, "/filter off 1").contains("is off"));
    assert!(order(&mut boss, "/filter remove 2").contains("Deleted filter 2"));
    assert!(order(&mut boss, "/filter add one too many").contains("is on"));
    assert!(order(&mut boss, "/filter test one too many").contains("1 matching filter"));
    assert_eq!(server.store().reader().filters().unwrap().len(), FILTERS_MAX);
}

#[test]
fn one_allowed_link_too_many_is_refused_and_the_others_hold() {
    let (server, mut boss) = start(|store| {
        let link = |number| {
            let text = format!("site{number}.example.com");
            LinkAllow { kind: LinkKind::Domain, text, by: Author::System, at: Timestamp(0) }
        };
        fill(store, (1..LINKS_MAX).map(|number| Change::PutLink(link(number))));
    });
    assert!(order(&mut boss, "/link allow last.example.com").contains("can always be posted"));
    let told = order(&mut boss, "/link allow more.example.com");
    assert!(told.contains("cannot be allowed: there are 1000 already"), "{told}");
    assert_eq!((server.store().reader().links().unwrap().len(), recorded(&server)), (LINKS_MAX, 1));
    // One that is known already is no new one.
    assert!(order(&mut boss, "/link allow last.example.com").contains("can always be posted"));
    assert!(order(&mut boss, "/link deny site1.example.com").contains("not be posted"));
    assert!(order(&mut boss, "/link allow more.example.com").contains("can always be posted"));
    let links = server.store().reader().links().unwrap();
    assert_eq!(links.len(), LINKS_MAX);
    assert!(links.iter().any(|link| link.text == "more.example.com"));
}

#[test]
fn settings_that_others_have_left_keep_none_from_being_changed() {
    // Staff cannot make up names of settings, so all there can be fit.
    let known = Settings::default().values();
    assert!(known.len() + 10 < SETTINGS_MAX);
    let set = |name: String| Change::SetSetting { name, value: "1".to_owned() };
    let (server, mut boss) = start(|_| {});
    // The daemon itself has some.
    let there = server.store().reader().settings().unwrap().len();
    fill(server.store(), (there + 1..SETTINGS_MAX).map(|number| set(format!("later-{number}"))));
    assert!(order(&mut boss, "/antispam set flood off").contains("is off"));
    assert!(order(&mut boss, "/antispam set flood on").contains("is on"), "no new one");
    let value = |name: &str| {
        let settings = server.store().reader().settings().unwrap();
        assert_eq!(settings.len(), SETTINGS_MAX);
        settings.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    };
    assert_eq!(value("antispam.flood").as_deref(), Some("on"));
    // The store refuses this one: whoever wanted it is told, and it does not hold either.
    boss.im(Uid::SERVICE, "/slowmode server 30");
    let told = boss.rest();
    assert!(told.iter().any(|packet| packet.kind == 0x0064), "{told:?}");
    assert_eq!(value("slowmode"), None);
    assert_eq!(recorded(&server), 2);
}
