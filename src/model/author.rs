use std::fmt;
use std::net::IpAddr;

use super::ids::Uid;
use super::name::Nickname;

/// Who did something, and from where: the author of a ban, the actor of an entry in the audit log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Author {
    /// Somebody who was signed in.
    Staff {
        /// The account.
        uid: Uid,
        /// Its name at that time.
        nickname: Nickname,
        /// Where the connection came from.
        address: IpAddr,
    },
    /// Somebody at the machine, or at a console for operators.
    Operator {
        /// The name of the operator; at most [`Author::NAME_MAX`] characters.
        name: String,
        /// The user number that the operating system has for the operator.
        uid: u32,
        /// Where the operator was, if not at the machine itself.
        address: Option<IpAddr>,
    },
    /// The server itself.
    System,
}

impl Author {
    /// The longest name of an operator, in characters.
    pub const NAME_MAX: usize = 64;

    /// The name alone: the nickname, the name of the operator, or `system`.
    pub fn name(&self) -> String {
        match self {
            Author::Staff { nickname, .. } => nickname.to_string(),
            Author::Operator { name, .. } => name.clone(),
            Author::System => "system".to_owned(),
        }
    }

    /// The account, if it was one.
    pub fn uid(&self) -> Option<Uid> {
        match self {
            Author::Staff { uid, .. } => Some(*uid),
            Author::Operator { .. } | Author::System => None,
        }
    }

    /// Where it was done from, if that is known.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Author::Staff { address, .. } => Some(*address),
            Author::Operator { address, .. } => *address,
            Author::System => None,
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_has_a_name_and_perhaps_a_place() {
        let address = IpAddr::from([192, 0, 2, 7]);
        let nickname = Nickname::from_text("Zoë").unwrap();
        let staff = Author::Staff { uid: Uid(7), nickname, address };
        assert_eq!(staff.to_string(), "Zoë");
        assert_eq!((staff.uid(), staff.address()), (Some(Uid(7)), Some(address)));
        let operator = Author::Operator { name: "root".to_owned(), uid: 0, address: None };
        assert_eq!((operator.to_string().as_str(), operator.uid(), operator.address()), ("root", None, None));
        assert_eq!((Author::System.to_string().as_str(), Author::System.uid()), ("system", None));
    }
}
