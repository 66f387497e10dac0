//! The two directions of a connection.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::frame::{self, FrameError};
use super::super::wire::{
    ClientHello, ClientMessage, REPLY_MAX, REQUEST_MAX, Refusal, RefusalCode, Request, ServerHello,
    ServerMessage,
};
use super::{HANDSHAKE, STALL};

/// Bytes written at once.
const PIECE: usize = 64 * 1024;

/// Says why and ends the connection.
pub(in super::super) async fn goodbye(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    if let Ok(frame) = frame::encode(&ServerMessage::Goodbye(text.to_owned()), REPLY_MAX) {
        _ = timeout(HANDSHAKE, async {
            stream.write_all(&frame).await?;
            stream.shutdown().await
        })
        .await;
    }
}

/// Says hello and hears one; `None` if the client has left.
pub(super) async fn greet(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    hello: ServerHello,
) -> Result<Option<ClientHello>, FrameError> {
    writer.write_all(&frame::encode(&ServerMessage::Hello(hello), REPLY_MAX)?).await?;
    match frame::read::<ClientMessage>(reader, REQUEST_MAX).await? {
        Some(ClientMessage::Hello(hello)) => Ok(Some(hello)),
        Some(ClientMessage::Request { .. }) => Err(FrameError::Malformed),
        None => Ok(None),
    }
}

/// Hands on what the client asks, until it says something else or nothing more.
pub(super) async fn read(
    mut reader: impl AsyncRead + Unpin,
    to: mpsc::Sender<Result<(u32, Request), FrameError>>,
) {
    loop {
        let message = match frame::read::<ClientMessage>(&mut reader, REQUEST_MAX).await {
            Ok(Some(ClientMessage::Request { id, request })) => Ok((id, request)),
            Ok(Some(ClientMessage::Hello(_))) => Err(FrameError::Malformed),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let last = message.is_err();
        if to.send(message).await.is_err() || last {
            return;
        }
    }
}

/// How writing has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    All,
    Stalled,
}

/// Writes what there is to say, until there is nothing more or nobody reads.
pub(super) async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut frames: mpsc::Receiver<Vec<u8>>,
) -> Written {
    while let Some(frame) = frames.recv().await {
        for piece in frame.chunks(PIECE) {
            match timeout(STALL, writer.write_all(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Written::All,
                Err(_) => return Written::Stalled,
            }
        }
    }
    _ = timeout(STALL, writer.shutdown()).await;
    Written::All
}

/// A message as it stands on the socket; a short excuse for one that is too long.
pub(super) fn encoded(message: &ServerMessage) -> Vec<u8> {
    frame::encode(message, REPLY_MAX).unwrap_or_else(|_| {
        // Only a reply can be as long as that; an update has a window.
        let text = "the answer is too long; ask for less by a filter or a limit".to_owned();
        let short = match message {
            ServerMessage::Reply { id, .. } => {
                ServerMessage::Reply { id: *id, result: Err(Refusal { code: RefusalCode::Failed, text }) }
            }
            _ => ServerMessage::Goodbye(text),
        };
        frame::encode(&short, REPLY_MAX).unwrap_or_default()
    })
}
