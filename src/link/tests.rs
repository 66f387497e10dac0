//! Order, bounds and receipts of an outbox.

use std::sync::atomic::AtomicUsize;
use std::task::Wake;

use proptest::prelude::*;

use super::*;

struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn take(outbox: &Outbox) -> Poll<Taken> {
    outbox.poll_take(&mut Context::from_waker(Waker::noop()))
}

fn bytes(text: &str) -> Poll<Taken> {
    Poll::Ready(Taken::Bytes(text.into()))
}

#[test]
fn one_wake_up_serves_a_burst() {
    let outbox = Outbox::new(100);
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&counter));
    assert!(outbox.poll_take(&mut Context::from_waker(&waker)).is_pending());
    for _ in 0..5 {
        outbox.send(b"x");
    }
    assert_eq!(counter.0.load(Ordering::Relaxed), 1);
    assert_eq!(take(&outbox), bytes("xxxxx"));
    assert!(take(&outbox).is_pending());
}

#[test]
fn a_reader_that_does_not_read_is_closed() {
    let outbox = Outbox::new(10);
    outbox.send(b"12345");
    assert_eq!(take(&outbox), bytes("12345"));
    // Taken but not written still counts.
    outbox.send(b"678901");
    assert_eq!((outbox.len(), outbox.closing()), (11, None));
    outbox.send(b"!");
    assert_eq!(outbox.closing(), Some(CloseReason::SlowReader));
    outbox.send(b"more");
    assert_eq!(take(&outbox), Poll::Ready(Taken::Close(CloseReason::SlowReader)));
}

#[test]
fn a_blocked_connection_is_woken_by_closing_alone() {
    let outbox = Outbox::new(10);
    let counter = Arc::new(Counter(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&counter));
    assert_eq!(outbox.poll_closing(&mut Context::from_waker(&waker)), None);
    outbox.send(b"12345");
    outbox.send(b"678901");
    assert_eq!(counter.0.load(Ordering::Relaxed), 0);
    outbox.send(b"!");
    assert_eq!(counter.0.load(Ordering::Relaxed), 1);
    assert_eq!(outbox.poll_closing(&mut Context::from_waker(&waker)), Some(CloseReason::SlowReader));
}

#[test]
fn held_places_keep_the_order_whatever_is_released_first() {
    let outbox = Outbox::new(1000);
    outbox.send(b"a");
    let first = outbox.hold();
    outbox.send(b"c");
    let second = outbox.hold();
    outbox.send(b"e");
    assert_eq!(take(&outbox), bytes("a"));
    second.release(b"d", None);
    assert!(take(&outbox).is_pending());
    first.release(b"b", None);
    assert_eq!(take(&outbox), bytes("bcde"));
    outbox.send(b"f");
    assert_eq!(take(&outbox), bytes("f"));
}

#[test]
fn closing_flushes_the_last_words_and_drops_what_is_not_durable() {
    let outbox = Outbox::new(1000);
    outbox.send(b"a");
    let hold = outbox.hold();
    outbox.send(b"not durable");
    outbox.close(CloseReason::Kicked, b"bye");
    outbox.close(CloseReason::Shutdown, b"again");
    hold.release(b"x", None);
    assert_eq!(take(&outbox), bytes("abye"));
    assert_eq!(take(&outbox), Poll::Ready(Taken::Close(CloseReason::Kicked)));
}

#[test]
fn a_receipt_runs_after_the_write_and_not_before() {
    let outbox = Outbox::new(1000);
    let counter = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&counter);
    let hold = outbox.hold();
    outbox.send(b"b");
    hold.release(b"a", Some(Box::new(move || _ = seen.fetch_add(1, Ordering::Relaxed))));
    assert_eq!(take(&outbox), bytes("ab"));
    assert_eq!(counter.load(Ordering::Relaxed), 0);
    assert!(take(&outbox).is_pending());
    assert_eq!(counter.load(Ordering::Relaxed), 1);
}

#[test]
fn stirring_is_known_until_it_is_asked_for() {
    let outbox = Outbox::new(1000);
    assert!(outbox.take_stirred());
    assert!(!outbox.take_stirred());
    outbox.heard(1);
    outbox.heard(1);
    assert!(outbox.take_stirred());
    assert!(!outbox.take_stirred());
}

#[test]
fn a_sign_of_life_counts_once_and_only_afterwards() {
    let outbox = Outbox::new(1000);
    let counter = Arc::new(AtomicUsize::new(0));
    outbox.heard(1);
    let seen = Arc::clone(&counter);
    outbox.when_heard(Box::new(move || _ = seen.fetch_add(1, Ordering::Relaxed)));
    assert_eq!(counter.load(Ordering::Relaxed), 0);
    outbox.heard(1);
    outbox.heard(1);
    assert_eq!(counter.load(Ordering::Relaxed), 1);
}

proptest! {
    /// Whatever the order of releases, bytes leave in the order of their places.
    #[test]
    fn order_never_changes(holds in 1usize..8, seed in any::<u64>()) {
        let outbox = Outbox::new(10_000);
        let mut places = Vec::new();
        let mut expected = Vec::new();
        for index in 0..holds {
            places.push((outbox.hold(), index));
            outbox.send(&[100 + index as u8]);
            expected.extend([index as u8, 100 + index as u8]);
        }
        let mut left = Vec::new();
        let mut random = seed;
        while !places.is_empty() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (hold, index) = places.swap_remove((random >> 33) as usize % places.len());
            hold.release(&[index as u8], None);
            if let Poll::Ready(Taken::Bytes(bytes)) = take(&outbox) {
                left.extend(bytes);
            }
        }
        prop_assert_eq!(left, expected);
    }
}
