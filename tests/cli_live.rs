//! `paltalkd account …` and `paltalkd room …` while the daemon runs: the same commands, with effect on who
//! is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use paltalkd::model::{Role, Uid};
use paltalkd::store::AuditQuery;
use serde_json::{Value, json};
use support::program::program;
use support::{Client, PASSWORD, Server, only, return_code};

const IM_IN: u16 = 0x0014;
const ROOM_CLOSED: u16 = 0x017c;
const ROOM_MESSAGE_IN: u16 = 0x015e;
const ROOM_TOPIC: u16 = 0x015f;
const RETURN_CODE: u16 = 0x0064;
const SERVER_DISCONNECT: u16 = 0x044c;

/// Runs `paltalkd account …`.
fn account(server: &Server, args: &[&str], stdin: &str) -> Output {
    run(server.data_dir(), &[&["account"], args].concat(), stdin)
}

/// Runs a command that finds the store by its configuration, and there whether a daemon has it.
fn run(data_dir: &Path, args: &[&str], stdin: &str) -> Output {
    let config = data_dir.join("cli.toml");
    let directory = data_dir.to_str().unwrap().to_owned();
    std::fs::write(&config, format!("[server]\ndata_dir = {directory:?}\n")).unwrap();
    let mut command = program(data_dir);
    command.arg("--config").arg(config).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who does not read his password may have ended.
    _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn ok(server: &Server, args: &[&str], stdin: &str) -> (String, String) {
    let Output { status, stdout, stderr } = account(server, args, stdin);
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(0), "{args:?}: {stderr}");
    (stdout, stderr)
}

fn fails(server: &Server, code: i32, args: &[&str], stdin: &str) -> String {
    let Output { status, stdout, stderr } = account(server, args, stdin);
    let told = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.len()), (Some(code), 0), "{args:?}: {told}");
    told
}

fn object(server: &Server, args: &[&str]) -> Value {
    serde_json::from_str(&ok(server, args, "").0).unwrap()
}

fn sign_in_with(server: &Server, uid: Uid, password: &str) -> Client {
    let mut client = server.connect();
    let challenge = client.challenge(uid);
    client.login(challenge, password);
    client
}

#[test]
fn accounts_are_made_and_changed_while_people_chat() {
    let server = Server::start();
    let (told, _) = ok(&server, &["add", "Zoë", "--email", "z@example.org", "--password-stdin"], "rosebud\n");
    let uid = Uid(told.trim().parse().unwrap());
    let mut client = sign_in_with(&server, uid, "rosebud");
    client.until(0x04a6);
    assert!(fails(&server, 1, &["add", "ZOË", "--password-stdin"], "rosebud").contains("is taken"));
    fails(&server, 1, &["add", "Bob", "--password-stdin"], "four");

    ok(&server, &["passwd", "zoë", "--password-stdin"], "tulips\n");
    let mut old = sign_in_with(&server, uid, "rosebud");
    assert_eq!(return_code(&old.expect(RETURN_CODE)).0, 0xfb84);
    sign_in_with(&server, uid, "tulips").until(0x04a6);

    let shown = object(&server, &["show", "Zoë", "--json"]);
    assert_eq!((&shown["uid"], &shown["email"]), (&uid.0.into(), &"z@example.org".into()));
    assert_eq!((&shown["banned"], &shown["pals"]), (&Value::Null, &0.into()));
    let list = object(&server, &["list", "--json"]);
    assert_eq!((list.as_array().unwrap().len(), &list[0]["nickname"]), (1, &"Zoë".into()));
    assert!(ok(&server, &["list"], "").0.contains("z@example.org"));

    for args in [&["show", "nobody"][..], &["delete", "nobody", "--yes"], &["export", "1999999"]] {
        assert!(fails(&server, 4, args, "").contains("no such user"));
    }
    assert!(fails(&server, 1, &["delete", "paltalk", "--yes"], "").contains("own user"));
    fails(&server, 2, &["delete", "zoë"], "");

    let page = server.store().reader().audit(&AuditQuery::default()).unwrap();
    let actions: Vec<&str> = page.records.iter().map(|record| record.entry.action.as_str()).collect();
    assert_eq!(actions, ["account_password", "account_add"]);
}

