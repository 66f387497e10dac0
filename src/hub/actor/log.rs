//! Events as lines of the log.

use tracing::{debug, info, warn};

use super::super::feed::{Event, EventKind, Level, Named};
use crate::model::display_safe;

pub(super) fn log_event(event: &Event) {
    let name = |named: &Option<Named>| named.as_ref().map(|named| named.name.clone());
    let (kind, actor, target) = (event.kind.name(), name(&event.actor), name(&event.target));
    let room = event.room.as_ref().map(|(id, _)| id.0);
    match (event.kind, event.kind.level()) {
        // Every step of everybody would drown the rest.
        (EventKind::Join | EventKind::Leave, _) => debug!(kind, ?actor, room),
        // People's words are kept out of all but the most talkative logs.
        (EventKind::Report, _) => {
            warn!(kind, ?actor, ?target, room);
            debug!(kind, text = ?event.text);
        }
        // The form of this line is for tools that read logs.
        (EventKind::Strike, _) => {
            let uid = event.actor.as_ref().and_then(|actor| actor.uid).map(|uid| uid.0);
            info!(uid, nickname = ?actor.unwrap_or_default(), room, "{}", display_safe(&event.text));
        }
        (_, Level::Warning) => warn!(kind, ?actor, ?target, room, text = ?event.text),
        _ => info!(kind, ?actor, ?target, room, text = ?event.text),
    }
}
