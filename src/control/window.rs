//! Windows into tables: filtered, sorted, cut; and what has changed in them.

use std::collections::HashMap;

use super::fields::{RoomNames, Row, Value, compare, find, key};
use super::filter::Filter;
use super::wire::{Page, PageChange, Rows, WINDOW_MAX, Window};

/// A window that was understood.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    filter: Filter,
    sort: usize,
    descending: bool,
    offset: usize,
    limit: usize,
    follow: Option<u32>,
}

/// What a window shows.
#[derive(Clone, PartialEq, Debug)]
pub struct Cut<R> {
    /// As in [`Page`].
    pub total: u32,
    /// As in [`Page`].
    pub matched: u32,
    /// As in [`Page`].
    pub offset: u32,
    /// The rows.
    pub rows: Vec<R>,
}

impl Query {
    /// Understands a window on rows of the kind `R`. In a view, a limit of 0 is [`WINDOW_MAX`].
    ///
    /// # Errors
    ///
    /// For people: what is wrong with the filter or the column to sort by.
    pub fn new<R: Row>(window: &Window, view: bool) -> Result<Query, String> {
        let filter = Filter::parse::<R>(&window.filter).map_err(|error| error.to_string())?;
        let sort = match window.sort.as_str() {
            "" => 0,
            name => find::<R>(name).ok_or_else(|| {
                let names: Vec<&str> =
                    R::FIELDS.iter().filter_map(|field| field.names.first()).copied().collect();
                format!("there is no column \"{name}\" to sort by; there are {}", names.join(", "))
            })?,
        };
        let limit = match (window.limit, view) {
            (0, true) => WINDOW_MAX,
            (0, false) => u32::MAX,
            (limit, true) => limit.min(WINDOW_MAX),
            (limit, false) => limit,
        };
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (offset, limit) = (size(window.offset), size(limit));
        Ok(Query { filter, sort, descending: window.descending, offset, limit, follow: window.follow })
    }

    /// Whether names of rooms matter.
    pub fn needs_rooms(&self) -> bool {
        self.filter.needs_rooms()
    }

    /// Whether the values of a column matter for which rows are shown.
    pub fn asks<R: Row>(&self, name: &str) -> bool {
        find::<R>(name).is_some_and(|field| self.sort == field || self.filter.asks(field))
    }

    /// What the window shows of `rows`.
    pub fn cut<R: Row>(&self, rows: &[R], rooms: &RoomNames) -> Cut<R> {
        let mut matching: Vec<_> = rows
            .iter()
            .filter(|row| self.filter.passes(*row, rooms))
            .map(|row| (key(row.value(self.sort)), row))
            .collect();
        let matched = matching.len();
        let order = |(a, row): &(Value<'_>, &R), (b, other): &(Value<'_>, &R)| {
            let order = compare(a, b);
            let order = if self.descending { order.reverse() } else { order };
            // Equals stay where they are, whatever the direction.
            order.then_with(|| row.id().cmp(&other.id()))
        };
        let mut offset = self.offset.min(matched);
        if let Some(id) = self.follow
            && let Some(followed) = matching.iter().find(|(_, row)| row.id() == id)
        {
            let place = matching.iter().filter(|other| order(other, followed).is_lt()).count();
            offset = offset.min(place).max((place + 1).saturating_sub(self.limit));
        }
        // Of ten thousand rows, those in the window are sorted, and the others only put to its sides.
        let end = offset.saturating_add(self.limit).min(matched);
        if end < matched {
            matching.select_nth_unstable_by(end, order);
            matching.truncate(end);
        }
        if offset > 0 && offset < end {
            matching.select_nth_unstable_by(offset, order);
        }
        let shown = matching.get_mut(offset..).unwrap_or_default();
        shown.sort_unstable_by(order);
        let shown = shown.iter().map(|(_, row)| (*row).clone()).collect();
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Cut { total: small(rows.len()), matched: small(matched), offset: small(offset), rows: shown }
    }
}

impl<R: Row> Cut<R> {
    /// As a page.
    pub fn page(&self, rows: fn(Vec<R>) -> Rows) -> Page {
        let &Cut { total, matched, offset, .. } = self;
        Page { total, matched, offset, rows: rows(self.rows.clone()) }
    }

