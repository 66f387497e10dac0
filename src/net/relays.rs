//! Does what the hub orders to be carried: files and the voice of calls.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tracing::error;

use crate::hub::Command;
use crate::hub::ConnId;
use crate::hub::actor::{Envelope, HubHandle};
use crate::hub::peers::{Order, PeerCommand, RelayOrder, RelayReport, TransferId};
use crate::metrics::Metrics;

use super::calls::SharedCalls;
use super::transfer::{self, Limits};

/// What carries files, and knows the calls that are carried.
pub struct Relays {
    hub: HubHandle,
    metrics: Arc<Metrics>,
    calls: SharedCalls,
    orders: mpsc::UnboundedReceiver<Order>,
    /// Tasks of transfers. Dropping them ends the transfers.
    tasks: JoinSet<TransferId>,
    running: HashMap<TransferId, Running>,
}

struct Running {
    task: AbortHandle,
    /// The sender's chat connection, in whose name reports are made.
    conn: ConnId,
}

impl Relays {
    /// Carries what `orders` asks for and reports to `hub`. Calls go into `calls`.
    pub fn new(
        hub: HubHandle,
        metrics: Arc<Metrics>,
        calls: SharedCalls,
        orders: mpsc::UnboundedReceiver<Order>,
    ) -> Relays {
        Relays { hub, metrics, calls, orders, tasks: JoinSet::new(), running: HashMap::new() }
    }

    /// Runs until `stop` turns true or the hub is gone. Transfers that are under way end with it.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let stopped = async move { _ = stop.wait_for(|stop| *stop).await };
        let mut stopped = std::pin::pin!(stopped);
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => self.follow(order.order),
                    None => return,
                },
                Some(ended) = self.tasks.join_next() => {
                    match ended {
                        Ok(transfer) => drop(self.running.remove(&transfer)),
                        Err(error) => self.broken(error).await,
                    }
                }
                () = &mut stopped => return,
            }
        }
    }

    fn start(&mut self, id: TransferId, conn: ConnId, work: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(async move {
            work.await;
            id
        });
        self.running.insert(id, Running { task, conn });
    }

    /// A task has ended without its report: it was told to, or it has panicked, and then the two
    /// users would wait for their file for ever.
    async fn broken(&mut self, error: JoinError) {
        let found = self.running.iter().find(|(_, running)| running.task.id() == error.id());
        let Some((id, conn)) = found.map(|(id, running)| (*id, running.conn)) else { return };
        self.running.remove(&id);
        error!(?conn, transfer = id.0, %error, "carrying a file has failed, which is a fault of the program");
        self.metrics.files_failed.increment();
        let command = Command::Peer(PeerCommand::Relay(id, RelayReport::Failed));
        self.hub.send(Envelope { conn, command, outbox: None }).await;
    }

    fn follow(&mut self, order: RelayOrder) {
        match order {
            RelayOrder::OpenFile(route) => {
                let (id, conn) = (route.transfer, route.conn);
                let work =
                    transfer::carry(route, Limits::default(), self.hub.clone(), Arc::clone(&self.metrics));
                self.start(id, conn, work);
            }
            RelayOrder::CloseFile(id) => {
                if let Some(running) = self.running.remove(&id) {
                    running.task.abort();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::State;
    use crate::hub::actor::Hub;
    use crate::hub::peers;
    use crate::store::{Store, StoreOptions};

    #[tokio::test]
    async fn a_transfer_that_panics_is_reported_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let (mut hub, handle) = Hub::new(State::default(), store, Arc::default(), None);
        let (orders, queue) = peers::orders();
        let metrics: Arc<Metrics> = Arc::default();
        let mut relays = Relays::new(handle, Arc::clone(&metrics), Arc::default(), queue);
        let conn = ConnId { slot: 3, generation: 1 };
        relays.start(TransferId(7), conn, async { panic!("as intended by the test") });
        relays.start(TransferId(8), conn, std::future::pending());
        let ended = relays.tasks.join_next().await.unwrap();
        relays.broken(ended.unwrap_err()).await;
        assert_eq!(relays.running.keys().collect::<Vec<_>>(), [&TransferId(8)]);
        assert_eq!(metrics.files_failed.get(), 1);
        let report = hub.received().await;
        assert_eq!(report.conn, conn);
        let Command::Peer(PeerCommand::Relay(TransferId(7), RelayReport::Failed)) = report.command else {
            panic!("{:?}", report.command);
        };
        // One that is let go is no failure that anybody has to be told of.
        relays.follow(RelayOrder::CloseFile(TransferId(8)));
        let ended = relays.tasks.join_next().await.unwrap();
        relays.broken(ended.unwrap_err()).await;
        assert!(hub.nothing_received() && relays.running.is_empty());
        assert_eq!(metrics.files_failed.get(), 2);
        drop(orders);
        relays.run(watch::channel(false).1).await;
    }
}
