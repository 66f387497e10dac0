//! What the tests of the control socket share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use paltalkd::control::client::Client;
use paltalkd::control::frame;
use paltalkd::control::wire::{
    ClientHello, ClientMessage, PROTOCOL, Page, REPLY_MAX, REQUEST_MAX, Reply, Request, Rows, ServerMessage,
};

use crate::support::{DEADLINE, Server};

pub fn socket(server: &Server) -> PathBuf {
    server.data_dir().join("control.sock")
}

pub fn client(server: &Server) -> Client {
    Client::connect(&socket(server), false).unwrap()
}

pub fn ask(client: &mut Client, request: Request) -> Reply {
    client.ask(request, |_, _| {}).unwrap()
}

/// A connection that speaks frames, and may misbehave.
pub struct Raw(pub UnixStream);

impl Raw {
    pub fn connect(server: &Server) -> Raw {
        let stream = UnixStream::connect(socket(server)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Raw(stream)
    }

    pub fn greeted(server: &Server) -> Raw {
        let mut raw = Raw::connect(server);
        assert!(matches!(raw.receive(), ServerMessage::Hello(_)));
        raw.send(&hello(PROTOCOL));
        raw
    }

    pub fn send(&mut self, message: &ClientMessage) {
        self.0.write_all(&frame::encode(message, REQUEST_MAX).unwrap()).unwrap();
    }

    pub fn receive(&mut self) -> ServerMessage {
        let mut header = [0; 4];
        self.0.read_exact(&mut header).unwrap();
        let mut body = vec![0; frame::length(header, REPLY_MAX).unwrap()];
        self.0.read_exact(&mut body).unwrap();
        frame::decode(&body, REPLY_MAX).unwrap()
    }

    /// What the daemon says when it ends the connection.
    pub fn goodbye(&mut self) -> String {
        let ServerMessage::Goodbye(text) = self.receive() else { panic!("no goodbye") };
        let mut rest = Vec::new();
        _ = self.0.read_to_end(&mut rest);
        assert!(rest.is_empty());
        text
    }
}

pub fn hello(protocol: u16) -> ClientMessage {
    ClientMessage::Hello(ClientHello { protocol, version: "9.9.9".into(), read_only: false })
}

pub fn users(reply: Reply) -> Page {
    match reply {
        Reply::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

pub fn names(page: &Page) -> Vec<&str> {
    match &page.rows {
        Rows::Users(rows) => rows.iter().map(|row| row.nickname.as_str()).collect(),
        Rows::Rooms(rows) => rows.iter().map(|row| row.name.as_str()).collect(),
        Rows::Strikes(rows) => rows.iter().map(|row| row.nickname.as_str()).collect(),
    }
}
