//! `paltalkd account …` while the daemon runs: the same commands, with effect on who is signed in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use paltalkd::model::{Role, Uid};
use paltalkd::store::AuditQuery;
use serde_json::{Value, json};
use support::{Client, PASSWORD, Server, only, return_code};

const IM_IN: u16 = 0x0014;
const RETURN_CODE: u16 = 0x0064;
const SERVER_DISCONNECT: u16 = 0x044c;

/// Runs a command that finds the store by its configuration, and there that a daemon has it.
fn account(server: &Server, args: &[&str], stdin: &str) -> Output {
    let config = server.data_dir().join("cli.toml");
    let directory = server.data_dir().to_str().unwrap().to_owned();
    std::fs::write(&config, format!("[server]\ndata_dir = {directory:?}\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_paltalkd"));
    command.current_dir(server.data_dir()).env_remove("PALTALKD_CONFIG").env("NO_COLOR", "1");
    command.arg("--config").arg(config).arg("account").args(args);
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
    let (_, told) = ok(&server, &["set", "Ann", "--role", "admin", "--age-verified", "yes"], "");
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
    let (_, told) = ok(&server, &["set", "Ann", "--no-role", "admin"], "");
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

    let (_, told) = ok(&server, &["erase", "Ann", "--yes"], "");
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
