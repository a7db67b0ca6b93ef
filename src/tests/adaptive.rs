//! When a thread is promoted, and the crate's own coarse clock.

use crate::engine::slot::adaptive::{Promotion, WriteRate};
use crate::ownership::Ownership;
use crate::ticks::coarse_millis;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One thread's writes to one page.
#[derive(Default)]
struct Writer {
    rate: WriteRate,
    promotions: u64,
}

impl Writer {
    /// Writes so many times at a time in milliseconds.
    fn write(&mut self, times: u64, now: u64) {
        for _ in 0..times {
            let (rate, promoted) = self.rate.after_a_write(|| now);
            self.rate = rate;
            self.promotions += u64::from(promoted);
        }
    }
}

#[test]
fn a_rate_that_lasts_a_second_promotes() {
    let mut writer = Writer::default();
    for step in 0..4 {
        writer.write(256, 1 + step * 250);
        assert_eq!(writer.promotions, 0, "after {step} quarters of a second");
    }
    writer.write(256, 1_001);
    assert_eq!(writer.promotions, 1);
}

#[test]
fn a_rate_below_the_threshold_never_promotes() {
    let mut writer = Writer::default();
    for millisecond in 1..60_000 {
        // 1,000 a second.
        writer.write(1, millisecond);
    }
    assert_eq!(writer.promotions, 0);
}

#[test]
fn a_rate_above_the_threshold_promotes_within_two_seconds() {
    let mut writer = Writer::default();
    for millisecond in 1..2_000 {
        writer.write(2, millisecond);
    }
    assert_eq!(writer.promotions, 1);
}

#[test]
fn a_burst_promotes_nobody() {
    let mut writer = Writer::default();
    // A million within one tick, then as many over 999 ms.
    writer.write(1_000_000, 1);
    for millisecond in 2..1_001 {
        writer.write(1_000, millisecond);
    }
    assert_eq!(writer.promotions, 0);
}

#[test]
fn daily_bursts_do_not_add_up() {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    let mut writer = Writer::default();
    for day in 0..1_000 {
        for quarter in 0..4 {
            writer.write(5_000, 1 + day * DAY + quarter * 250);
        }
    }
    assert_eq!(writer.promotions, 0);
}

#[test]
fn a_clock_that_stands_still_or_goes_back_promotes_nobody() {
    let mut writer = Writer::default();
    writer.write(1_000_000, 1);
    assert_eq!(writer.promotions, 0);
    for now in (1..10_000).rev() {
        writer.write(256, now);
    }
    assert_eq!(writer.promotions, 0);
}

#[test]
fn one_that_is_refused_asks_again_a_second_later() {
    let mut writer = Writer::default();
    for millisecond in 1..10_000 {
        writer.write(256, millisecond);
    }
    // The first second begins at the first look, each further one at the promotion that ended the last.
    assert_eq!(writer.promotions, 9);
}

#[test]
fn the_time_of_a_look_has_room_for_centuries() {
    let mut writer = Writer::default();
    let start = (1 << 43) + 1;
    for quarter in 0..5 {
        writer.write(256, start + quarter * 250);
    }
    assert_eq!(writer.promotions, 1);
}

#[test]
fn room_is_given_back_and_refusals_are_counted() {
    let promotion = Arc::new(Promotion::new(Ownership::Adaptive, 100));
    let first = promotion.try_room(60).expect("there is room");
    assert!(promotion.try_room(41).is_none());
    let second = promotion.try_room(40).expect("there is room");
    let beyond = promotion.room(1_000);
    let usage = promotion.budget.usage();
    assert_eq!((usage.bytes, usage.owners, usage.refused), (1_100, 3, 1));
    drop((first, second, beyond));
    let usage = promotion.budget.usage();
    assert_eq!((usage.bytes, usage.owners, usage.refused), (0, 0, 1));
    assert!(promotion.try_room(u64::MAX).is_none());
}

#[test]
fn the_coarse_clock_goes_on() {
    let (first, begin) = (coarse_millis(), Instant::now());
    assert!(first > 0);
    // It ends: a clock that stands still would keep the test from it.
    while coarse_millis() == first {
        std::thread::yield_now();
    }
    assert!(begin.elapsed() > Duration::ZERO && coarse_millis() > first);
}
