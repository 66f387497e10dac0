//! Commands that say what the room is like in which they are typed. No client has a menu for it. In
//! permanent rooms the settings stay.

use crate::model::{LinkRight, Rating, SlowMode, Speakers, WELCOME_MAX, from_cp1252, is_lockword, sanitise};

use super::super::rooms::LOCKWORD_RULE;
use super::super::{Effect, Effects, Room, State};
use super::Call;
use super::rooms::person_and_switch;

/// Sets what newcomers are told.
pub(super) fn welcome(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let text = match call.rest() {
        text if text.is_empty() => {
            return call
                .answer("Write /welcome and what newcomers are to be told, or /welcome off.", effects);
        }
        text if text.eq_ignore_ascii_case(b"off") => Vec::new(),
        text if text.len() > WELCOME_MAX => {
            return call.answer(&format!("A welcome has at most {WELCOME_MAX} characters."), effects);
        }
        // Taking markup out may have put other markup together.
        text => sanitise::text(&text),
    };
    if !text.is_empty()
        && let Some(why) = state.muted(call.now, call.conn, effects)
    {
        return call.answer(&why, effects);
    }
    let answer = match text.as_slice() {
        b"" => "Newcomers are told nothing now.".to_owned(),
        text => format!("Newcomers are told now: {}", from_cp1252(text)),
    };
    change(state, call, ("welcome", |room| &mut room.welcome), text, effects);
    call.answer(&answer, effects);
}

/// Locks the room with a word.
pub(super) fn lock(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let word = call.rest();
    if word.is_empty() {
        return call.answer("Write /lock and the password that the room is to have.", effects);
    }
    if !is_lockword(&word) {
        return call.answer(LOCKWORD_RULE, effects);
    }
    let answer = format!("The password of this room is now {}", from_cp1252(&word));
    change(state, call, ("lockword", |room| &mut room.lockword), Some(word), effects);
    call.answer(&answer, effects);
}

/// Opens the room to those who do not know the word.
pub(super) fn unlock(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    change(state, call, ("lockword", |room| &mut room.lockword), None, effects);
    let private = room_of(state, call).is_some_and(|room| room.kind.is_private());
    let text = "This room has no password now.";
    match private {
        true => call.answer(&format!("{text} It is private: people need an invitation."), effects),
        false => call.answer(text, effects),
    }
}

/// Sets the rating.
pub(super) fn rating(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let Ok(rating) = String::from_utf8_lossy(&call.rest()).parse::<Rating>() else {
        return call.answer("Write /rating and G (everybody), R (teens and adults) or A (adults).", effects);
    };
    let changed = change(state, call, ("rating", |room| &mut room.rating), rating, effects);
    call.tell(changed, &format!("This room is rated {} now.", char::from(rating.wire())), effects);
}

/// Sets how many may speak at once.
pub(super) fn speakers(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let Some(room) = room_of(state, call).map(|room| (room.id, room.kind)) else { return };
    if !room.1.has_voice() {
        return call.answer("This is a room without voice.", effects);
    }
    let typed = String::from_utf8_lossy(&call.rest()).parse().ok();
    let Some(speakers) = typed.and_then(Speakers::new) else {
        return call.answer(&format!("Write /speakers and a number from 1 to {}.", Speakers::MAX), effects);
    };
    let changed = change(state, call, ("speakers", |room| &mut room.speakers), speakers, effects);
    if changed {
        effects.push(Effect::VoiceChanged(room.0));
    }
    let text = match speakers.get() {
        1 => "One person at a time can speak in this room.".to_owned(),
        count => {
            format!("{count} people can speak in this room at once. Older programs play one voice only.")
        }
    };
    call.tell(changed, &text, effects);
}

/// Sets how long people wait between two messages.
pub(super) fn slowmode(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let typed = call.rest();
    let slowmode = match typed.eq_ignore_ascii_case(b"off") {
        true => Some(SlowMode::OFF),
        false => String::from_utf8_lossy(&typed).parse().ok().and_then(SlowMode::new),
    };
    let Some(slowmode) = slowmode else {
        let text = format!("Write /slowmode and a number of seconds up to {}, or off.", SlowMode::MAX);
        return call.answer(&text, effects);
    };
    let changed = change(state, call, ("slowmode", |room| &mut room.slowmode), slowmode, effects);
    let text = match slowmode.seconds() {
        0 => "Slowmode is off.".to_owned(),
        1 => "Slowmode is on: one message a second.".to_owned(),
        seconds => format!("Slowmode is on: one message every {seconds} seconds."),
    };
    call.tell(changed, &text, effects);
}

/// Says who may post links.
pub(super) fn links(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let Ok(right) = String::from_utf8_lossy(&call.rest()).parse::<LinkRight>() else {
        return call.answer("Write /links and everybody, members or admins.", effects);
    };
    let changed = change(state, call, ("links", |room| &mut room.links), right, effects);
    let text = match right {
        LinkRight::Everybody => "Everybody may post links in this room.",
        LinkRight::Members => "In this room admins may post links, and those to whom they give the right.",
        LinkRight::Admins => "Only admins may post links in this room.",
    };
    call.tell(changed, text, effects);
}

/// Gives a member the right to post links, or takes it back.
pub(super) fn link(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let Some(room) = room_of(state, call) else { return };
    let Some((target, on)) = person_and_switch(state, call, room.id) else {
        return call.answer("Write /link and the name of somebody who is in this room.", effects);
    };
    let mut linkers = room.linkers.clone();
    match on {
        true => linkers.insert(target.uid),
        false => linkers.remove(&target.uid),
    };
    if linkers.len() > LinkRight::LINKERS_MAX {
        let text = format!("{} people have this right already.", LinkRight::LINKERS_MAX);
        return call.answer(&text, effects);
    }
    change(state, call, ("linkers", |room| &mut room.linkers), linkers, effects);
    let text = if on { "has" } else { "does not have" };
    call.answer(&format!("{} {text} the right to post links in this room.", target.nickname), effects);
}

/// Makes the room permanent, or temporary.
pub(super) fn permanent(state: &mut State, call: Call<'_>, effects: &mut Effects) {
    let on = match call.rest().to_ascii_lowercase().as_slice() {
        b"on" => true,
        b"off" => false,
        _ => return call.answer("Write /permanent on or /permanent off.", effects),
    };
    let Some(asker) = call.asker() else { return };
    state.set_permanent(asker, on, effects);
    let text = if on {
        "This room is permanent: it stays when everybody has left."
    } else {
        "This room is temporary: it closes when everybody has left."
    };
    call.answer(text, effects);
}

fn room_of<'a>(state: &'a State, call: Call<'_>) -> Option<&'a Room> {
    state.room(call.room()?)
}

/// Gives a setting of the room this value. Returns whether it had another.
fn change<T: PartialEq>(
    state: &mut State,
    call: Call<'_>,
    setting: (&'static str, fn(&mut Room) -> &mut T),
    value: T,
    effects: &mut Effects,
) -> bool {
    call.asker().is_some_and(|asker| state.set(asker, setting, value, effects))
}
