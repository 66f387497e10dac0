//! What precedes the data of a file, in either of its two forms: as bytes, name and size in little-endian, to
//! and from 5.x, or as a line, 7 and later (PROTOCOL 13.2).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::hub::peers::{LONGEST_NAME, plain_name};
use crate::model::{Nickname, Uid};

/// The longest line, in bytes: uids, nickname, size and name.
pub const LONGEST_LINE: usize = LONGEST_NAME + 128;

/// What precedes the data of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heading {
    name: Vec<u8>,
    size: u32,
}

impl Heading {
    /// The name without directories and control characters; never empty, at most [`LONGEST_NAME`] bytes.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// How many bytes of data follow.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Reads what a sender of 5.x begins with, and nothing of what follows it.
    ///
    /// # Errors
    ///
    /// A name longer than [`LONGEST_NAME`], an end too early, or that of the connection.
    pub async fn read(sender: &mut (impl AsyncRead + Unpin)) -> io::Result<Heading> {
        let length = usize::from(sender.read_u16_le().await?);
        if length > LONGEST_NAME {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "the file's name is too long"));
        }
        let mut name = vec![0; length];
        sender.read_exact(&mut name).await?;
        let size = sender.read_u32_le().await?;
        Ok(Heading { name: plain_name(&name), size })
    }

    /// What [`Heading::read`] reads.
    pub fn bytes(&self) -> Vec<u8> {
        // A plain name is never longer than LONGEST_NAME.
        let length = u16::try_from(self.name.len()).unwrap_or_default();
        [&length.to_le_bytes(), self.name.as_slice(), &self.size.to_le_bytes()].concat()
    }

    /// Reads `SEND from to nickname size name`, separated by tabs, without the end of the line. Who sends is known
    /// better.
    ///
    /// # Errors
    ///
    /// Anything else.
    pub fn parse_line(line: &[u8]) -> io::Result<Heading> {
        let mut fields = line.splitn(6, |byte| *byte == b'\t');
        let verb = fields.next();
        let size = fields.nth(3).and_then(|size| std::str::from_utf8(size).ok()?.parse().ok());
        match (verb, size, fields.next()) {
            (Some(b"SEND"), Some(size), Some(name)) => Ok(Heading { name: plain_name(name), size }),
            _ => Err(unreadable("this says nothing of a file")),
        }
    }

    /// What [`Heading::parse_line`] reads, with the end of the line.
    pub fn line(&self, from: Uid, to: Uid, nickname: &Nickname) -> Vec<u8> {
        let mut line = format!("SEND\t{from}\t{to}\t").into_bytes();
        line.extend(nickname.as_bytes());
        line.extend(format!("\t{}\t", self.size).bytes());
        line.extend(&self.name);
        line.push(b'\n');
        line
    }
}

/// Reads a line and returns it without its end. Byte for byte, because data may follow it at once.
///
/// # Errors
///
/// More than [`LONGEST_LINE`] bytes, an end too early, or that of the connection.
pub async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while line.len() < LONGEST_LINE {
        match stream.read_u8().await? {
            b'\n' => {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            byte => line.push(byte),
        }
    }
    Err(unreadable("a line is too long"))
}

fn unreadable(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_line_is_name_and_size() {
        let heading = |line: &str| Heading::parse_line(line.as_bytes()).ok();
        assert_eq!(
            heading("SEND\t1000002\t1000003\tBob\t12\tC:\\a b.txt"),
            Some(Heading { name: b"a b.txt".to_vec(), size: 12 })
        );
        for line in [
            "",
            "SEND",
            "SEND\tOK",
            "SEND\t1\t2\tBob\t-1\ta",
            "SEND\t1\t2\tBob\t99999999999\ta",
            "SENT\t1\t2\tBob\t1\ta",
            "SEND\t1\t2\tBob\t1",
        ] {
            assert_eq!(heading(line), None, "{line}");
        }
    }
}
