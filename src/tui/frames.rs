//! Frames of the control socket on the console's side: a length and one message in bincode.

use std::io;

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes read at once: a length that lies costs no memory before the bytes have come.
const PIECE: usize = 64 * 1024;

fn options(limit: usize) -> impl Options {
    bincode::DefaultOptions::new().with_limit(limit as u64)
}

/// The whole frame of `message`, whose body has at most `limit` bytes.
pub(super) fn encode(message: &impl Serialize, limit: usize) -> io::Result<Vec<u8>> {
    let body = options(limit).serialize(message).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let mut frame = length.to_le_bytes().to_vec();
    frame.extend(body);
    Ok(frame)
}

/// Reads the next message of at most `limit` bytes. Not to be dropped half way.
pub(super) async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> io::Result<T> {
    let length = usize::try_from(stream.read_u32_le().await?).unwrap_or(usize::MAX);
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the daemon speaks another language"));
    }
    let mut body = Vec::new();
    let mut rest = stream.take(length as u64);
    while body.len() < length {
        body.reserve(PIECE.min(length - body.len()));
        if rest.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let other = |_| io::Error::new(io::ErrorKind::InvalidData, "the daemon speaks another language");
    options(limit).deserialize(&body).map_err(other)
}
