use super::super::reader::{Reader, split_line};
use super::super::{Hidden, ParseError, record};
use crate::model::Uid;

/// Wish to sign in: 10 bytes from 5.0, at least 14 from later clients (PROTOCOL 6.6, 6.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InitialStatus {
    /// The account.
    pub uid: Uid,
    /// The status to start with, as a wire value; 5.0 names none.
    pub status: Option<u32>,
}

/// The password and what goes with it (PROTOCOL 6.10). All strings are still encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Login<'a> {
    /// The account, which must be that of the wish to sign in.
    pub uid: Uid,
    /// The password: variant 1, or the codebook from 8.2 on. All that 5.0 sends.
    pub password_digits: Hidden<'a>,
    /// The server's address as the client sees it: variant 2, or the codebook.
    pub address_digits: Option<Hidden<'a>>,
    /// The answer to the secret question: variant 1, or the codebook.
    pub answer_digits: Option<Hidden<'a>>,
}

/// The registration form of 5.x, without what nobody needs to know (PROTOCOL 6.22).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegistrationPt5<'a> {
    /// The wanted nickname.
    pub nickname: &'a [u8],
    /// The password: variant 1, challenge 0.
    pub password_digits: Hidden<'a>,
    /// The e-mail address, may be empty.
    pub email: Hidden<'a>,
}

/// Secret question and password hint (PROTOCOL 6.24).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasswordHint<'a> {
    /// The number of the question, 0 for none.
    pub question: u16,
    /// The answer, may be empty.
    pub answer: Hidden<'a>,
    /// The hint.
    pub hint: Hidden<'a>,
}

/// Old and new password, both encoded (PROTOCOL 6.25).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewPassword<'a> {
    /// The account.
    pub uid: Uid,
    /// The old password: variant 1 under the challenge of the reset; from 5.0 variant 1 without
    /// key text (capture password-change).
    pub old_digits: Hidden<'a>,
    /// The new password: variant 1, challenge 0.
    pub new_digits: Hidden<'a>,
}

/// The registration form of 7 and later, without what nobody needs to know (PROTOCOL 6.26). All
/// strings are variant 2 under the challenge of the registration, or the codebook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegistrationInfo<'a> {
    /// The wanted nickname.
    pub nickname_digits: &'a [u8],
    /// The password.
    pub password_digits: Hidden<'a>,
    /// The e-mail address, may be empty.
    pub email_digits: Hidden<'a>,
}

type Result<T> = std::result::Result<T, ParseError>;

pub(super) fn initial_status(reader: &mut Reader<'_>) -> Result<InitialStatus> {
    let uid = reader.uid()?;
    reader.u32()?;
    // From 10.2 on this word is a longer field, and all that follows moves by two bytes.
    if reader.u16()? == 0x0409 {
        reader.u16()?;
    }
    Ok(InitialStatus { uid, status: reader.u32().ok() })
}

pub(super) fn initial_status_2(reader: &mut Reader<'_>) -> Result<InitialStatus> {
    let uid = reader.uid()?;
    let status = Some(reader.u32()?);
    reader.u32()?;
    Ok(InitialStatus { uid, status })
}

pub(super) fn login<'a>(reader: &mut Reader<'a>) -> Result<Login<'a>> {
    let uid = reader.uid()?;
    let (password, rest) = split_line(reader.rest());
    let (address, rest) = rest.map_or((None, None), |rest| {
        let (address, rest) = split_line(rest);
        (Some(address), rest)
    });
    // 10 and later put a number of unknown meaning before the answer, so the answer is found by
    // the word that follows it.
    let mut answer = None;
    let mut before = None;
    for line in rest.unwrap_or_default().split(|&byte| byte == b'\n') {
        if matches!(line, b"add" | b"noadd") {
            answer = before;
        }
        before = Some(Hidden(line));
    }
    Ok(Login {
        uid,
        password_digits: Hidden(password),
        address_digits: address.filter(|digits| !digits.is_empty()).map(Hidden),
        answer_digits: answer,
    })
}

pub(super) fn registration_pt5<'a>(reader: &mut Reader<'a>) -> Result<RegistrationPt5<'a>> {
    let form = reader.rest();
    let field = |key| record::value(form, key).ok_or(reader.missing(key));
    Ok(RegistrationPt5 {
        nickname: field("nickname")?,
        password_digits: Hidden(field("password")?),
        email: Hidden(record::value(form, "email").unwrap_or_default()),
    })
}

pub(super) fn password_hint<'a>(reader: &mut Reader<'a>) -> Result<PasswordHint<'a>> {
    let question = reader.u16()?;
    let (answer, hint) = split_line(reader.rest());
    Ok(PasswordHint { question, answer: Hidden(answer), hint: Hidden(hint.unwrap_or_default()) })
}

pub(super) fn new_password<'a>(reader: &mut Reader<'a>) -> Result<NewPassword<'a>> {
    let uid = reader.uid()?;
    let (old, new) = split_line(reader.rest());
    let new = new.ok_or_else(|| reader.missing("new password"))?;
    Ok(NewPassword { uid, old_digits: Hidden(old), new_digits: Hidden(split_line(new).0) })
}

pub(super) fn registration_info<'a>(reader: &mut Reader<'a>) -> Result<RegistrationInfo<'a>> {
    let mut lines = reader.rest().split(|&byte| byte == b'\n');
    let mut line = |field| lines.next().ok_or_else(|| reader.missing(field));
    Ok(RegistrationInfo {
        nickname_digits: line("nickname")?,
        password_digits: Hidden(line("password")?),
        email_digits: Hidden(line("email")?),
    })
}

pub(super) fn registration_ends(payload: &[u8]) -> bool {
    payload.split(|&byte| byte == b'&').any(|field| field.trim_ascii() == b"success=1")
}
