//! Frames: a length and one message in bincode.

use std::io;

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of the length in front of each message.
pub const HEADER: usize = 4;
/// Bytes read at once: a length that lies costs no memory before the bytes have come.
const PIECE: usize = 64 * 1024;

/// Why a frame cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It is longer than it may be.
    #[error("a frame of {0} bytes is longer than allowed")]
    TooLong(usize),
    /// It does not hold one message.
    #[error("a frame does not hold a message")]
    Malformed,
    /// The connection failed, or ended within a frame.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn options(limit: usize) -> impl Options {
    bincode::DefaultOptions::new().with_limit(limit as u64)
}

/// The whole frame of `message`, whose body has at most `limit` bytes.
///
/// # Errors
///
/// [`FrameError::TooLong`].
pub fn encode(message: &impl Serialize, limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; HEADER];
    options(limit).serialize_into(&mut frame, message).map_err(|_| FrameError::TooLong(limit))?;
    let length = frame.len() - HEADER;
    let length = u32::try_from(length).map_err(|_| FrameError::TooLong(length))?;
    if let Some(header) = frame.first_chunk_mut::<HEADER>() {
        *header = length.to_le_bytes();
    }
    Ok(frame)
}

/// The length that a header announces.
///
/// # Errors
///
/// [`FrameError::TooLong`] if that is more than `limit`.
pub fn length(header: [u8; HEADER], limit: usize) -> Result<usize, FrameError> {
    let length = usize::try_from(u32::from_le_bytes(header)).unwrap_or(usize::MAX);
    if length > limit { Err(FrameError::TooLong(length)) } else { Ok(length) }
}

/// Reads the body of a frame; rejects trailing bytes.
///
/// # Errors
///
/// [`FrameError::Malformed`].
pub fn decode<T: DeserializeOwned>(body: &[u8], limit: usize) -> Result<T, FrameError> {
    options(limit).deserialize(body).map_err(|_| FrameError::Malformed)
}

/// Reads the next message; `None` where the stream ends between two frames. Not to be dropped half way.
///
/// # Errors
///
/// Any [`FrameError`]; the stream is of no use after that.
pub async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> Result<Option<T>, FrameError> {
    let mut header = [0; HEADER];
    let mut have = 0;
    while let Some(free) = header.get_mut(have..).filter(|free| !free.is_empty()) {
        match stream.read(free).await? {
            0 if have == 0 => return Ok(None),
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            count => have += count,
        }
    }
    let length = length(header, limit)?;
    let mut body = Vec::new();
    let mut rest = stream.take(length as u64);
    while body.len() < length {
        body.reserve(PIECE.min(length - body.len()));
        if rest.read_buf(&mut body).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    decode(&body, limit).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::wire::{ClientMessage, REQUEST_MAX, Request, ServerMessage, Status};
    use super::*;

    fn block<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_message_survives_and_what_follows_stays() {
        let first = ClientMessage::Request { id: 7, request: Request::Status };
        let second = ClientMessage::Request { id: 8, request: Request::Unwatch(3) };
        let mut bytes = encode(&first, REQUEST_MAX).unwrap();
        bytes.extend(encode(&second, REQUEST_MAX).unwrap());
        block(async {
            let mut stream = bytes.as_slice();
            assert_eq!(read(&mut stream, REQUEST_MAX).await.unwrap(), Some(first));
            assert_eq!(read(&mut stream, REQUEST_MAX).await.unwrap(), Some(second));
            assert!(read::<ClientMessage>(&mut stream, REQUEST_MAX).await.unwrap().is_none());
            for end in 1..bytes.len() / 2 {
                let mut cut = &bytes[..end];
                assert!(read::<ClientMessage>(&mut cut, REQUEST_MAX).await.is_err(), "{end}");
            }
        });
    }

    #[test]
    fn a_length_that_lies_is_refused_before_it_costs_anything() {
        let header = u32::MAX.to_le_bytes();
        assert!(matches!(length(header, REQUEST_MAX), Err(FrameError::TooLong(_))));
        let mut long = encode(&ServerMessage::Goodbye("x".repeat(100)), 1000).unwrap();
        assert!(encode(&ServerMessage::Goodbye("x".repeat(100)), 50).is_err());
        long.push(0);
        assert!(decode::<ServerMessage>(&long[HEADER..], 1000).is_err(), "trailing");
    }

    #[test]
    fn everything_in_a_status_crosses() {
        let status = Status { closed: vec![("idle".into(), 3)], cpu_percent: 1.5, ..Status::default() };
        let bytes = encode(&status, 10_000).unwrap();
        assert_eq!(decode::<Status>(&bytes[HEADER..], 10_000).unwrap(), status);
    }

    proptest! {
        #[test]
        fn garbage_is_refused_or_read_but_never_harms(bytes: Vec<u8>) {
            _ = block(read::<ClientMessage>(&mut bytes.as_slice(), REQUEST_MAX));
            _ = decode::<ServerMessage>(&bytes, 1000);
        }
    }
}
