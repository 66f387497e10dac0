use std::fmt;
use std::str::FromStr;

use crate::control::wire::Target;
use crate::model::{Nickname, Uid, from_cp1252, to_cp1252};

/// How a user is named on the command line: by nickname or uid. `uid:` or `nick:` in front says
/// which, for nicknames that consist of digits.
#[derive(Clone, Debug)]
pub(super) struct Who {
    text: String,
    uid: Option<Uid>,
    nickname: Option<Nickname>,
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Who, String> {
        let (uid, nickname) = match text.split_once(':') {
            Some(("uid", uid)) => (Some(uid), None),
            Some(("nick", nickname)) => (None, Some(nickname)),
            _ => (Some(text), Some(text)),
        };
        let who = Who {
            text: text.to_owned(),
            uid: uid.and_then(Uid::from_digits),
            nickname: nickname.and_then(exact_nickname),
        };
        if who.uid.is_none() && who.nickname.is_none() {
            return Err("neither a nickname nor a uid".to_owned());
        }
        Ok(who)
    }
}

/// The nickname that `text` is, if it is one to the letter.
fn exact_nickname(text: &str) -> Option<Nickname> {
    let bytes = to_cp1252(text);
    // What Windows-1252 lacks became "?", and that stands in no nickname.
    Nickname::built_in(&bytes).ok().filter(|_| from_cp1252(&bytes) == text)
}

impl Who {
    /// As the daemon is asked for it; a number is a uid.
    pub(super) fn target(&self) -> Target {
        match (self.uid, self.nickname) {
            (Some(uid), _) => Target::Uid(uid),
            (None, Some(nickname)) => Target::Nickname(nickname.to_string()),
            (None, None) => Target::Nickname(self.text.clone()),
        }
    }

    /// What it could mean: a uid, a nickname, or both.
    pub(super) fn targets(&self) -> (Option<Target>, Option<Target>) {
        let nickname = self.nickname.map(|nickname| Target::Nickname(nickname.to_string()));
        (self.uid.map(Target::Uid), nickname)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_both() {
        let parts =
            |text: &str| text.parse::<Who>().map(|who| (who.uid.map(|uid| uid.0), who.nickname.is_some()));
        assert_eq!(parts("Zoë"), Ok((None, true)));
        assert_eq!(parts("1000002"), Ok((Some(1_000_002), true)));
        assert_eq!(parts("uid:1000002"), Ok((Some(1_000_002), false)));
        assert_eq!(parts("nick:1000002"), Ok((None, true)));
        assert_eq!(parts("4294967295"), Ok((None, true)));
        for bad in ["", "uid:", "uid:+5", "uid:bob", "nick:", "a:b", "+5", "中"] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }
}
