//! The connection to the daemon: a task of its own, so that the screen never waits for it. It connects,
//! says hello, passes messages on in both directions, and after a loss tries again, ever more rarely but
//! never more rarely than every [`CAP`].

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::control::frame::{self, FrameError};
use crate::control::wire::{
    ClientHello, ClientMessage, PROTOCOL, REPLY_MAX, REQUEST_MAX, ServerHello, ServerMessage,
};

use super::model::LinkEvent;

/// The first wait.
const BASE: Duration = Duration::from_millis(250);
/// The longest wait.
const CAP: Duration = Duration::from_secs(10);
/// How long the daemon may take to say hello.
const HELLO: Duration = Duration::from_secs(5);

/// What the console wants of the connection.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum LinkCommand {
    Send(ClientMessage),
    /// Try now instead of waiting.
    Retry,
}

/// How to connect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LinkOptions {
    pub(super) socket: PathBuf,
    pub(super) read_only: bool,
    /// Whether to try again at all.
    pub(super) reconnect: bool,
    /// How long to go on trying; for ever if `None`.
    pub(super) retry_for: Option<Duration>,
}

/// How long to wait after so many failures in a row. `jitter` is 0 to 255: many consoles of one daemon
/// shall not come back at once.
pub(super) fn backoff(failures: u32, jitter: u8) -> Duration {
    let whole = BASE.saturating_mul(1 << failures.min(16)).min(CAP);
    // Between half of it and all of it.
    whole / 2 + whole.mul_f64(f64::from(jitter) / 510.0)
}

/// Runs until the console hangs up.
pub(super) async fn run(
    options: LinkOptions,
    mut commands: mpsc::Receiver<LinkCommand>,
    events: mpsc::Sender<LinkEvent>,
) {
    let mut failures = 0;
    let mut lost_at = Instant::now();
    loop {
        if events.send(LinkEvent::Connecting).await.is_err() {
            return;
        }
        let why = match connect(&options).await {
            Ok((stream, hello)) => {
                failures = 0;
                if events.send(LinkEvent::Connected(hello)).await.is_err() {
                    return;
                }
                let Some(why) = converse(stream, &mut commands, &events).await else { return };
                lost_at = Instant::now();
                why
            }
            Err(why) => why,
        };
        let wait = backoff(failures, random());
        failures += 1;
        let over = options.retry_for.is_some_and(|most| lost_at.elapsed() + wait > most);
        let retry_in = (options.reconnect && !over).then_some(wait);
        if events.send(LinkEvent::Disconnected { why, retry_in }).await.is_err() || retry_in.is_none() {
            return;
        }
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                () = sleep_until(until) => break,
                command = commands.recv() => match command {
                    None => return,
                    Some(LinkCommand::Retry) => break,
                    // It was meant for the daemon that is gone.
                    Some(LinkCommand::Send(_)) => {}
                },
            }
        }
    }
}

fn random() -> u8 {
    let mut byte = [0];
    // Without randomness all wait equally long; nothing else is lost.
    _ = getrandom::fill(&mut byte);
    u8::from_le_bytes(byte)
}

/// Connects and says hello; or says why not, in words.
async fn connect(options: &LinkOptions) -> Result<(UnixStream, ServerHello), String> {
    let socket = &options.socket;
    let stream = timeout(HELLO, UnixStream::connect(socket)).await;
    let mut stream = stream
        .map_err(|_| "the daemon does not answer".to_owned())?
        .map_err(|error| refused(socket, &error))?;
    let hello = ClientHello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        read_only: options.read_only,
    };
    let hello = frame::encode(&ClientMessage::Hello(hello), REQUEST_MAX).map_err(|error| lost(&error))?;
    let greeted = timeout(HELLO, async {
        stream.write_all(&hello).await?;
        next(&mut stream).await
    });
    match greeted.await {
        Err(_) => Err("the daemon does not say hello".to_owned()),
        Ok(Err(error)) => Err(lost(&error)),
        Ok(Ok(ServerMessage::Goodbye(why))) => Err(why),
        Ok(Ok(ServerMessage::Hello(hello))) if hello.protocol == PROTOCOL => Ok((stream, hello)),
        Ok(Ok(ServerMessage::Hello(hello))) => {
            let which = if hello.protocol > PROTOCOL { "newer" } else { "older" };
            Err(format!(
                "the daemon is {which}: {} speaks protocol {}, this console ({}) speaks {PROTOCOL}; use the paltalkd of the daemon",
                hello.version,
                hello.protocol,
                env!("CARGO_PKG_VERSION"),
            ))
        }
        Ok(Ok(_)) => Err("the daemon speaks another language".to_owned()),
    }
}

