//! The guard: who may send what, how fast and how often.
//!
//! Every message-like act, that is a room message, a whisper, an instant message, an invitation, an
//! offer of a file, a call, passes one chain ([`Guard::judge`]) in one order:
//!
//! mute by staff → mute by the machine → cooldown → window → per minute → duplicates → right to post
//! links → detectors → filters → slowmode → accept.
//!
//! The first refusal wins and names the [`Obstacle`](crate::model::Obstacle). A refused act changes nothing but what the refusal
//! itself brings: a strike ([`strikes`](Struck)) or an offence. Only an accepted act counts for
//! cooldown, window, volume, duplicates, detectors and slowmode.
//!
//! Only cooldown and window strike, because only they tell a machine from a person. Thirty messages a
//! minute and the same words three times happen to people who mean no harm: those messages are refused
//! with the reason, which stops them, and nothing is held against anybody.
//!
//! Everything is kept per account and not per connection, so that a reconnect changes nothing; what
//! must survive a restart comes out as a [`StrikeRecord`](crate::store::StrikeRecord) and goes back in by [`Guard::restore`]. The
//! guard does no I/O and looks at no clock: intervals are measured by [`Now::uptime`], which no
//! corrected system clock can stretch.
//!
//! What it costs: nothing for somebody who has sent nothing within the last hour; some hundred
//! bytes for somebody who has, and about as much for an account that was ever struck.
//!
//! [`Now::uptime`]: crate::model::Now::uptime

mod act;
mod chain;
pub mod detect;
mod duplicates;
pub mod filter;
mod judges;
mod moment;
mod recent;
mod slowmode;
mod spam;
mod strikes;
#[cfg(test)]
mod tests;
mod volume;
pub(super) mod words;

pub use act::{Act, ActKind, Aftermath, Refusal, Verdict};
pub use chain::Guard;
pub use filter::{FilterSet, Match};
pub use judges::{Detectors, Filters};
pub use spam::Violation;
pub use strikes::Struck;
