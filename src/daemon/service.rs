//! What the service manager is told, if one started the daemon: the messages of sd_notify(3). A manager
//! that cannot be reached changes nothing for the users, so errors are only worth a line.

use std::time::Duration;

use sd_notify::NotifyState;

/// How much longer than the grace of the users a stop may take.
const STOP_SLACK: Duration = Duration::from_secs(30);

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot tell the service manager");
    }
}

/// The time within which the service manager wants to hear a sign of life.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|time| !time.is_zero())
}

/// The daemon serves, or serves again after a reload.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The daemon is stopping, for which the users have `grace`.
pub(super) fn stopping(grace: Duration) {
    let time = grace.saturating_add(STOP_SLACK).as_micros();
    let time = u32::try_from(time).unwrap_or(u32::MAX);
    tell(&[NotifyState::Stopping, NotifyState::Status("Stopping"), NotifyState::ExtendTimeoutUsec(time)]);
}

/// A word on how it is.
pub(super) fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The pulse was felt.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}
