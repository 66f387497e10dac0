//! What those are told who carry files and calls, what they say, and how orders reach them.
//!
//! Orders to open something may find no place in the queue and are refused then. Orders to close
//! something always find one, because one that is lost would leave a way open for good; there are
//! never more of them than things that were opened.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::model::{Nickname, Uid};

use super::super::ConnId;
use super::TransferId;

/// Orders to open something that may wait to be looked at.
const WAITING: usize = 4096;

/// What is to be carried through the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RelayOrder {
    /// Wait for a sender and carry his file.
    OpenFile(FileRoute),
    /// Let go of a file.
    CloseFile(TransferId),
    /// Carry voice between two users: each with his address.
    OpenCall([(Uid, Ipv4Addr); 2]),
    /// Carry it no more.
    CloseCall([Uid; 2]),
}

/// The way of a file through the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRoute {
    /// Which transfer.
    pub transfer: TransferId,
    /// The sender's chat connection, in whose name reports are made.
    pub conn: ConnId,
    /// What the sender calls himself.
    pub nickname: Nickname,
    /// Who sends.
    pub sender: FileEnd,
    /// Who receives.
    pub receiver: FileEnd,
    /// The port on which the receiver listens, unless he speaks in lines.
    pub port: u16,
}

/// One end of the way of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileEnd {
    /// Who is there.
    pub uid: Uid,
    /// His address; nobody from elsewhere is let in.
    pub at: IpAddr,
    /// The address at which he can reach the server.
    pub listen: Ipv4Addr,
    /// Whether he comes to the server, be it as receiver, and speaks to it in lines as 7 and later do
    /// (PROTOCOL 13.2).
    pub lines: bool,
}

/// What became of an order to carry a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelayReport {
    /// The server can be reached for the file.
    Ready {
        /// By the sender on this port.
        sender: u16,
        /// By the receiver on this one, if he comes to the server.
        receiver: Option<u16>,
    },
    /// All of it was carried.
    Complete,
    /// It was not carried, or not all of it.
    Failed,
}

/// The hub's end of the queue.
#[derive(Clone, Debug)]
pub struct Orders {
    queue: mpsc::UnboundedSender<Order>,
    places: Arc<Semaphore>,
}

/// An order that holds its place in the queue, if it needs one, until it is dropped.
#[derive(Debug)]
pub struct Order {
    /// What is to be done.
    pub order: RelayOrder,
    _place: Option<OwnedSemaphorePermit>,
}

/// A queue for orders.
pub fn orders() -> (Orders, mpsc::UnboundedReceiver<Order>) {
    orders_for(WAITING)
}

fn orders_for(waiting: usize) -> (Orders, mpsc::UnboundedReceiver<Order>) {
    let (queue, orders) = mpsc::unbounded_channel();
    (Orders { queue, places: Arc::new(Semaphore::new(waiting)) }, orders)
}

impl Orders {
    /// Hands an order over, or gives it back if it would open something and there is no place, or if
    /// nobody follows orders any more.
    pub fn give(&self, order: RelayOrder) -> Result<(), RelayOrder> {
        let place = match order {
            RelayOrder::OpenFile(_) | RelayOrder::OpenCall(_) => {
                match Arc::clone(&self.places).try_acquire_owned() {
                    Ok(place) => Some(place),
                    Err(_) => return Err(order),
                }
            }
            RelayOrder::CloseFile(_) | RelayOrder::CloseCall(_) => None,
        };
        self.queue.send(Order { order, _place: place }).map_err(|refused| refused.0.order)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A queue with so many places.
    pub(crate) fn queue(waiting: usize) -> (Orders, mpsc::UnboundedReceiver<Order>) {
        orders_for(waiting)
    }

    #[test]
    fn openings_are_refused_when_there_is_no_place_and_closings_never() {
        let (orders, mut queue) = queue(2);
        let open = |number: u32| {
            RelayOrder::OpenCall([1u32, 2].map(|side| (Uid(number + side), [127, 0, 0, 1].into())))
        };
        assert!(orders.give(open(10)).is_ok() && orders.give(open(20)).is_ok());
        assert_eq!(orders.give(open(30)), Err(open(30)));
        for number in 0..10_000 {
            orders.give(RelayOrder::CloseFile(TransferId(number))).unwrap();
        }
        let first = queue.try_recv().unwrap();
        assert_eq!(first.order, open(10));
        assert!(orders.give(open(30)).is_err(), "its place is given back when it was followed");
        drop(first);
        assert!(orders.give(open(30)).is_ok());
        drop(queue);
        assert!(orders.give(RelayOrder::CloseFile(TransferId(1))).is_err());
    }
}