#[test]
fn roles_count_at_once() {
    let server = Server::start();
    let (ann, bob) = (server.account("Ann"), server.account("Bob"));
    let (mut ann_client, mut bob_client) = (server.sign_in(ann), server.sign_in(bob));
    let (told, _) = ok(&server, &["set", "Ann", "--role", "admin", "--age-verified", "yes"], "");
    assert_eq!(told, format!("Ann (uid {ann}) is changed: roles: admin, of age: yes\n"));
    let heard = ann_client.expect(IM_IN).text(4);
    assert!(heard.contains("Your roles have been changed") && heard.contains("admin"), "{heard}");
    ann_client.join(450);
    ann_client.say(450, "/kick Bob noise");
    assert!(only(&bob_client.rest(), SERVER_DISCONNECT).text(0).contains("noise"));

    ok(&server, &["set", "Ann", "--no-role", "admin"], "");
    assert!(ann_client.expect(IM_IN).text(4).contains("now: none"));
    let bob_client = server.sign_in(bob);
    ann_client.say(450, "/kick Bob again");
    ann_client.sync();
    assert_eq!(server.store().reader().account(ann).unwrap().unwrap().roles.iter().count(), 0);
    bob_client.close();
    let (told, _) = ok(&server, &["set", "Ann", "--no-role", "admin"], "");
    assert!(told.contains("was so already"), "{told}");
}

#[test]
fn who_is_deleted_or_erased_is_gone_at_once() {
    let server = Server::start();
    let (ann, bob) = (server.account("Ann"), server.account("Bob"));
    let cat = server.account("Cat");
    let mut client = server.sign_in(ann);
    client.im(bob, "for later");
    client.sync();
    server.wait_for("the message", |server| server.store().reader().offline_count(bob).unwrap() == 1);
    let kept = object(&server, &["export", "Ann"]);
    assert_eq!(kept["messages_sent"][0]["to"], bob.0);
    assert!(kept["messages_sent"][0]["text"].as_str().unwrap().contains("for later"));
    assert!(!kept.to_string().contains("argon2"));

    let (told, _) = ok(&server, &["erase", "Ann", "--yes"], "");
    assert_eq!(told, format!("Ann (uid {ann}) is erased, with the messages it has sent\n"));
    assert!(only(&client.rest(), SERVER_DISCONNECT).text(0).contains("deleted"));
    assert_eq!(server.store().reader().offline_count(bob).unwrap(), 0);
    fails(&server, 4, &["show", "Ann"], "");

    let mut client = server.sign_in(cat);
    client.im(bob, "stays");
    client.sync();
    server.wait_for("the message", |server| server.store().reader().offline_count(bob).unwrap() == 1);
    ok(&server, &["delete", "Cat", "--yes"], "");
    client.expect(SERVER_DISCONNECT);
    assert_eq!(server.store().reader().offline_count(bob).unwrap(), 1);
}

#[test]
fn bans_of_accounts_work_here_too() {
    let server = Server::start();
    let ann = server.account_with("Ann", &[Role::Trusted]);
    let mut client = server.sign_in(ann);
    ok(&server, &["ban", "Ann", "--for", "1h", "--reason", "spam"], "");
    client.expect(SERVER_DISCONNECT);
    let shown = object(&server, &["show", "Ann", "--json"]);
    assert!(shown["banned"].as_str().unwrap().ends_with(": spam"), "{shown}");
    ok(&server, &["unban", "Ann"], "");
    sign_in_with(&server, ann, PASSWORD).until(0x04a6);
    assert!(fails(&server, 4, &["unban", "Ann"], "").contains("not banned"));
    let export = object(&server, &["export", "Ann"]);
    assert_eq!((&export["ban"], &export["roles"]), (&Value::Null, &json!(["trusted"])));
    let about: Vec<_> = export["audit_about"].as_array().unwrap().iter().map(|it| &it["action"]).collect();
    assert_eq!(about, ["unban", "ban"]);
}

