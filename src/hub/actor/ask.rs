//! What the hub has done elsewhere because it takes a while: questions to the store, compiling filters.

use tracing::warn;

use crate::store::Change;

use super::super::Command;
use super::super::lookup::{Finding, Lookup, Question};
use super::super::rules::{self, Rules};
use super::doubts::settled;
use super::{Envelope, Hub};

impl Hub {
    /// Runs a command again whose question was answered, and asks the next.
    pub(super) fn resume(&mut self, envelope: Envelope) {
        let Envelope { conn, command, .. } = envelope;
        self.looking = false;
        self.resuming = true;
        self.aside(|state, now, effects| state.apply(now, conn, command, effects));
        self.resuming = false;
        self.renew_rules();
        self.look_up();
    }

    /// Asks the store the next question, unless one is being asked.
    pub(super) fn look_up(&mut self) {
        if self.looking {
            return;
        }
        let Some(Lookup { conn, typed, question }) = self.lookups.pop_front() else { return };
        self.looking = true;
        let (store, finder) = (self.store.clone(), self.finder.clone());
        tokio::spawn(async move {
            let finding = match question {
                Question::Turn => Finding::Turn,
                question => match store.commit(Change::Barrier).await {
                    Ok(_) => store.read(move |reader| question.ask(reader)).await.unwrap_or(Finding::Failed),
                    Err(_) => Finding::Failed,
                },
            };
            let command = Command::Found(typed, Box::new(finding));
            // Once the hub has ended nobody waits any more.
            _ = finder.send(Envelope { conn, command, outbox: None });
        });
    }

    /// If what the guard goes by has changed, has it compiled anew from what is in the store once
    /// everything that was submitted so far is.
    pub(super) fn renew_rules(&mut self) {
        if !std::mem::take(&mut self.rules_stale) {
            return;
        }
        self.rules_wanted += 1;
        let (wanted, store, done) = (self.rules_wanted, self.store.clone(), self.rules_sender.clone());
        tokio::spawn(async move {
            let rules = match settled(&store).await {
                Ok(_) => store.read(rules::read).await,
                Err(error) => Err(error),
            };
            match rules.and_then(|rules| rules) {
                // Once the hub has ended nobody waits any more.
                Ok(rules) => drop(done.send((wanted, rules))),
                Err(error) => warn!(%error, "changed filters are not in force"),
            }
        });
    }

    /// Puts compiled rules in force, unless newer ones are on their way.
    pub(super) fn rules_compiled(&mut self, (wanted, rules): (u64, Rules)) {
        if wanted == self.rules_wanted {
            self.state.install_rules(rules);
        }
    }
}
