//! Open files: how many there may be, and how many connections that allows.
//!
//! Where connections could take the last descriptor, the store could not begin its next file and the daemon
//! would have to end. So connections leave some over, whatever the configuration allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::health::{Cause, Health, Problem};
use crate::config::{Config, Limits};

/// Descriptors for all but the connections of chat and voice; a quarter of all where there are few.
const OTHERS: u64 = 1000;

/// How many connections there may be, of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Allowance {
    /// For connections of all kinds.
    descriptors: u64,
    /// Kinds of connections that share them, each up to `limits.max_connections`.
    kinds: u64,
}

impl Allowance {
    fn new(available: u64, voice: bool) -> Allowance {
        let descriptors = available.saturating_sub(OTHERS.min(available / 4));
        Allowance { descriptors, kinds: 1 + u64::from(voice) }
    }

    fn of(config: &Config) -> Allowance {
        Allowance::new(available(), !config.voice.listen_tcp.is_empty())
    }

    /// The most connections of each kind, if as many as `configured` are allowed.
    fn connections(self, configured: Option<usize>) -> usize {
        let share = usize::try_from(self.descriptors / self.kinds).unwrap_or(usize::MAX);
        configured.map_or(share, |max| max.min(share))
    }

    /// What is to be said if that is less than `configured`.
    fn problem(self, configured: Option<usize>) -> Option<Problem> {
        let max = configured?;
        let fit = self.connections(configured);
        (fit < max).then(|| {
            let kinds = if self.kinds > 1 { " (chat and voice)" } else { "" };
            let wanted = (max as u64).saturating_mul(self.kinds).saturating_add(OTHERS);
            Problem::warning(format!(
                "too few files may be open for limits.max_connections{kinds}: {fit} connections of each kind \
                 are let in; raise the limit to {wanted} (LimitNOFILE= under systemd)"
            ))
        })
    }
}

fn available() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Raises the limit of open files as far as it may be.
pub(super) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Says whether all connections that the configuration allows can be let in.
pub(super) fn check(config: &Config, health: &Health) {
    health.set(Cause::Descriptors, Allowance::of(config).problem(config.limits.max_connections));
}

/// The limits of a configuration, with as many connections as leave descriptors for everything else.
pub(super) fn fitting(config: &Config) -> Limits {
    let mut limits = config.limits.clone();
    limits.max_connections = Some(Allowance::of(config).connections(limits.max_connections));
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_everything_else() {
        assert_eq!(Allowance::new(41_000, true).connections(Some(20_000)), 20_000);
        assert_eq!(Allowance::new(41_000, true).problem(Some(20_000)), None);
        assert_eq!(Allowance::new(21_000, false).problem(Some(20_000)), None);
        let scarce = Allowance::new(20_000, true);
        assert_eq!(scarce.connections(Some(20_000)), 9_500);
        let said = scarce.problem(Some(20_000)).unwrap().text;
        assert!(said.contains("9500") && said.contains("41000") && said.contains("voice"), "{said}");
        // Also where nobody has set a limit.
        assert_eq!((scarce.connections(None), scarce.problem(None)), (9_500, None));
        assert_eq!(Allowance::new(1024, true).connections(Some(20_000)), 384);
        assert_eq!(Allowance::new(0, true).connections(None), 0);
    }
}
