//! The detectors and filters, as the chain sees them: it can do without them, and tests have their own.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use crate::model::{Now, Rating, Uid};
use crate::store::OffenceRecord;

use super::detect;
use super::filter::{FilterSet, Match};

/// The detectors, as the chain sees them. `()` detects nothing.
pub trait Detectors {
    /// What was detected; shown as a sentence for the user.
    type Offence: fmt::Display;

    /// How many links of a text of `uid`, without markup and folded, count if it is accepted; or why it
    /// must not pass. Changes nothing.
    fn check(&self, now: Now, uid: Uid, folded: &[u8]) -> Result<usize, Self::Offence>;
    /// How many links a text holds that not everybody may post everywhere.
    fn links(&self, folded: &[u8]) -> usize;
    /// Counts a text that was accepted, with the links that the check has told of.
    fn accept(&mut self, now: Now, uid: Uid, folded: &[u8], links: usize);
    /// Counts an offence. Returns the record to keep, and how long it mutes, if it does.
    fn offend(&mut self, now: Now, uid: Uid, offence: &Self::Offence) -> (OffenceRecord, Option<Duration>);
    /// The name of what was detected, for logs.
    fn name(offence: &Self::Offence) -> &'static str;
}

impl Detectors for () {
    type Offence = Infallible;

    fn check(&self, _: Now, _: Uid, _: &[u8]) -> Result<usize, Self::Offence> {
        Ok(0)
    }

    fn links(&self, _: &[u8]) -> usize {
        0
    }

    fn accept(&mut self, _: Now, _: Uid, _: &[u8], _: usize) {}

    fn offend(&mut self, _: Now, _: Uid, offence: &Self::Offence) -> (OffenceRecord, Option<Duration>) {
        match *offence {}
    }

    fn name(offence: &Self::Offence) -> &'static str {
        match *offence {}
    }
}

impl Detectors for detect::Detectors {
    type Offence = detect::Offence;

    fn check(&self, now: Now, uid: Uid, folded: &[u8]) -> Result<usize, detect::Offence> {
        detect::Detectors::check(self, now, uid, folded)
    }

    fn links(&self, folded: &[u8]) -> usize {
        detect::count_links(folded, &self.whitelist)
    }

    fn accept(&mut self, now: Now, uid: Uid, folded: &[u8], links: usize) {
        detect::Detectors::accept(self, now, uid, folded, links);
    }

    fn offend(&mut self, now: Now, uid: Uid, _: &detect::Offence) -> (OffenceRecord, Option<Duration>) {
        detect::Detectors::offend(self, now, uid)
    }

    fn name(offence: &detect::Offence) -> &'static str {
        offence.kind.name()
    }
}

/// The filters, as the chain sees them. `()` matches nothing.
pub trait Filters {
    /// The filters that match a text, without markup and folded, the worst first; `rating` is that of
    /// the room in which it is said, if it is in a room.
    fn check(&self, folded: &[u8], rating: Option<Rating>) -> Vec<Match>;
}

impl Filters for () {
    fn check(&self, _: &[u8], _: Option<Rating>) -> Vec<Match> {
        Vec::new()
    }
}

impl Filters for FilterSet {
    fn check(&self, folded: &[u8], rating: Option<Rating>) -> Vec<Match> {
        FilterSet::check(self, folded, rating)
    }
}
