//! Who may do what through the socket, by the credentials that the system vouches for.

use std::ffi::CString;

use anyhow::Context as _;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use crate::config::Control as Config;

use super::wire::Access;

/// The groups with rights, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The user of the daemon.
    pub owner: u32,
    /// Groups that may look.
    pub observers: Vec<u32>,
    /// Groups that may keep order.
    pub moderators: Vec<u32>,
    /// Groups that may do everything.
    pub operators: Vec<u32>,
}

/// Who is at the other end of the socket, as the system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// His user number.
    pub uid: u32,
    /// His user name; the number if he has none.
    pub name: String,
    /// His process, if the system tells.
    pub pid: Option<i32>,
}

/// Somebody who may do something here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who.
    pub who: Credentials,
    /// What he may do.
    pub access: Access,
}

impl Rules {
    /// The rules of the configuration.
    ///
    /// # Errors
    ///
    /// Names a group that the system does not know.
    pub fn new(config: &Config) -> anyhow::Result<Rules> {
        let numbers = |names: &[String], key: &str| {
            names.iter().map(|name| group_number(name, key)).collect::<anyhow::Result<Vec<u32>>>()
        };
        Ok(Rules {
            owner: nix::unistd::geteuid().as_raw(),
            observers: numbers(&config.observers, "control.observers")?,
            moderators: numbers(&config.moderators, "control.moderators")?,
            operators: numbers(&config.operators, "control.operators")?,
        })
    }

    /// What a user in `groups` may do; `None` if he has no business here.
    pub fn access(&self, uid: u32, groups: &[u32]) -> Option<Access> {
        let in_one_of = |wanted: &[u32]| wanted.iter().any(|group| groups.contains(group));
        if uid == 0 || uid == self.owner || in_one_of(&self.operators) {
            Some(Access::Operator)
        } else if in_one_of(&self.moderators) {
            Some(Access::Moderator)
        } else if in_one_of(&self.observers) {
            Some(Access::Observer)
        } else {
            None
        }
    }

    /// Looks up who somebody is and what he may do; the error is who he is if he may do nothing. Blocks:
    /// the system may ask a directory service.
    pub fn peer(&self, uid: u32, gid: u32, pid: Option<i32>) -> Result<Peer, Credentials> {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let mut groups = vec![gid];
        if let Some(user) = &user
            && let Ok(name) = CString::new(user.name.as_str())
            && let Ok(listed) = getgrouplist(&name, user.gid)
        {
            groups.extend(listed.into_iter().map(Gid::as_raw));
        }
        let name = user.map_or_else(|| uid.to_string(), |user| user.name);
        let who = Credentials { uid, name, pid };
        match self.access(uid, &groups) {
            Some(access) => Ok(Peer { who, access }),
            None => Err(who),
        }
    }
}

/// The number of a group; `key` says where it is named.
///
/// # Errors
///
/// If the system does not know it.
pub(super) fn group_number(name: &str, key: &str) -> anyhow::Result<u32> {
    let group = Group::from_name(name).with_context(|| format!("cannot look up the group {name} ({key})"))?;
    let group =
        group.with_context(|| format!("there is no group {name} ({key}); make it, or name another"))?;
    Ok(group.gid.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_go_by_user_and_group() {
        let rules = Rules { owner: 990, observers: vec![10], moderators: vec![20, 21], operators: vec![30] };
        let access = |uid, groups: &[u32]| rules.access(uid, groups);
        assert_eq!(access(0, &[]), Some(Access::Operator), "root");
        assert_eq!(access(990, &[]), Some(Access::Operator), "the daemon's own user");
        assert_eq!(access(1000, &[]), None);
        assert_eq!(access(1000, &[990, 0, 5]), None, "numbers of groups are not those of users");
        assert_eq!(access(1000, &[5, 10]), Some(Access::Observer));
        assert_eq!(access(1000, &[10, 21]), Some(Access::Moderator), "the highest counts");
        assert_eq!(access(1000, &[10, 20, 30]), Some(Access::Operator));
        assert!(Access::Observer < Access::Moderator && Access::Moderator < Access::Operator);
    }

    #[test]
    fn a_group_that_is_not_there_is_named() {
        let config = Config { moderators: vec!["no-such-group-here".into()], ..Config::default() };
        let error = Rules::new(&config).unwrap_err().to_string();
        assert!(error.contains("no-such-group-here") && error.contains("control.moderators"), "{error}");
        let rules = Rules { owner: 4_000_000_001, ..Rules::default() };
        assert_eq!(rules.peer(4_000_000_000, 4_000_000_000, None).unwrap_err().name, "4000000000");
        assert_eq!(rules.peer(0, 0, Some(7)).unwrap().access, Access::Operator);
    }
}
