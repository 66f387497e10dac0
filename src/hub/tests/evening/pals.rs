//! Pals, blocks and privacy, and who is shown to be there.

use super::*;

impl Evening {
    /// Somebody changes his lists or what he is seen as.
    pub(super) fn change_lists(&mut self, conn: ConnId) {
        let client = &self.clients[&conn];
        let (uid, pals) = (client.uid, client.pals.iter().copied().collect::<Vec<Uid>>());
        let blocked: Vec<Uid> = client.blocks.iter().copied().collect();
        let other = person(self.dice.below(self.people as usize) as u32);
        let command = match self.dice.below(10) {
            0..4 => DirectoryCommand::AddPal { pal: other, current: self.named_by(conn) },
            4 | 5 => DirectoryCommand::RemovePal(self.dice.pick(&pals).copied().unwrap_or(other.uid)),
            6 => {
                let privacy = if self.dice.percent(25) { Privacy::Pals } else { Privacy::All };
                DirectoryCommand::SetPrivacy(privacy)
            }
            7 => {
                let target = self.dice.pick(&blocked).copied().unwrap_or(other.uid);
                return self.block(conn, target, false);
            }
            _ => {
                let statuses = [Status::Online, Status::Away, Status::Dnd, Status::Invisible];
                DirectoryCommand::SetStatus(statuses[self.dice.below(4)])
            }
        };
        // Not every client is told.
        let privacy = match &command {
            DirectoryCommand::SetPrivacy(privacy) => Some(*privacy),
            _ => None,
        };
        let pal = match &command {
            DirectoryCommand::AddPal { pal, .. } => Some((pal.uid, true)),
            DirectoryCommand::RemovePal(pal) => Some((*pal, false)),
            _ => None,
        };
        self.apply(conn, Command::Directory(command));
        let Some(client) = self.clients.get_mut(&conn) else { return };
        client.privacy = privacy.unwrap_or(client.privacy);
        match pal {
            Some((pal, true)) if pal != uid && !client.blocks.contains(&pal) => {
                client.pals.insert(pal);
            }
            Some((pal, false)) if pal != uid => {
                client.pals.remove(&pal);
                client.shown.remove(&pal);
            }
            _ => {}
        }
    }

    /// Somebody blocks somebody, or no longer.
    pub(super) fn block(&mut self, conn: ConnId, other: Uid, on: bool) {
        let (uid, staff) = (self.clients[&conn].uid, is_staff(other));
        let target = person(number_of(other));
        let command = match on {
            true => DirectoryCommand::Block { target, staff, current: self.named_by(conn) },
            false => DirectoryCommand::Unblock { target: other, current: self.named_by(conn) },
        };
        self.apply(conn, Command::Directory(command));
        let Some(client) = self.clients.get_mut(&conn) else { return };
        if !on {
            client.blocks.remove(&other);
        } else if !staff && other != uid {
            client.blocks.insert(other);
        }
    }

    /// The names of those whom somebody has on a list.
    fn named_by(&self, conn: ConnId) -> Vec<Person> {
        let client = &self.clients[&conn];
        client.pals.union(&client.blocks).map(|uid| person(number_of(*uid))).collect()
    }

    /// What somebody's lists say is what his client was shown as he signed in: what the store has.
    pub(super) fn show_lists(&mut self, uid: Uid) {
        let Some(session) = self.state.session_of(uid) else { return };
        if let Some(client) = self.clients.get_mut(&session.conn) {
            client.blocks = session.blocks.iter().copied().collect();
            client.pals = session.pals.iter().copied().collect();
            client.privacy = session.privacy;
        }
    }

    /// Everybody sees of his pals what they have set, and nothing of those who do not want it.
    pub(super) fn check_presence(&self) {
        // Of those who are gone without anybody knowing, what they were.
        let ghosts = self.faults.ghosts.iter().filter_map(|ghost| self.state.session(*ghost));
        let ghosts =
            ghosts.map(|it| (it.person.uid, (it.status.wire(), it.blocks.iter().copied().collect())));
        let there = self.clients.values().map(|it| (it.uid, (it.shown[&it.uid], it.blocks.clone())));
        let there: BTreeMap<Uid, (u32, BTreeSet<Uid>)> = ghosts.chain(there).collect();
        for client in self.clients.values() {
            for pal in &client.pals {
                let shown = client.shown.get(pal).copied().unwrap_or(Status::OFFLINE_WIRE);
                let expected = match there.get(pal) {
                    _ if client.blocks.contains(pal) && client.dialect == Dialect::V50 => {
                        Status::OFFLINE_WIRE
                    }
                    _ if client.blocks.contains(pal) => Status::BLOCKED_WIRE,
                    Some((status, blocks))
                        if !blocks.contains(&client.uid) && *status != Status::Invisible.wire() =>
                    {
                        *status
                    }
                    _ => Status::OFFLINE_WIRE,
                };
                assert_eq!(shown, expected, "how {} sees {pal}", client.uid);
            }
        }
    }
}
