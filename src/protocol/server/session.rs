use std::net::Ipv4Addr;

use super::super::Dialect;
use super::super::cipher::{CodebookSeed, challenge_digits};
use super::super::reader::Writer;
use super::super::record::RecordWriter;
use crate::model::{Nickname, Privacy, Uid};

/// A challenge under which strings are encoded (PROTOCOL 6.9, 6.23, 6.26).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// Random ASCII digits; not zero bytes, which would end the text in some clients.
    pub filler: [u8; 4],
    /// The challenge, one of [`CHALLENGES`](crate::protocol::cipher::CHALLENGES).
    pub challenge: u16,
    /// The codebook for 8.2 and later; other clients do not see it.
    pub codebook: CodebookSeed,
}

/// Where banners change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BannerTarget {
    /// In message windows.
    Im,
    /// In room windows.
    Room,
}

impl BannerTarget {
    pub(super) fn wire(self) -> u8 {
        match self {
            BannerTarget::Im => b'C',
            BannerTarget::Room => b'G',
        }
    }
}

/// The user's own account as he is told about it (PROTOCOL 6.16). Empty texts are left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserData {
    /// The uid.
    pub uid: Uid,
    /// The nickname.
    pub nickname: Nickname,
    /// The first name.
    pub first: Vec<u8>,
    /// The last name.
    pub last: Vec<u8>,
    /// The e-mail address.
    pub email: Vec<u8>,
    /// Whether the user is staff.
    pub staff: bool,
    /// Who may contact the user.
    pub privacy: Privacy,
    /// Whether strangers may call at random.
    pub random: bool,
    /// Whether the user gets offers.
    pub offers: bool,
    /// Whether the e-mail address is verified.
    pub verified: bool,
    /// Whether the features of a paid subscription are open.
    pub paid: bool,
    /// The server's address as a decimal number, variant 1 under the session's challenge.
    pub ei_digits: Vec<u8>,
    /// `host:25:user:pass`, variant 2 under challenge 25. If this is empty, 5.0 must not be told
    /// about random calls and offers either, or it reads past the end of the record and dies
    /// (capture login-userdata-crash); those keys are left out then.
    pub smtp_digits: Vec<u8>,
    /// The client's own address, for 8.2 and later.
    pub ip: Option<Ipv4Addr>,
}

impl Challenge {
    pub(super) fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        if dialect == Dialect::V8 {
            self.write_codebook(out);
            out.bytes(&[0; 8]);
        }
        out.bytes(&self.filler).bytes(&challenge_digits(self.challenge));
    }

    pub(super) fn write_for_registration(&self, dialect: Dialect, out: &mut Vec<u8>) {
        out.word(self.challenge);
        if dialect == Dialect::V8 {
            self.write_codebook(out);
            out.bytes(&[0; 8]);
        } else {
            out.bytes(&[0; 14]);
        }
    }

    fn write_codebook(&self, out: &mut Vec<u8>) {
        out.word(self.codebook.cb1).word(self.codebook.cb2).word(self.codebook.cb3);
    }
}

impl UserData {
    pub(super) fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let with_smtp = !self.smtp_digits.is_empty();
        let mut record = RecordWriter::new(out);
        record
            .number("uid", self.uid.0)
            .text("nickname", self.nickname.as_bytes())
            .text_unless_empty("first", &self.first)
            .text_unless_empty("last", &self.last)
            .text_unless_empty("email", &self.email)
            .flag("admin", self.staff)
            .text("banners", b"no");
        if with_smtp {
            record
                .letter("get_offers_from_us", self.offers)
                .letter("get_offers_from_affiliates", self.offers)
                .letter("random", self.random);
        }
        record
            .letter("verified", self.verified)
            .text("privacy", &[self.privacy.wire()])
            .text("paid1", self.subscription(dialect))
            .text_unless_empty("ei", &self.ei_digits)
            .text_unless_empty("smtp", &self.smtp_digits);
        if let Some(ip) = self.ip.filter(|_| dialect == Dialect::V8) {
            record.text("ip", ip.to_string().as_bytes());
        }
    }

    fn subscription(&self, dialect: Dialect) -> &'static [u8] {
        match (self.paid, dialect) {
            (false, _) => b"N",
            (true, Dialect::V50 | Dialect::V51) => b"Y",
            (true, _) => b"6",
        }
    }
}

/// The text of a greeting, which no client reads.
pub(super) const HELLO: &[u8] = b"Hello-From:PaLTaLK";
/// The same as the original servers spelled it with the other number.
pub(super) const HELLO_NEGATIVE: &[u8] = b"Hello-From:PaLTALK";

pub(super) fn write_uid_response(uid: Option<Uid>, nickname: &[u8], dialect: Dialect, out: &mut Vec<u8>) {
    let number = uid.map_or_else(|| "-1".to_owned(), |uid| uid.to_string());
    RecordWriter::new(out).text("uid", number.as_bytes()).text("nickname", nickname);
    // As recorded with a real 5.0 (capture login-new-nickname); gaim-pt takes all that follows
    // `nickname=` as the name.
    if dialect == Dialect::V50 {
        out.push(b'\n');
    }
}
