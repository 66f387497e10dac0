//! The rules of the hub that may change while it runs.

use std::mem;
use std::time::Duration;

use super::State;
use super::peers::PeerRules;
use crate::config::{Config, Moderation, Spam};

/// What the hub takes from a configuration, at the start and whenever it is read again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How long users may do nothing; `None` is for ever.
    pub idle_timeout: Option<Duration>,
    /// How long messages wait for somebody who is away; `None`: as long as it takes.
    pub offline_messages: Option<Duration>,
    /// How calls and files go.
    pub peers: PeerRules,
    /// How fast and how often one user may send messages.
    pub spam: Spam,
    /// Whether rooms for adults take only those of whom it is known that they are.
    pub age_verified_for_adult: bool,
    /// What warnings lead to.
    pub moderation: Moderation,
}

impl Settings {
    /// The settings in a configuration.
    pub fn new(config: &Config) -> Settings {
        Settings {
            idle_timeout: config.limits.idle_timeout,
            offline_messages: config.store.offline_messages,
            peers: PeerRules::new(&config.voice),
            spam: config.spam.clone(),
            age_verified_for_adult: config.rooms.age_verified_for_adult,
            moderation: config.moderation.clone(),
        }
    }
}

impl State {
    /// Has these settings count from now on. What began under others goes on.
    pub fn configure(&mut self, settings: Settings) {
        let Settings { idle_timeout, peers, moderation, spam, age_verified_for_adult, .. } = settings;
        self.guard.set_limits(spam);
        self.require_verified_adults(age_verified_for_adult);
        self.sanctions.set_rules(moderation);
        *self = mem::take(self).with_idle_timeout(idle_timeout).with_peer_rules(peers);
    }
}
