//! Passwords and confirmations: from a terminal or from stdin, never from an argument, which other
//! users of the machine could read.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use anyhow::Context;
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::model::{from_cp1252, to_cp1252};
use crate::password::{self, PasswordError};

/// Far beyond any password, so that the message about a long one is the right one.
const MAX_LINE: u64 = 4096;

/// Asks for a new password: twice on the terminal, or the first line of stdin. Windows-1252.
pub(super) fn new_password(from_stdin: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = if from_stdin {
        first_line(io::stdin().lock())?
    } else {
        if !io::stdin().is_terminal() {
            return Err(Failure::Usage(
                "there is no terminal to ask for the password: use --password-stdin".to_owned(),
            ));
        }
        let ask = |prompt: &str| {
            rpassword::prompt_password(prompt).map(Zeroizing::new).context("cannot ask for the password")
        };
        let password = ask("New password: ")?;
        // What is wrong with it is better told before it is typed again.
        encode(&password)?;
        if *password != *ask("The same again: ")? {
            return Err(Failure::failed("the two passwords differ; nothing was changed"));
        }
        password
    };
    encode(&text)
}

fn first_line(input: impl BufRead) -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(Vec::with_capacity(256));
    input.take(MAX_LINE).read_until(b'\n', &mut line).context("cannot read the password from stdin")?;
    let text = std::str::from_utf8(&line).map_err(|_| Failure::failed("the password is not UTF-8"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn encode(text: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = Zeroizing::new(to_cp1252(text));
    let checked = password::check_new(&bytes).and_then(|()| {
        let same = *Zeroizing::new(from_cp1252(&bytes)) == *text;
        if same { Ok(()) } else { Err(PasswordError::Character) }
    });
    checked.map_err(Failure::failed)?;
    Ok(bytes)
}

/// Asks on the terminal; without one, `--yes` is the only way to say it.
pub(super) fn confirm(question: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage("there is no terminal to ask whether you are sure: use --yes".to_owned()));
    }
    let mut stderr = io::stderr();
    let mut answer = String::new();
    write!(stderr, "{question} [y/N] ")
        .and_then(|()| stderr.flush())
        .and_then(|()| io::stdin().lock().take(MAX_LINE).read_line(&mut answer))
        .context("cannot ask")?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was changed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(input: &[u8]) -> Result<Vec<u8>, String> {
        let line = first_line(input).map_err(|failure| failure.to_string())?;
        encode(&line).map(|bytes| bytes.to_vec()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_first_line_of_stdin_is_the_password() {
        assert_eq!(password(b"rosebud"), Ok(b"rosebud".to_vec()));
        assert_eq!(password(b"rosebud\r\nmore\n"), Ok(b"rosebud".to_vec()));
        assert_eq!(password(b" pass word \n"), Ok(b" pass word ".to_vec()));
        assert_eq!(password("café€\n".as_bytes()), Ok(b"caf\xe9\x80".to_vec()));
        for (bad, told) in [
            (&b""[..], "at least 5"),
            (b"four\nfives\n", "at least 5"),
            (b"1234567890123456789012\n", "at most 21"),
            (&[b'x'; 10_000], "at most 21"),
            ("中文中文中文".as_bytes(), "cannot type"),
            (b"tab\tbed", "cannot type"),
            (b"caf\xe9s\n", "not UTF-8"),
        ] {
            let error = password(bad).unwrap_err();
            assert!(error.contains(told), "{bad:?}: {error}");
        }
    }
}