    /// What makes `before` this; `None` if nothing does.
    pub fn change_since(&self, before: &Cut<R>, rows: fn(Vec<R>) -> Rows) -> Option<PageChange> {
        if self == before {
            return None;
        }
        let known: HashMap<u32, &R> = before.rows.iter().map(|row| (row.id(), row)).collect();
        let new = self.rows.iter().filter(|row| known.get(&row.id()).is_none_or(|old| old != row));
        let new = rows(new.cloned().collect());
        let order = self.rows.iter().map(R::id).collect();
        let &Cut { total, matched, offset, .. } = self;
        Some(PageChange { total, matched, offset, order, rows: new })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hub::rows::{RoomRow, UserRow};
    use crate::model::{RoomId, Status, Uid};

    /// A user with nothing special.
    pub(in super::super) fn user(uid: u32) -> UserRow {
        UserRow {
            uid: Uid(uid),
            nickname: format!("user{uid}"),
            status: Status::Online,
            idle_seconds: 0,
            address: [192, 0, 2, 1].into(),
            client: "5.0".into(),
            connected_seconds: 0,
            rooms: Vec::new(),
            roles: Vec::new(),
            bytes_in: 0,
            bytes_out: 0,
            pending_bytes: 0,
            rtt_micros: None,
            ends: None,
            messages: 0,
            strikes: 0,
            stage: 0,
            muted_seconds: 0,
        }
    }

    /// A room with nothing special.
    pub(in super::super) fn room(id: u32) -> RoomRow {
        RoomRow {
            id: RoomId(id),
            name: format!("room{id}"),
            category: "Music".into(),
            rating: 'G',
            voice: true,
            private: false,
            locked: false,
            permanent: false,
            members: 0,
            speakers: 0,
            hands_up: 0,
            topic: String::new(),
            owner: None,
            messages: 0,
            voice_traffic: Default::default(),
        }
    }

    fn ids(query: &Window, rows: &[UserRow]) -> (u32, Vec<u32>) {
        let cut = Query::new::<UserRow>(query, true).unwrap().cut(rows, &RoomNames::new());
        (cut.offset, cut.rows.iter().map(|row| row.uid.0).collect())
    }

    #[test]
    fn equals_are_in_the_order_of_their_ids() {
        let rows: Vec<_> = [5, 3, 9, 1].map(|uid| UserRow { strikes: u8::from(uid > 4), ..user(uid) }).into();
        let window = |descending| Window { sort: "strikes".into(), descending, ..Window::default() };
        assert_eq!(ids(&window(false), &rows).1, [1, 3, 5, 9]);
        assert_eq!(ids(&window(true), &rows).1, [5, 9, 1, 3]);
        let mistake = Window { sort: "beauty".into(), ..Window::default() };
        assert!(Query::new::<UserRow>(&mistake, true).unwrap_err().contains("beauty"));
    }

    #[test]
    fn a_window_goes_where_its_row_goes() {
        let rows: Vec<_> = (0..100).map(user).collect();
        let window =
            |offset, follow| Window { sort: "uid".into(), offset, limit: 10, follow, ..Window::default() };
        assert_eq!(ids(&window(20, None), &rows), (20, (20..30).collect()));
        assert_eq!(ids(&window(20, Some(25)), &rows).0, 20, "it is in already");
        assert_eq!(ids(&window(20, Some(50)), &rows), (41, (41..51).collect()));
        assert_eq!(ids(&window(20, Some(3)), &rows), (3, (3..13).collect()));
        assert_eq!(ids(&window(20, Some(500)), &rows).0, 20, "it is not there");
        assert_eq!(ids(&window(500, None), &rows), (100, vec![]));
        let all = Window { limit: 100_000, ..Window::default() };
        assert_eq!(Query::new::<UserRow>(&all, true).unwrap().limit, WINDOW_MAX as usize);
    }

    proptest! {
        /// A window is a piece of the whole, wherever it is.
        #[test]
        fn a_window_is_a_piece_of_the_whole(
            users in proptest::collection::btree_map(0u32..60, "[a-cA-Cé]{0,2}", 0..40),
            descending: bool, offset in 0u32..50, limit in 1u32..20, follow in proptest::option::of(0u32..60),
        ) {
            let row = |(uid, nickname)| UserRow { nickname, ..user(uid) };
            let rows: Vec<_> = users.into_iter().map(row).collect();
            let window = Window { sort: "nickname".into(), descending, ..Window::default() };
            let (_, whole) = ids(&window, &rows);
            let (at, piece) = ids(&Window { offset, limit, follow, ..window }, &rows);
            let end = (at as usize + limit as usize).min(whole.len());
            prop_assert_eq!(&piece, &whole[at as usize..end]);
            if let Some(id) = follow.filter(|id| whole.contains(id)) {
                prop_assert!(piece.contains(&id));
            }
        }
    }

    fn population() -> impl Strategy<Value = Vec<UserRow>> {
        proptest::collection::btree_map(0u32..40, (0u8..3, 0u64..3), 0..30).prop_map(|users| {
            let row = |(uid, (strikes, messages))| UserRow { strikes, messages, ..user(uid) };
            users.into_iter().map(row).collect()
        })
    }

    proptest! {
        /// Whatever happens between two looks, and however many looks are left out.
        #[test]
        fn changes_lead_to_what_is_there(
            moments in proptest::collection::vec((population(), any::<bool>()), 1..20),
            sort in proptest::sample::select(vec!["uid", "strikes", "messages", "nickname"]),
            descending: bool, offset in 0u32..10, limit in 1u32..12, follow in proptest::option::of(0u32..40),
        ) {
            let window =
                Window { filter: "messages<2".into(), sort: sort.into(), descending, offset, limit, follow };
            let query = Query::new::<UserRow>(&window, true).unwrap();
            let rooms = RoomNames::new();
            let mut sent = query.cut(&[], &rooms);
            let mut mirror = sent.page(Rows::Users);
            for (rows, slow) in moments {
                if slow {
                    continue;
                }
                let cut = query.cut(&rows, &rooms);
                match cut.change_since(&sent, Rows::Users) {
                    Some(change) => mirror.apply(change).unwrap(),
                    None => prop_assert_eq!(&cut, &sent),
                }
                prop_assert_eq!(&mirror, &cut.page(Rows::Users));
                prop_assert!(cut.rows.len() <= limit as usize);
                sent = cut;
            }
        }
    }
}
