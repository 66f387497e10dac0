//! What the guard goes by, from the order to the store and back.

use super::halted::Halted;
use super::*;

fn no_casino(consequence: FilterConsequence) -> Filter {
    Filter { consequence, ..Filter::new(FilterKind::Keyword, "casino") }
}

#[tokio::test]
async fn what_staff_say_about_the_guard_is_in_force_and_in_the_store() {
    let mut halted = Halted::new().await;
    let mut filter = no_casino(FilterConsequence::Delete);
    assert_eq!(halted.refusal("my casino"), None);
    halted.rule(Action::PutFilter { id: None, filter: Box::new(filter.clone()) }).await;
    assert_eq!(halted.refusal("my casino"), Some(Obstacle::Filter));
    let kept = halted.store.reader().filters().unwrap();
    let id = kept[0].id;
    assert!(kept.len() == 1 && kept[0].filter.active);
    filter.active = false;
    halted.rule(Action::PutFilter { id: Some(id), filter: Box::new(filter.clone()) }).await;
    assert_eq!(halted.refusal("my casino"), None);
    filter.active = true;
    halted.rule(Action::PutFilter { id: Some(id), filter: Box::new(filter.clone()) }).await;
    assert_eq!(halted.refusal("my casino"), Some(Obstacle::Filter));
    halted.rule(Action::DeleteFilter { id, text: filter.text.clone() }).await;
    assert_eq!(halted.refusal("my casino"), None);
    assert!(halted.store.reader().filters().unwrap().is_empty());

    // Two changes before the first is compiled: the newest of what was compiled counts.
    halted.act(Action::PutFilter { id: None, filter: Box::new(filter.clone()) }).await;
    let id = halted.store.reader().filters().unwrap()[0].id;
    halted.act(Action::DeleteFilter { id, text: filter.text }).await;
    for _ in 0..2 {
        let compiled = halted.hub.rules_done.recv().await.unwrap();
        halted.hub.rules_compiled(compiled);
    }
    assert_eq!(halted.refusal("my casino"), None);

    let set = |value: Option<&str>| Action::Antispam {
        name: "links.per_message".to_owned(),
        value: value.map(str::to_owned),
    };
    halted.act(set(Some("0"))).await;
    let link = |allow| Action::Link { kind: LinkKind::Domain, text: "example.com".to_owned(), allow };
    halted.rule(link(true)).await;
    assert_eq!(halted.refusal("see www.example.com"), None);
    assert_eq!(halted.store.reader().links().unwrap().len(), 1);
    halted.rule(link(false)).await;
    assert!(halted.store.reader().links().unwrap().is_empty());
    let user = Subject { person: person(1), roles: Roles::default() };
    halted.act(Action::Exempt { user, on: true }).await;
    assert_eq!(halted.refusal("see www.example.com"), None);
    // Cleared strikes do not end it, neither here nor in the store.
    halted.act(Action::ClearStrikes { user, reason: String::new() }).await;
    assert_eq!(halted.refusal("see www.example.com"), None);
    let exempt = |halted: &Halted| halted.store.reader().offences_after(None, 9).unwrap()[0].1.exempt;
    assert!(exempt(&halted));
    halted.act(Action::Exempt { user, on: false }).await;
    assert!(!exempt(&halted));
    assert_eq!(halted.refusal("see www.example.com"), Some(Obstacle::Detector));
    halted.act(Action::Unmute { user, kind: MuteKind::Text, reason: String::new() }).await;
    halted.act(set(None)).await;
    assert_eq!(halted.refusal("see www.example.com"), None);

    let slowmode = |seconds| Action::Slowmode { room: None, seconds, reason: String::new() };
    let kept = |halted: &Halted| {
        let settings = halted.store.reader().settings().unwrap();
        settings.into_iter().find(|(name, _)| name == "slowmode").map(|(_, value)| value)
    };
    halted.act(slowmode(3600)).await;
    assert_eq!((halted.refusal("one"), kept(&halted).as_deref()), (None, Some("3600")));
    assert_eq!(halted.refusal("two"), Some(Obstacle::Slowmode));
    halted.act(slowmode(0)).await;
    assert_eq!((halted.refusal("three"), kept(&halted)), (None, None));
}

#[tokio::test]
async fn a_filter_can_ban_and_the_session_ends() {
    let mut halted = Halted::new().await;
    let conn = halted.conn();
    let outbox = attach(&mut halted.hub, conn);
    let filter = no_casino(FilterConsequence::Ban { seconds: Some(60) });
    halted.rule(Action::PutFilter { id: None, filter: Box::new(filter) }).await;
    assert_eq!(halted.refusal("my casino"), Some(Obstacle::Filter));
    assert!(halted.hub.state.session(conn).is_none());
    assert_eq!(outbox.closing(), Some(CloseReason::Banned));
    halted.store.commit(Change::Barrier).await.unwrap();
    let kept = halted.store.reader().sanctions(person(1).uid).unwrap();
    assert!(kept.ban.is_some_and(|ban| ban.by == Author::System && ban.until.is_some()));
}
