//! The end of the command line: asks, waits for the answer, and says clearly why there is none.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::frame::{self, FrameError, HEADER};
use super::wire::{
    ClientHello, ClientMessage, PROTOCOL, REPLY_MAX, REQUEST_MAX, Refusal, Reply, Request, ServerHello,
    ServerMessage, Update, View,
};

/// How long the daemon may take to say hello.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no daemon answers at {0}; is it running? (`paltalkd serve`, or --socket for another one)")]
    NoDaemon(PathBuf),
    /// The system does not let this user in.
    #[error(
        "you may not use the socket {0}: the system does not let you open it (see [control] mode and group)"
    )]
    Permission(PathBuf),
    /// The daemon does not let this user in; its own words.
    #[error("the daemon refuses: {0}")]
    Goodbye(String),
    /// The daemon has ended the connection before it was done, as when it stops; its own words.
    #[error("{0}")]
    Stopped(String),
    /// The two programs do not understand each other.
    #[error("the daemon is of version {0} and speaks another protocol than this program, of version {ours}; use the program of the daemon", ours = env!("CARGO_PKG_VERSION"))]
    Version(String),
    /// The daemon does not do what was asked.
    #[error("{}", .0.text)]
    Refused(Refusal),
    /// The connection ended before the answer.
    #[error("the daemon ended the connection before it answered")]
    Ended,
    /// What came is no message.
    #[error("what came from the daemon is not its protocol")]
    Malformed,
    /// The connection failed.
    #[error("the connection to the daemon failed: {0}")]
    Io(io::Error),
}

impl From<FrameError> for ClientError {
    fn from(error: FrameError) -> ClientError {
        match error {
            FrameError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => ClientError::Ended,
            FrameError::Io(error) => ClientError::Io(error),
            FrameError::TooLong(_) | FrameError::Malformed => ClientError::Malformed,
        }
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> ClientError {
        FrameError::Io(error).into()
    }
}

/// A connection to the daemon. Everything blocks.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    hello: ServerHello,
    next: u32,
}

impl Client {
    /// Connects to the daemon at `socket` and says hello.
    ///
    /// # Errors
    ///
    /// Any but [`ClientError::Refused`].
    pub fn connect(socket: &Path, read_only: bool) -> Result<Client, ClientError> {
        let stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidInput => ClientError::NoDaemon(socket.to_owned()),
            io::ErrorKind::PermissionDenied => ClientError::Permission(socket.to_owned()),
            _ => ClientError::Io(error),
        })?;
        stream.set_read_timeout(Some(HANDSHAKE))?;
        stream.set_write_timeout(Some(HANDSHAKE))?;
        let mut stream = stream;
        let hello = match receive(&mut stream)? {
            ServerMessage::Hello(hello) if hello.protocol == PROTOCOL => hello,
            ServerMessage::Hello(hello) => return Err(ClientError::Version(hello.version)),
            ServerMessage::Goodbye(text) => return Err(ClientError::Goodbye(text)),
            _ => return Err(ClientError::Malformed),
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        send(&mut stream, &ClientMessage::Hello(ClientHello { protocol: PROTOCOL, version, read_only }))?;
        // From here on the daemon may take its time: a backup does.
        stream.set_read_timeout(None)?;
        Ok(Client { stream, hello, next: 0 })
    }

    /// What the daemon has said about itself.
    pub fn hello(&self) -> &ServerHello {
        &self.hello
    }

    /// Asks, tells `progress` how far a long answer is, and waits for it.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`].
    pub fn ask(
        &mut self,
        request: Request,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Reply, ClientError> {
        let ours = self.next;
        self.next = self.next.wrapping_add(1);
        send(&mut self.stream, &ClientMessage::Request { id: ours, request })?;
        loop {
            match receive(&mut self.stream)? {
                ServerMessage::Reply { id, result } if id == ours => {
                    return result.map_err(ClientError::Refused);
                }
                ServerMessage::Progress { id, done, of } if id == ours => progress(done, of),
                ServerMessage::Goodbye(text) => return Err(ClientError::Stopped(text)),
                ServerMessage::Hello(_) => return Err(ClientError::Malformed),
                ServerMessage::Reply { .. }
                | ServerMessage::Progress { .. }
                | ServerMessage::Update { .. } => {}
            }
        }
    }

    /// Watches one view: each update goes to `seen`, until that returns `false` or the daemon ends it.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`]; [`ClientError::Ended`] and [`ClientError::Stopped`] when the daemon stops.
    pub fn watch(&mut self, what: View, mut seen: impl FnMut(&Update) -> bool) -> Result<(), ClientError> {
        const VIEW: u32 = 1;
        let ours = self.next;
        self.next = self.next.wrapping_add(1);
        send(
            &mut self.stream,
            &ClientMessage::Request { id: ours, request: Request::Watch { view: VIEW, what } },
        )?;
        loop {
            match receive(&mut self.stream)? {
                ServerMessage::Reply { id, result } if id == ours => {
                    _ = result.map_err(ClientError::Refused)?
                }
                ServerMessage::Update { view: VIEW, update, .. } if !seen(&update) => return Ok(()),
                ServerMessage::Goodbye(text) => return Err(ClientError::Stopped(text)),
                _ => {}
            }
        }
    }
}

fn send(stream: &mut UnixStream, message: &ClientMessage) -> Result<(), ClientError> {
    Ok(stream.write_all(&frame::encode(message, REQUEST_MAX)?)?)
}

fn receive(stream: &mut UnixStream) -> Result<ServerMessage, ClientError> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header)?;
    let length = frame::length(header, REPLY_MAX)?;
    let mut body = Vec::new();
    stream.take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(ClientError::Ended);
    }
    Ok(frame::decode(&body, REPLY_MAX)?)
}
