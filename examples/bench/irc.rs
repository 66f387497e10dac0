//! The room profiles in IRC, for a server that anybody can install.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use paltalkd::model::Uid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::Program;
use crate::crowd::{Client, Look, kind};

pub(crate) fn join(room: usize) -> Vec<u8> {
    format!("JOIN #room{room}\r\n").into_bytes()
}

pub(crate) fn message(room: usize, text: &[u8]) -> Vec<u8> {
    [format!("PRIVMSG #room{room} :").as_bytes(), text, b"\r\n"].concat()
}

/// Connects and registers as `uN`.
pub(crate) async fn sign_in(address: SocketAddr, uid: Uid) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("NICK u{0}\r\nUSER u{0} 0 * :load\r\n", uid.0).as_bytes()).await?;
    let mut told = Vec::new();
    let mut buffer = [0; 4096];
    // Registered when the message of the day has come, or is said to be missing.
    while !contains(&told, b" 376 ") && !contains(&told, b" 422 ") {
        let count = stream.read(&mut buffer).await?;
        ensure!(count > 0, "refused: {}", String::from_utf8_lossy(&told));
        let new = &buffer[..count];
        if let Some(cookie) = new.strip_prefix(b"PING") {
            stream.write_all(&[b"PONG", cookie].concat()).await?;
        }
        told.extend_from_slice(new);
    }
    Ok(stream)
}

/// Shows the messages among whole lines as those of a room, and answers pings.
pub(crate) fn split(number: usize, bytes: &[u8], client: &Client, look: &Look) -> usize {
    let mut at = 0;
    while let Some(end) = memchr::memchr(b'\n', &bytes[at..]) {
        let line = &bytes[at..at + end];
        if let Some(cookie) = line.strip_prefix(b"PING") {
            _ = client.stream.try_write(&[b"PONG", cookie, b"\n"].concat());
        } else if let Some(from) = memchr::memmem::find(line, b" PRIVMSG ")
            && let Some(text) = memchr::memmem::find(&line[from..], b" :")
        {
            // Eight bytes stand before the text of a room message of ours.
            let text = from + text + 2;
            look(number, kind::ROOM_MESSAGE_IN, &line[text - 8..]);
        }
        at += end + 1;
    }
    at
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(bytes, wanted).is_some()
}

/// Starts InspIRCd with its limits out of the way, as ours are in these profiles.
pub(crate) fn server(dir: &Path, core: Option<usize>) -> anyhow::Result<Program> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let path = dir.join("inspircd.conf");
    let run = dir.join("run");
    std::fs::create_dir_all(&run)?;
    let run = run.display();
    std::fs::write(
        &path,
        format!(
            "<config format=\"xml\">\n\
             <server name=\"bench.example\" description=\"bench\" network=\"bench\">\n\
             <admin name=\"bench\" nick=\"bench\" email=\"bench@bench.example\">\n\
             <path configdir=\"{run}\" datadir=\"{run}\" logdir=\"{run}\" runtimedir=\"{run}\">\n\
             <pid file=\"{run}/inspircd.pid\">\n\
             <bind address=\"127.0.0.1\" port=\"{port}\" type=\"clients\">\n\
             <connect name=\"main\" allow=\"*\" timeout=\"60\" pingfreq=\"1h\" hardsendq=\"64M\" softsendq=\"64M\" \
             recvq=\"1M\" localmax=\"100000\" globalmax=\"100000\" maxchans=\"100\" fakelag=\"no\" \
             threshold=\"1000000\" commandrate=\"1000000000\" maxconnwarn=\"no\" resolvehostnames=\"no\" \
             useident=\"no\" limit=\"100000\">\n\
             <performance softlimit=\"100000\" somaxconn=\"4096\" netbuffersize=\"65534\" quietbursts=\"yes\">\n\
             <options prefixquit=\"Quit: \" splitwhois=\"no\" defaultmodes=\"n\">\n\
             <log method=\"file\" type=\"*\" level=\"default\" target=\"{run}/log\">\n"
        ),
    )?;
    let child = pinned("inspircd", core)
        .args(["--nofork", "--runasroot", "--config"])
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start inspircd; Debian and others have a package of that name")?;
    let program = Program::new(child, address);
    let start = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        ensure!(start.elapsed() < Duration::from_secs(20), "inspircd does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(program)
}

/// A command that runs on one core only, if one is named.
pub(crate) fn pinned(program: &str, core: Option<usize>) -> Command {
    match core {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", &core.to_string(), program]);
            command
        }
        None => Command::new(program),
    }
}
