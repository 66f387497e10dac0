//! Does what the hub orders to be carried: files and the voice of calls.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::hub::actor::HubHandle;
use crate::hub::peers::{RelayOrder, TransferId};
use crate::metrics::Metrics;

use super::calls::SharedCalls;
use super::transfer::{self, Limits};

/// Orders that may wait to be looked at.
const ORDERS: usize = 4096;

/// What carries files, and knows the calls that are carried.
pub struct Relays {
    hub: HubHandle,
    metrics: Arc<Metrics>,
    calls: SharedCalls,
    orders: mpsc::Receiver<RelayOrder>,
    /// Tasks of transfers. Dropping them ends the transfers.
    tasks: JoinSet<TransferId>,
    running: HashMap<TransferId, AbortHandle>,
}

/// The way of orders from the hub to its [`Relays`].
pub fn orders() -> (mpsc::Sender<RelayOrder>, mpsc::Receiver<RelayOrder>) {
    mpsc::channel(ORDERS)
}

impl Relays {
    /// Carries what `orders` asks for and reports to `hub`. Calls go into `calls`.
    pub fn new(
        hub: HubHandle,
        metrics: Arc<Metrics>,
        calls: SharedCalls,
        orders: mpsc::Receiver<RelayOrder>,
    ) -> Relays {
        Relays { hub, metrics, calls, orders, tasks: JoinSet::new(), running: HashMap::new() }
    }

    /// Runs until `stop` turns true or the hub is gone. Transfers that are under way end with it.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => self.follow(order),
                    None => return,
                },
                Some(ended) = self.tasks.join_next() => {
                    if let Ok(transfer) = ended {
                        self.running.remove(&transfer);
                    }
                }
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    fn follow(&mut self, order: RelayOrder) {
        match order {
            RelayOrder::OpenFile(route) => {
                let id = route.transfer;
                let work =
                    transfer::carry(route, Limits::default(), self.hub.clone(), Arc::clone(&self.metrics));
                let task = self.tasks.spawn(async move {
                    work.await;
                    id
                });
                self.running.insert(id, task);
            }
            RelayOrder::CloseFile(id) => {
                if let Some(task) = self.running.remove(&id) {
                    task.abort();
                    self.metrics.files_failed.increment();
                }
            }
            RelayOrder::OpenCall(parties) => {
                self.calls.lock().unwrap_or_else(PoisonError::into_inner).open(parties);
            }
            RelayOrder::CloseCall(parties) => {
                self.calls.lock().unwrap_or_else(PoisonError::into_inner).close(parties);
            }
        }
    }
}
