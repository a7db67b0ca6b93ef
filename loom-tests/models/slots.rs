//! Claim, return, and the tables that slots index.

use super::explore;
use crate::cells::{CellId, Cells};
use crate::slots::Slots;
use loom::sync::Arc;
use loom::thread;

/// A thread claims a slot, counts once as its only writer, and ends, while another begins and does the same. If it gets
/// the same slot it must continue from the first one's cell: a claim that does not see the last owner's stores loses the
/// count. Fails with the claim or the return Relaxed; with the table's segment pointer or a `SetOnce` Relaxed on either
/// side, loom reports the entries themselves.
#[test]
fn hand_over() {
    explore("slots::hand_over", 3, 100, || {
        let slots = Arc::new(Slots::default());
        let cells = Arc::new(Cells::default());
        let count = || {
            let (slots, cells) = (Arc::clone(&slots), Arc::clone(&cells));
            move || {
                let slot = slots.claim();
                let id = CellId::new(0);
                cells.touch(slot, id, 1);
                slots.give_back(slot);
            }
        };
        let threads = [thread::spawn(count()), thread::spawn(count())];
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(cells.value(CellId::new(0)), 2);
    });
}

/// Two threads claim at once and need the same missing segment of the table: they get different slots. Fails if a claim
/// takes a flag without exchanging it.
#[test]
fn two_claim_at_once() {
    explore("slots::two_claim_at_once", 3, 50, || {
        let slots = Arc::new(Slots::default());
        let claim = || {
            let slots = Arc::clone(&slots);
            move || slots.claim()
        };
        let threads = [thread::spawn(claim()), thread::spawn(claim())];
        let [first, second] = threads.map(|thread| thread.join().unwrap());
        assert_ne!(first, second);
        assert!(first.index() < 2 && second.index() < 2, "the lowest are taken first");
    });
}
