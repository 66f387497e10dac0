//! Changes that the store did not take: what they had changed in memory is read back from it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{error, warn};

use crate::store::{Applied, Change, Store, StoreError};

use super::super::doubt::{Doubt, Truth, doubts};
use super::super::staff::ActError;
use super::Hub;
use super::commit::refusal;

/// How long to wait before the next question to a store that is busy.
const PATIENCE: Duration = Duration::from_millis(50);

/// Somebody who waits for the answer to what he has ordered.
type Answer = oneshot::Sender<Result<String, ActError>>;

/// What is in doubt, and who is to be told once it no longer is.
pub(super) struct Doubts {
    /// What is to be read.
    open: BTreeSet<Doubt>,
    /// What is being read.
    asked: BTreeSet<Doubt>,
    /// Who reads that nothing was done when all is as it was.
    owed: Vec<(Answer, ActError)>,
    pub(super) words: mpsc::UnboundedReceiver<Word>,
    sender: mpsc::UnboundedSender<Word>,
}

/// What the hub hears of its changes.
pub(super) enum Word {
    /// The store did not take one.
    Refused(BTreeSet<Doubt>, Option<(Answer, ActError)>),
    /// What was in doubt has been read.
    Read(Result<Vec<Truth>, StoreError>),
}

/// Sees what becomes of a change.
pub(super) struct Witness {
    about: BTreeSet<Doubt>,
    sender: mpsc::UnboundedSender<Word>,
}

impl Witness {
    /// Has what the change was about read back if the store did not take it, and the answer given
    /// after that.
    pub(super) fn tell(self, result: &Result<Applied, StoreError>, answer: Option<Answer>) {
        let Err(error) = result else { return };
        let owed = answer.map(|answer| (answer, ActError::Busy(refusal(error).to_owned())));
        if owed.is_some() || !self.about.is_empty() {
            // Once the hub has ended nobody waits any more.
            _ = self.sender.send(Word::Refused(self.about, owed));
        }
    }
}

impl Doubts {
    pub(super) fn new() -> Doubts {
        let (sender, words) = mpsc::unbounded_channel();
        Doubts { open: BTreeSet::new(), asked: BTreeSet::new(), owed: Vec::new(), words, sender }
    }
}

impl Hub {
    /// Says that a change is given to the store now, and returns who is to see what becomes of it.
    pub(super) fn witness(&mut self, change: &Change) -> Witness {
        let Doubts { open, asked, sender, .. } = &mut self.doubts;
        let about = doubts(change);
        // What is being read may be older than this change.
        open.extend(about.intersection(asked));
        Witness { about, sender: sender.clone() }
    }

    /// Takes note of what has become of changes.
    pub(super) fn hear(&mut self, word: Word) {
        match word {
            Word::Refused(about, owed) => {
                self.doubts.open.extend(about);
                self.doubts.owed.extend(owed);
            }
            Word::Read(Ok(truths)) => {
                self.doubts.asked.clear();
                for truth in truths {
                    if !self.doubts.open.contains(&truth.about()) {
                        warn!(about = ?truth.about(), "a change was not stored and is taken back");
                        self.aside(|state, now, effects| state.believe(now, truth, effects));
                    }
                }
            }
            Word::Read(Err(error)) => {
                // The store has failed or is closed: this process is about to end.
                error!(%error, "changes that were not stored cannot be taken back");
                self.doubts.asked.clear();
                self.doubts.open.clear();
            }
        }
        self.read_back();
    }

    /// Reads what is in doubt, unless that is being done; answers who waits if nothing is.
    fn read_back(&mut self) {
        let Doubts { open, asked, owed, sender, .. } = &mut self.doubts;
        if !asked.is_empty() {
            return;
        }
        if open.is_empty() {
            // Who has gone away does not want the answer any more.
            owed.drain(..).for_each(|(answer, error)| drop(answer.send(Err(error))));
            return;
        }
        asked.append(open);
        let (questions, store, sender) = (asked.clone(), self.store.clone(), sender.clone());
        tokio::spawn(async move {
            let read = match settled(&store).await {
                Ok(()) => {
                    let ask =
                        move |reader: &_| questions.into_iter().map(|doubt| doubt.ask(reader)).collect();
                    store.read(ask).await.and_then(|truths| truths)
                }
                Err(error) => Err(error),
            };
            // Once the hub has ended nobody waits any more.
            _ = sender.send(Word::Read(read));
        });
    }
}

/// Waits until all that was given to the store so far can be read, however busy it is.
pub(super) async fn settled(store: &Store) -> Result<(), StoreError> {
    loop {
        match store.commit(Change::Barrier).await {
            Err(StoreError::Busy) => sleep(PATIENCE).await,
            result => return result.map(drop),
        }
    }
}