fn refused(socket: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            format!("no daemon at {}", socket.display())
        }
        io::ErrorKind::PermissionDenied => {
            format!("no permission for {}: one of its groups is needed", socket.display())
        }
        _ => format!("{}: {error}", socket.display()),
    }
}

fn lost(error: &FrameError) -> String {
    match error {
        FrameError::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                "the daemon has hung up".to_owned()
            }
            _ => error.to_string(),
        },
        FrameError::TooLong(_) | FrameError::Malformed => "the daemon speaks another language".to_owned(),
    }
}

/// The daemon's next message; the end of the connection is an error.
async fn next(stream: &mut (impl AsyncRead + Unpin)) -> Result<ServerMessage, FrameError> {
    let end = || io::Error::from(io::ErrorKind::UnexpectedEof).into();
    frame::read(stream, REPLY_MAX).await?.ok_or_else(end)
}

/// Passes messages on until the connection ends, and says why it did; `None` if the console is gone.
async fn converse(
    stream: UnixStream,
    commands: &mut mpsc::Receiver<LinkCommand>,
    events: &mpsc::Sender<LinkEvent>,
) -> Option<String> {
    let (mut reader, mut writer) = stream.into_split();
    // Reading a frame cannot be interrupted; so it has a task of its own, which waits where the console
    // is slow: then the daemon notices and merges.
    let (sender, mut messages) = mpsc::channel(64);
    let reading = tokio::spawn(async move {
        loop {
            let message = next(&mut reader).await;
            let ended = message.is_err();
            if sender.send(message).await.is_err() || ended {
                return;
            }
        }
    });
    let why = loop {
        tokio::select! {
            message = messages.recv() => match message {
                None => break Some("the daemon has hung up".to_owned()),
                Some(Err(error)) => break Some(lost(&error)),
                Some(Ok(ServerMessage::Goodbye(why))) => break Some(why),
                Some(Ok(message)) => {
                    if events.send(LinkEvent::Message(message)).await.is_err() {
                        break None;
                    }
                }
            },
            command = commands.recv() => match command {
                None => break None,
                Some(LinkCommand::Retry) => {}
                Some(LinkCommand::Send(message)) => {
                    let frame = match frame::encode(&message, REQUEST_MAX) {
                        Ok(frame) => frame,
                        Err(error) => break Some(lost(&error)),
                    };
                    match timeout(HELLO, writer.write_all(&frame)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => break Some(lost(&error.into())),
                        Err(_) => break Some("the daemon does not read".to_owned()),
                    }
                }
            },
        }
    };
    reading.abort();
    why
}

/// Asks the daemon a few questions, one after the other, and hangs up.
///
/// # Errors
///
/// Why there are no answers, in words.
pub(super) async fn ask(
    options: &LinkOptions,
    requests: Vec<crate::control::wire::Request>,
) -> Result<(ServerHello, Vec<crate::control::wire::Reply>), String> {
    let (mut stream, hello) = connect(options).await?;
    let mut replies = Vec::new();
    for (id, request) in (1..).zip(requests) {
        let request = frame::encode(&ClientMessage::Request { id, request }, REQUEST_MAX)
            .map_err(|error| lost(&error))?;
        stream.write_all(&request).await.map_err(|error| lost(&error.into()))?;
        loop {
            match next(&mut stream).await.map_err(|error| lost(&error))? {
                ServerMessage::Reply { id: of, result } if of == id => {
                    replies.push(result.map_err(|refusal| refusal.text)?);
                    break;
                }
                ServerMessage::Goodbye(why) => return Err(why),
                _ => {}
            }
        }
    }
    Ok((hello, replies))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_its_cap_and_no_further() {
        let mut last = Duration::ZERO;
        for failures in 0..100 {
            let (least, most) = (backoff(failures, 0), backoff(failures, 255));
            assert!(least <= most && most <= CAP && least >= last, "{failures}");
            last = least;
        }
        assert_eq!(backoff(u32::MAX, 255), CAP);
        assert!(backoff(0, 0) >= BASE / 2);
    }
}
