//! Messages from one to another: at once to who is there, kept for who is not, each to the right one and
//! once; and those that the store does not keep.

use super::*;
use crate::store::OfflineMessage;

/// A message and what has become of it.
#[derive(Debug)]
struct Letter {
    from: Uid,
    to: Uid,
    /// How often its recipient has seen it.
    seen: u32,
    /// Whether it was to be kept for him.
    posted: bool,
    /// Whether he is known to have it: it must not come again.
    read: bool,
}

#[derive(Default, Debug)]
pub(super) struct Letters(Vec<Letter>);

fn number(text: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(text);
    let mut words = text.split(' ').skip_while(|word| *word != "letter");
    words.nth(1)?.parse().ok()
}

impl Letters {
    /// A message is given to the store.
    pub(super) fn posted(&mut self, from: Uid, to: Uid, text: &[u8]) {
        let letter = &mut self.0[number(text).expect("a letter that nobody wrote")];
        assert_eq!((letter.from, letter.to), (from, to));
        assert!(!letter.posted && letter.seen == 0, "a letter is kept that was seen: {letter:?}");
        letter.posted = true;
    }
}

impl Evening {
    /// Somebody writes to somebody.
    pub(super) fn write(&mut self, conn: ConnId) {
        self.tick();
        let there = self.anybody().map(|conn| self.clients[&conn].uid);
        let mine = self.clients[&conn].uid;
        let hostile: Vec<Uid> =
            self.clients.values().filter(|it| it.blocks.contains(&mine)).map(|it| it.uid).collect();
        let hostile = self.dice.pick(&hostile).copied().filter(|_| self.dice.percent(15));
        let to = match (hostile, there) {
            (Some(hostile), _) => hostile,
            (None, Some(there)) if self.dice.percent(50) => there,
            _ => person(self.dice.below(self.people as usize) as u32).uid,
        };
        let Some(me) = self.clients.get_mut(&conn) else { return };
        me.told.clear();
        let (from, shut) = (me.uid, me.blocks.contains(&to) || to == me.uid);
        let id = self.letters.0.len();
        self.letters.0.push(Letter { from, to, seen: 0, posted: false, read: false });
        let silent = self.ledger.silent(self.now, from);
        let must_not = shut || silent || self.too_early(from);
        let signed_in = self.is_signed_in(to);
        let reader = self.clients.values().find(|client| client.uid == to);
        let unwanted = reader.is_some_and(|reader| reader.blocks.contains(&from));
        let private =
            reader.is_some_and(|it| it.privacy == Privacy::Pals && !it.pals.contains(&from)) && !unwanted;
        let reader = reader.map(|reader| reader.conn);
        let noise = self.dice.roll();
        let text = message(&format!("letter {id} {noise:x}"));
        self.apply(conn, Command::Directory(DirectoryCommand::InstantMessage { to, text }));
        let told = self.clients.get(&conn).map(|me| me.told.clone()).unwrap_or_default();
        let Letter { seen, posted, .. } = self.letters.0[id];
        if must_not {
            assert!(seen == 0 && !posted, "{from} writes to {to} and must not: {told:?}");
            return if silent {
                self.note("silent to one")
            };
        }
        if signed_in && reader.is_none() {
            // Lost with the connection, or refused by what its user wanted.
            return assert!(seen == 0 && !posted, "{to} is thought to be there");
        }
        let refused = !told.is_empty();
        let why = self.guarded || self.ledger.slowmode > 0;
        if refused && !private {
            assert!(why && !is_staff(from), "a letter to {to} is refused for no reason: {told:?}");
        }
        if refused || unwanted || private {
            assert!(seen == 0 && !posted, "{to} does not want this of {from}, or it was refused");
            assert!(refused || !private, "{from} is not told that {to} hears pals only");
            return self.note(if private { "privacy" } else { "unwanted" });
        }
        self.last_said.insert(from, self.now.uptime);
        let expected = (u32::from(reader.is_some()), !signed_in);
        assert_eq!((seen, posted), expected, "what becomes of a letter of {from} to {to}");
        self.note(if posted { "letter posted" } else { "letter at once" });
    }

    /// Somebody is shown a message of somebody.
    pub(super) fn show_letter(&mut self, to: ConnId, sender: Uid, text: &[u8]) {
        let client = &self.clients[&to];
        let letter = &mut self.letters.0[number(text).expect("a letter that nobody wrote")];
        assert_eq!((letter.from, letter.to), (sender, client.uid), "somebody else's letter");
        assert!(!client.blocks.contains(&sender), "{} hears {sender}, whom he blocks", client.uid);
        assert!(letter.seen == 0 && !letter.posted, "twice the same: {letter:?}");
        letter.seen += 1;
    }

    /// The messages that have waited for somebody reach his client, if it is still there.
    pub(super) fn deliver(&mut self, conn: ConnId, messages: &[OfflineMessage]) {
        let Some(client) = self.clients.get_mut(&conn) else { return };
        for message in messages {
            let letter = &mut self.letters.0[number(message.text.as_bytes()).unwrap()];
            assert_eq!((letter.from, letter.to), (message.from, client.uid), "somebody else's letter");
            assert!(letter.posted && !letter.read, "{letter:?} comes again");
            letter.seen += 1;
            client.unheard = Some(message.id);
        }
        if !messages.is_empty() {
            self.note("letter fetched");
        }
    }

    /// Whoever does something has got what he was sent before.
    pub(super) fn hear_of(&mut self, conn: ConnId) {
        let Some(client) = self.clients.get_mut(&conn) else { return };
        let uid = client.uid;
        if let Some(through) = client.unheard.take() {
            self.keep(Change::DropOffline { uid, through });
        }
    }

    /// Nothing waits for somebody who is there, but what he has seen; and what was dropped he has.
    pub(super) fn check_mail(&mut self) {
        let mut waiting = BTreeSet::new();
        for (uid, messages) in &self.disk.mail {
            let there = self.clients.values().any(|client| client.uid == *uid);
            for message in messages {
                let id = number(message.text.as_bytes()).unwrap();
                waiting.insert(id);
                assert!(!there || self.letters.0[id].seen > 0, "{uid} is there and has not got {id}");
            }
        }
        for (id, letter) in self.letters.0.iter_mut().enumerate() {
            letter.read = letter.seen > 0 && !waiting.contains(&id);
        }
    }
}
