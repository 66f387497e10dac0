//! The pulse: does the hub answer, and does the store's writer get anywhere? The watchdog of the service
//! manager is fed only after both have.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::health::{Cause, Health, Problem};
use crate::hub::actor::{Query, WeakHubHandle};
use crate::store::{Change, Store, StoreError};

/// Time between two beats where no service manager wants them more often.
const PACE: Duration = Duration::from_secs(2);
const SHORTEST: Duration = Duration::from_millis(50);
/// Beats of which one is enough to keep the watchdog quiet.
const BEATS_PER_WATCHDOG: u32 = 3;
/// An answer that takes longer than this is worth a warning.
const SLOW: Duration = Duration::from_secs(2);
/// How long to wait before asking a store again whose queue is full.
const AGAIN: Duration = Duration::from_millis(20);

/// Feels the pulse until `stop` turns true. `watchdog` is the time within which the service manager wants
/// to hear of it, if it does.
pub(super) async fn feel(
    hub: WeakHubHandle,
    store: Store,
    health: Arc<Health>,
    watchdog: Option<Duration>,
    mut stop: watch::Receiver<bool>,
) {
    let pace = watchdog.map_or(PACE, |time| (time / BEATS_PER_WATCHDOG).clamp(SHORTEST, PACE));
    let mut clock = interval(pace);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            alive = async {
                clock.tick().await;
                beat(&hub, &store, &health).await
            } => match alive {
                Some(()) if watchdog.is_some() => super::service::alive(),
                Some(()) => {}
                // Who ends the daemon because of that is not here.
                None => return,
            },
        }
    }
}

/// One round through both; `None` if one of them has ended.
async fn beat(hub: &WeakHubHandle, store: &Store, health: &Health) -> Option<()> {
    let asked = async { hub.upgrade()?.ask(Query::Pulse).await };
    patiently(health, Cause::HubSlow, "the server", asked).await?;
    let written = async {
        loop {
            match store.commit(Change::Barrier).await {
                Ok(_) => return Some(()),
                Err(StoreError::Busy) => sleep(AGAIN).await,
                Err(_) => return None,
            }
        }
    };
    patiently(health, Cause::StoreSlow, "the store", written).await
}

/// Awaits an answer, and says so if it takes long.
async fn patiently<T>(
    health: &Health,
    cause: Cause,
    who: &str,
    answer: impl Future<Output = Option<T>>,
) -> Option<T> {
    let began = Instant::now();
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => {
            health.set(cause, None);
            return answer;
        }
        () = sleep(SLOW) => {}
    }
    let text = format!("{who} takes more than {} seconds to answer; look at disk and load", SLOW.as_secs());
    health.set(cause, Some(Problem::degraded(text)));
    let answer = answer.await;
    tracing::info!(cause = cause.name(), seconds = began.elapsed().as_secs(), "answered at last");
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http;

    #[tokio::test(start_paused = true)]
    async fn who_takes_long_is_unwell_until_he_answers() {
        let health = Health::default();
        let quick = async { Some(1) };
        assert_eq!(patiently(&health, Cause::StoreSlow, "the store", quick).await, Some(1));
        assert_eq!(health.report().status, http::Health::Ok);
        let slow = async {
            sleep(SLOW * 2).await;
            Some(health.report().status)
        };
        let during = patiently(&health, Cause::StoreSlow, "the store", slow).await;
        assert_eq!(during, Some(http::Health::Degraded));
        assert_eq!(health.report().status, http::Health::Degraded, "until the next one is quick");
        patiently(&health, Cause::StoreSlow, "the store", async { Some(()) }).await;
        assert_eq!(health.report().status, http::Health::Ok);
    }
}
