//! What goes wrong in an evening: the store takes its time, refuses changes or cannot do them; connections
//! are gone before the hub hears of it; the clock is put forward and back.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;

/// Where what was done is written down.
pub(super) type Trace = Rc<RefCell<Vec<String>>>;

/// What may go wrong, and what has.
#[derive(Default)]
pub(super) struct Faults {
    on: bool,
    /// Connections that are gone without the hub knowing.
    pub(super) ghosts: BTreeSet<ConnId>,
    /// The latest that the clock has shown before it was put back.
    pub(super) latest: Timestamp,
    trace: Option<Trace>,
}

impl Faults {
    /// Nothing goes wrong.
    pub(super) fn none() -> Faults {
        Faults::default()
    }

    /// Everything may; `trace` gets every command.
    pub(super) fn all(trace: Option<Trace>) -> Faults {
        Faults { on: true, trace, ..Faults::default() }
    }

    pub(super) fn are_on(&self) -> bool {
        self.on
    }

    pub(super) fn is_ghost(&self, conn: ConnId) -> bool {
        self.ghosts.contains(&conn)
    }

    pub(super) fn trace(&self, what: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.borrow_mut().push(what());
        }
    }
}

impl Evening {
    /// A connection is gone, and the hub does not know.
    pub(super) fn vanish(&mut self, conn: ConnId) {
        self.faults.trace(|| format!("{}#{} is gone", conn.slot, conn.generation));
        self.clients.remove(&conn);
        self.faults.ghosts.insert(conn);
    }

    /// A connection is gone; the hub hears of it now or later.
    pub(super) fn lose(&mut self, conn: ConnId) {
        if self.faults.on && self.dice.percent(50) { self.vanish(conn) } else { self.hang_up(conn) }
    }

    /// Something that is not in anybody's hand. Returns whether that was all for now.
    pub(super) fn trouble(&mut self) -> bool {
        for _ in 0..self.dice.below(6) {
            self.work();
        }
        for _ in 0..self.dice.below(4) {
            self.hear();
        }
        let ghosts: Vec<ConnId> = self.faults.ghosts.iter().copied().collect();
        let what = self.dice.below(100);
        match (what, self.dice.pick(&ghosts).copied()) {
            (0, _) => self.shift_clock(),
            (1, _) => self.come_to_rest(),
            (2..5, _) => {
                let Some(conn) = self.anybody() else { return false };
                self.vanish(conn);
                self.note("vanished");
            }
            (5..10, Some(ghost)) => self.haunt(ghost),
            (10..20, Some(ghost)) => self.hang_up(ghost),
            // More of what the store has to keep.
            (20..30, _) => {
                let Some(conn) = self.anybody() else { return false };
                self.change_room(conn);
            }
            (30, _) if self.dice.percent(30) => self.restart(),
            _ => return false,
        }
        true
    }

    /// The clock on the wall is corrected, by seconds or days.
    fn shift_clock(&mut self) {
        let most = [5, 3600, 5 * 86_400][self.dice.below(3)];
        let by = self.dice.below(most) as u64 * 1000;
        let wall = self.now.wall.0;
        self.faults.latest = self.faults.latest.max(self.now.wall);
        self.now.wall = Timestamp(if self.dice.percent(50) { wall + by } else { wall - by });
        self.faults.trace(|| format!("the clock says {:?}", self.now.wall));
        self.note("clock");
        self.tick();
    }

    /// What somebody had asked before he was gone is done after that.
    fn haunt(&mut self, ghost: ConnId) {
        let rooms: Vec<RoomId> = self.state.rooms.keys().copied().collect();
        let Some(room) = self.dice.pick(&rooms).copied() else { return };
        let command = match self.dice.below(6) {
            0 => RoomCommand::Leave,
            1 => RoomCommand::Hand(true),
            2 => RoomCommand::Message(message(&format!("hello {:x}", self.dice.roll()))),
            3 => RoomCommand::SetTopic(b"Gone".to_vec()),
            4 => RoomCommand::SetAllMics(false),
            _ => RoomCommand::Join { lockword: Vec::new(), invisible: false, udp_port: 2090 },
        };
        self.room(ghost, room, command);
        self.note("haunted");
    }
}
