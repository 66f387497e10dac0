//! What a new store begins with: the service user, the categories and a set of permanent rooms.

use super::super::change::Applied;
use super::super::index::View;
use super::super::types::{Account, Category, PasswordHash, RoomRecord};
use super::super::{records, tables};
use super::{Ops, Outcome};
use crate::model::{
    CategoryId, Nickname, Privacy, Rating, Role, Roles, RoomId, RoomKind, RoomName, Timestamp, Uid,
};

/// The nickname of the service user.
const SERVICE_NAME: &[u8] = b"Paltalk";
/// What newcomers are told in every one of these rooms.
const WELCOME: &str = "Welcome! Type /help to see what you can do here.";

/// Categories by number and name (PROTOCOL 3.7). The numbers of those that recordings show are the
/// recorded ones.
const CATEGORIES: [(u16, &str); 30] = [
    (30_001, "Top Rooms"),
    (30_002, "Featured Rooms"),
    (30_003, "Paltalk Help Rooms"),
    (30_004, "Paltalk Radio"),
    (30_005, "Distance Learning"),
    (30_006, "Meet New Friends"),
    (30_007, "Love and Romance"),
    (30_008, "Social Issues"),
    (30_009, "By Language: Europe"),
    (30_010, "By Language: Arabic"),
    (30_011, "By Language: Spanish & Portugese"),
    (30_012, "By Language: Asia & The Far East"),
    (30_013, "By Language: Middle East"),
    (30_014, "By Language: India & Pakistan"),
    (30_015, "By Language / Nationality / Other"),
    (30_016, "African American"),
    (30_017, "Early Teens"),
    (30_018, "Young Adults (18+)"),
    (30_019, "Religious"),
    (30_020, "Christianity"),
    (30_021, "Islam"),
    (30_022, "Judaism"),
    (30_023, "Health Related / Parenting"),
    (30_024, "Computers - Hi Tech"),
    (30_025, "Sports and Hobbies"),
    (30_026, "Business and Finance"),
    (30_027, "Music"),
    (30_028, "Miscellaneous"),
    (30_029, "Adult Oriented"),
    (30_030, "Welcome Brazil"),
];

/// Permanent rooms: number, category, rating, name, topic. 450, 451 and 600 are the welcome and
/// support rooms of the original service (PROTOCOL 3.8).
const ROOMS: [(u32, u16, Rating, &str, &str); 16] = [
    (450, 30_003, Rating::General, "Welcome to Paltalk", "New here? Say hello"),
    (451, 30_003, Rating::General, "Getting Started", "Questions and answers for newcomers"),
    (600, 30_003, Rating::General, "Paltalk Support", "Help with the client and the server"),
    (50_001, 30_018, Rating::General, "*** The Royal Oak ***", "The round is on the house"),
    (50_002, 30_018, Rating::General, "*** The White Horse ***", "Quiz night every night"),
    (50_003, 30_002, Rating::General, "The Lobby", "Where everybody passes through"),
    (50_004, 30_006, Rating::General, "Meet and Greet", "Tell us where you are from"),
    (50_005, 30_007, Rating::Restricted, "Hearts and Flowers", "For those in love and those who were"),
    (50_006, 30_008, Rating::Restricted, "The Debating Club", "One at a time, please"),
    (50_007, 30_009, Rating::General, "Cafe Europa", "Bonjour, hallo, ciao, hej"),
    (50_009, 30_024, Rating::General, "Computer Help", "Have you tried turning it off and on?"),
    (50_010, 30_025, Rating::General, "The Stadium", "Tonight's games"),
    (50_011, 30_027, Rating::General, "Open Mic Night", "Sing, play or listen"),
    (50_012, 30_027, Rating::General, "The Jukebox", "Requests are welcome"),
    (50_013, 30_028, Rating::General, "Anything Goes", "Within reason"),
    (50_014, 30_030, Rating::General, "Bem-vindo", "Oi, gente"),
];

/// Fills a new store, all at once or not at all. The service user tells whether it was done before:
/// an operator who deletes rooms does not get them back.
pub(super) fn seed(view: View<'_>, at: Timestamp, ops: &mut Ops) -> Outcome {
    let service_key = tables::account_key(Uid::SERVICE);
    if view.get(&service_key)?.is_some() {
        return Ok(Applied::Unchanged);
    }
    if let Ok(nickname) = Nickname::built_in(SERVICE_NAME) {
        let account = Account {
            uid: Uid::SERVICE,
            nickname,
            // No password has this hash: nobody signs in as the service user.
            password: PasswordHash::new(""),
            email: None,
            roles: Roles::default().with(Role::Admin),
            privacy: Privacy::default(),
            created: at,
            hint: None,
            age_verified: false,
        };
        ops.put(service_key, records::write_account(&account)?);
        ops.put(tables::nickname_key(&nickname.key()), records::write_uid(Uid::SERVICE)?);
    }
    for (position, (id, name)) in (0..).zip(CATEGORIES) {
        let category = Category { id: CategoryId(id), name: name.into(), position };
        ops.put(tables::category_key(category.id), records::write_category(&category)?);
    }
    for (id, category, rating, name, topic) in ROOMS {
        let Some(name) = RoomName::new(name.as_bytes()) else { continue };
        let (id, category) = (RoomId(id), CategoryId(category));
        let room = RoomRecord {
            topic: topic.into(),
            welcome: WELCOME.into(),
            ..RoomRecord::new(id, name, RoomKind::Voice, category, rating, at)
        };
        ops.put(tables::room_key(room.id), records::write_room(&room)?);
    }
    Ok(Applied::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_room_has_a_name_and_a_category() {
        for (id, category, _, name, _) in ROOMS {
            assert!(RoomName::new(name.as_bytes()).is_some(), "{name}");
            assert!(CATEGORIES.iter().any(|(number, _)| *number == category), "{name}");
            assert_eq!(ROOMS.iter().filter(|room| room.0 == id).count(), 1, "{name}");
        }
        assert!(Nickname::built_in(SERVICE_NAME).is_ok());
    }
}
