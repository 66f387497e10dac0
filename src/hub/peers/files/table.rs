//! The transfers there are, at which stage each is, and when it has taken too long.

use std::time::Duration;

use crate::model::Uid;

use super::super::super::State;
use super::super::{Timer, TransferId};

/// A file that is offered or under way. Gone once nothing more depends on the server.
#[derive(Debug)]
pub(in super::super) struct Transfer {
    pub(in super::super) sender: Uid,
    pub(in super::super) receiver: Uid,
    pub(super) stage: Stage,
    /// When it has taken too long.
    pub(in super::super) due: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Offered,
    /// Taken, and the way through the server is being opened.
    Opening,
    /// On its way through the server.
    Running,
    /// The receiver is done with it: he has all, or wants no more.
    Closing,
    /// All of it has gone its way, but the receiver, with 5.x, has not said yet that he is done. He
    /// says it as he would refuse an offer, and it must not hit the next one of the same sender.
    Carried,
}

impl State {
    /// The file that is offered or on its way from one to the other.
    pub(super) fn find_transfer(&self, sender: Uid, receiver: Uid) -> Option<TransferId> {
        self.find_in(sender, receiver, |stage| stage != Stage::Carried)
    }

    pub(super) fn find_in(
        &self,
        sender: Uid,
        receiver: Uid,
        stage: impl Fn(Stage) -> bool,
    ) -> Option<TransferId> {
        let mut all = self.peers.transfers.iter();
        let found = all.find(|(_, it)| it.sender == sender && it.receiver == receiver && stage(it.stage));
        found.map(|(id, _)| *id)
    }

    /// A file has gone its way; of each pair of users one is remembered.
    pub(super) fn await_last_word(&mut self, id: TransferId, until: Duration) {
        let Some((sender, receiver)) = self.peers.transfers.get(&id).map(|it| (it.sender, it.receiver))
        else {
            return;
        };
        if let Some(older) = self.find_in(sender, receiver, |stage| stage == Stage::Carried) {
            self.remove_transfer(older);
        }
        self.set_stage(id, Stage::Carried, Some(until));
    }

    pub(super) fn stage(&self, id: TransferId) -> Option<Stage> {
        self.peers.transfers.get(&id).map(|transfer| transfer.stage)
    }

    pub(super) fn set_stage(&mut self, id: TransferId, stage: Stage, due: Option<Duration>) {
        let Some(transfer) = self.peers.transfers.get_mut(&id) else { return };
        transfer.stage = stage;
        let before = std::mem::replace(&mut transfer.due, due);
        if let Some(before) = before {
            self.peers.timers.remove(&(before, Timer::File(id)));
        }
        if let Some(due) = due {
            self.peers.timers.insert((due, Timer::File(id)));
        }
    }

    pub(super) fn remove_transfer(&mut self, id: TransferId) -> Option<Transfer> {
        let transfer = self.peers.transfers.remove(&id)?;
        if let Some(due) = transfer.due {
            self.peers.timers.remove(&(due, Timer::File(id)));
        }
        Some(transfer)
    }
}