/// Runs `paltalkd room …`, which has to end with `code`; what it prints and what it tells.
fn room(data_dir: &Path, code: i32, args: &[&str]) -> (String, String) {
    let Output { status, stdout, stderr } = run(data_dir, &[&["room"], args].concat(), "");
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "{args:?}: {stderr}");
    (stdout, stderr)
}

const CAFE: [&str; 17] = [
    "create",
    "Zoë's Café",
    "--category",
    "music",
    "--owner",
    "Ann",
    "--topic",
    "Cake",
    "--welcome",
    "Come in",
    "--lockword",
    "sesame",
    "--admin-code",
    "77",
    "--slowmode",
    "30",
    "--reddot-text=yes",
];

#[test]
fn rooms_look_the_same_whether_or_not_the_daemon_runs() {
    let server = Server::start();
    server.account("Ann");
    assert_eq!(room(server.data_dir(), 0, &CAFE), ("60000\n".to_owned(), String::new()));
    let (told, _) = room(server.data_dir(), 0, &["set", "zoë's café", "--speakers", "2"]);
    assert_eq!(told, "Zoë's Café (room 60000) is changed: speakers\n");
    let questions = [&["list"][..], &["list", "--json"], &["show", "60000"], &["show", "60000", "--json"]];
    let live = questions.map(|args| room(server.data_dir(), 0, args));
    let shown: Value = serde_json::from_str(&live[3].0).unwrap();
    for (field, value) in [
        ("name", json!("Zoë's Café")),
        ("category_name", json!("Music")),
        ("topic", json!("Cake")),
        ("welcome", json!("Come in")),
        ("lockword", json!("sesame")),
        ("locked", json!(true)),
        ("permanent", json!(true)),
        ("admin_code", json!(77)),
        ("speakers", json!(2)),
        ("slowmode", json!(30)),
        ("reddot_text", json!(true)),
        ("links", json!("everybody")),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!(shown["owner"]["nickname"], "Ann");
    let dir = server.stop();
    assert_eq!(questions.map(|args| room(dir.path(), 0, args)), live);
    let (told, _) = room(dir.path(), 0, &["set", "zoë's café", "--speakers", "2"]);
    assert_eq!(told, "Zoë's Café (room 60000) was so already\n");
    // And the daemon finds it as it was left.
    let server = Server::start_in(dir, |_| {});
    assert_eq!(questions.map(|args| room(server.data_dir(), 0, args)), live);
    let (told, _) = room(server.data_dir(), 0, &["set", "zoë's café", "--speakers", "2"]);
    assert_eq!(told, "Zoë's Café (room 60000) was so already\n");
    let actions: Vec<String> = audited(&server);
    assert_eq!(actions, ["create_room", "set_room", "set_room", "set_room"]);
}

fn audited(server: &Server) -> Vec<String> {
    let page = server.store().reader().audit(&AuditQuery::default()).unwrap();
    page.records.into_iter().rev().map(|record| record.entry.action).collect()
}

#[test]
fn a_room_changes_around_those_who_are_in_it() {
    let server = Server::start();
    let (ann, bob) = (server.account("Ann"), server.account("Bob"));
    let (mut ann, mut bob) = (server.sign_in(ann), server.sign_in(bob));
    let data = server.data_dir().to_owned();
    let (id, _) = room(&data, 0, &["create", "The Den", "--category", "music"]);
    assert_eq!(id, "60000\n");
    ann.join(60_000);
    ann.sync();
    let (printed, told) =
        room(&data, 0, &["set", "the den", "--name", "The Lair", "--topic", "Dragons", "--lockword", "fire"]);
    assert_eq!(
        (printed.as_str(), told.as_str()),
        ("The Lair (room 60000) is changed: name, topic, lockword\n", "")
    );
    let heard = ann.sync();
    assert!(only(&heard, ROOM_TOPIC).text(8).contains("Dragons"), "{heard:?}");
    let notice = only(&heard, ROOM_MESSAGE_IN).text(8);
    assert!(notice.contains("name, topic, lockword") && !notice.contains("fire"), "{notice}");
    // She is still inside; who comes needs the word.
    bob.ask_to_join(60_000, "");
    assert!(return_code(&bob.expect(RETURN_CODE)).2.contains("password"));
    bob.ask_to_join(60_000, "fire");
    bob.sync();
    ann.say(60_000, "hello");
    assert!(bob.expect(ROOM_MESSAGE_IN).text(8).contains("hello"));
    // Whose it is now may say what it is like.
    room(&data, 0, &["set", "60000", "--owner", "Bob", "--no-lockword"]);
    bob.say(60_000, "/welcome Mind the gap");
    bob.sync();
    server.wait_for("the welcome", |_| room(&data, 0, &["show", "60000"]).0.contains("Mind the gap"));

    assert!(room(&data, 1, &["set", "60000", "--name", "The Lobby"]).1.contains("this name already"));
    assert!(room(&data, 1, &["create", "the lair", "--category", "music"]).1.contains("this name already"));
    assert!(room(&data, 4, &["create", "x", "--category", "nothing"]).1.contains("no such category"));
    assert!(room(&data, 4, &["set", "60000", "--owner", "nobody"]).1.contains("no such user"));
    assert!(room(&data, 4, &["show", "nothing"]).1.contains("no such room"));
    assert!(room(&data, 2, &["set", "60000"]).1.contains("nothing to change"));
    assert!(room(&data, 2, &["set", "60000", "--category", "top rooms"]).1.contains("choose another"));
    let (told, _) = room(&data, 0, &["close", "The Lair", "--yes", "--reason", "too hot"]);
    assert_eq!(told, "deleted The Lair (room 60000), put 2 out\n");
    assert!(ann.expect(ROOM_CLOSED).text(0).contains("too hot"));
    assert!(room(&data, 4, &["show", "60000"]).0.is_empty());
    assert_eq!(audited(&server), ["create_room", "set_room", "set_room", "delete_room"]);
}

/// Runs each line of a section of a document that begins with `paltalkd` as a shell would, in their order.
fn examples_work(document: &str, section: &str) {
    let server = Server::start();
    server.account("Alice");
    let bob = server.account("Bob");
    let _bob = server.sign_in(bob);
    let config = server.data_dir().join("example.toml");
    std::fs::write(&config, format!("[server]\ndata_dir = {:?}\n", server.data_dir())).unwrap();
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
    let rest = text.split_once(&format!("\n## {section}\n")).expect("the section is gone").1;
    let lines = rest.lines().take_while(|line| !line.starts_with("## "));
    let examples: Vec<&str> = lines.filter(|line| line.starts_with("    paltalkd ")).collect();
    assert!(examples.len() > 4, "{examples:?}");
    let program = Path::new(env!("CARGO_BIN_EXE_paltalkd")).parent().unwrap();
    for example in examples {
        let mut shell = Command::new("sh");
        shell.args(["-c", example]).env("PALTALKD_CONFIG", &config).stdin(Stdio::null());
        shell.env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()));
        let output = shell.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{example}: {output:?}");
        assert!(!output.stdout.is_empty(), "{example}: it says nothing");
    }
}

#[test]
fn the_examples_of_the_manual_work() {
    examples_work("docs/operations.md", "From the command line");
}

#[test]
fn the_examples_of_the_readme_work() {
    examples_work("README.md", "Rooms");
}
