//! A reader is stopped in a rebuild while a writer goes on, or is stopped as well.

use crate::stepped::{Stepped, Stopped};
use crate::subject::{
    QUEUE, RECENT, Read, Step, Subject, Watch, Write, ordinary, samples, subject, take,
};
use crate::writer::{Call, stopped_writer};
use crate::{NoteOnPanic, alone};
use epoch_metrics::{Histogram, HistogramSnapshot};
use std::cell::Cell;
use std::sync::{Arc, mpsc};
use std::thread::{Scope, ScopedJoinHandle};

/// Stopped in a rebuild, a reader keeps other readers out, but no writer; and when it goes on, more than two queues further, it
/// is not led astray.
#[test]
fn a_writer_goes_on_while_a_reader_is_stopped_in_a_rebuild() {
    let _alone = alone();
    for (situation, steps) in REBUILDS {
        let stop_at = |at, variant| {
            let _note = NoteOnPanic(format!(
                "{situation}, variant {variant}, stopped before instruction {at}"
            ));
            let Subject { histogram, .. } = &subject(if variant % 2 == 0 { 0 } else { RECENT });
            let more = if variant < 2 { 2 * QUEUE + 88 } else { 3 };
            let mut samples = samples(steps);
            let before = samples.len();
            samples.extend(ordinary(before, more));
            take(steps, histogram);
            let stepped = &Stepped::in_rebuild(at);
            let executed = std::thread::scope(|scope| {
                let reader = spawn_reader(scope, stepped, histogram);
                let Some(stopped) = stepped.stops() else {
                    return stepped.finished();
                };
                samples[before..]
                    .iter()
                    .for_each(|sample| histogram.record(*sample));
                histogram.latest();
                stopped.release();
                let mut watch = Watch::new(&samples, before);
                // Of an overrun queue there may be fewer recent samples.
                watch.recent = more < QUEUE;
                let snapshot = reader.join().unwrap();
                watch.see(&snapshot);
                assert_eq!(snapshot.uncertain(), 0, "nobody was inside of a record");
                watch.recent = true;
                watch.see_all(&histogram.snapshot());
                None
            });
            samples.truncate(if executed.is_some() {
                before
            } else {
                samples.len()
            });
            let rest: Vec<u64> = ordinary(samples.len(), 600).collect();
            rest.iter().for_each(|sample| histogram.record(*sample));
            samples.extend(rest);
            Watch::new(&samples, 0).see_all(&histogram.snapshot());
            executed
        };
        println!(
            "a rebuild, {situation}: {} instructions",
            at_some_instructions(16, 4, stop_at)
        );
    }
}

/// A record while a reader is stopped, and is stopped in turn before the reader goes on: here the writer is about to overwrite
/// the very sample that the reader is about to copy.
#[test]
fn a_reader_that_was_stopped_goes_on_while_a_writer_is_stopped() {
    let _alone = alone();
    let steps = [Write(15), Read, Write(3)];
    let mut met = 0_u64;
    // Of the reader, up to where it has copied what is new; of the writer, all of a record. Where the queue comes round to what
    // the reader is at they are stopped closely.
    let pairs = |(reader, writer)| {
        let (reader, writer) = ((0..400).step_by(reader), (0..100).step_by(writer));
        reader.flat_map(move |reader| writer.clone().map(move |writer| (reader, writer)))
    };
    for (more, between) in [
        (QUEUE - 4, (60, 9)),
        (QUEUE - 3, (15, 3)),
        (QUEUE - 2, (60, 9)),
        (600, (60, 9)),
    ] {
        for (reader_at, writer_at) in pairs(between) {
            let _note = NoteOnPanic(format!(
                "{more} more, reader stopped before instruction {reader_at}, writer {writer_at}"
            ));
            let Subject { histogram, .. } = &subject(if writer_at % 2 == 0 { 0 } else { RECENT });
            let before = samples(&steps).len();
            let mut samples = samples(&steps);
            samples.extend(ordinary(before, more + 1));
            let (returned, last) = samples.split_at(samples.len() - 1);
            let (reader, writer) = (&Stepped::in_rebuild(reader_at), &Stepped::new(writer_at));
            std::thread::scope(|scope| {
                let ((ready, is_ready), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
                scope.spawn(move || {
                    take(&steps, histogram);
                    ready.send(()).unwrap();
                    // An error: the other side has panicked.
                    if may_go_on.recv().is_ok() {
                        returned[before..]
                            .iter()
                            .for_each(|sample| histogram.record(*sample));
                        writer.run(&|| histogram.record(last[0]));
                    }
                });
                is_ready.recv().unwrap();
                let snapshot = spawn_reader(scope, reader, histogram);
                let stopped_reader = reader.stops().expect("a rebuild has more instructions");
                go_on.send(()).unwrap();
                let stopped_writer = writer.stops();
                stopped_reader.release();
                let mut watch = Watch::new(&samples, before);
                watch.recent = more < QUEUE / 2;
                watch.see(&snapshot.join().unwrap());
                watch.least = returned.len();
                for _ in 0..2 {
                    watch.see(&histogram.snapshot());
                    histogram.reject();
                }
                if let Some(stopped) = stopped_writer {
                    met += 1;
                    stopped.release();
                }
                writer.wait_for_end();
                watch.recent = true;
                watch.see_all(&histogram.snapshot());
            });
        }
    }
    println!("{met} times both were stopped");
    assert!(met > 100);
}

/// A reader that finds a writer stopped inside a record, and is stopped itself until that writer has gone on.
#[test]
fn a_reader_is_stopped_while_a_writer_that_it_found_stopped_goes_on() {
    let _alone = alone();
    let never_stops = |_: Stopped<'_>, _: &[u64]| unreachable!();
    let record = stopped_writer(
        &subject(0),
        &[Write(15)],
        Call::Record(9),
        u64::MAX,
        never_stops,
    )
    .unwrap();
    for (situation, steps) in REBUILDS {
        let met = Cell::new(0);
        let stop_at = |reader_at, variant: u64| {
            // The stores are in the second half of a record.
            let (writer_at, more) = (
                record * (6 + variant / 2) / 12,
                [0, 2 * QUEUE + 88][variant as usize % 2],
            );
            let _note = NoteOnPanic(format!(
                "{situation}, {more} more, writer stopped before instruction {writer_at}, reader {reader_at}"
            ));
            let Subject { histogram, .. } = &subject(if variant % 4 < 2 { 0 } else { RECENT });
            let mut samples = samples(steps);
            let before = samples.len();
            samples.push(9);
            samples.extend(ordinary(before, more));
            let samples = &samples;
            let (reader, writer) = (&Stepped::in_rebuild(reader_at), &Stepped::new(writer_at));
            std::thread::scope(|scope| {
                let ((go_on, may_go_on), (done, is_done)) = (mpsc::channel(), mpsc::channel());
                scope.spawn(move || {
                    take(steps, histogram);
                    writer.run(&|| histogram.record(9));
                    // An error: the other side has panicked.
                    if may_go_on.recv().is_ok() {
                        samples[before + 1..]
                            .iter()
                            .for_each(|sample| histogram.record(*sample));
                        done.send(()).unwrap();
                    }
                });
                let stopped_writer = writer.stops().expect("a record has more instructions");
                let snapshot = spawn_reader(scope, reader, histogram);
                let stopped_reader = reader.stops();
                stopped_writer.release();
                go_on.send(()).unwrap();
                is_done.recv().unwrap();
                if let Some(stopped) = stopped_reader {
                    met.set(met.get() + 1);
                    stopped.release();
                }
                let mut watch = Watch::new(samples, before);
                watch.recent = more < QUEUE;
                watch.see(&snapshot.join().unwrap());
                watch.recent = true;
                watch.see_all(&histogram.snapshot());
                reader.finished()
            })
        };
        let executed = at_some_instructions(4, 12, stop_at);
        println!(
            "{situation}: {executed} instructions of a reader, {} times both were stopped",
            met.get()
        );
    }
}

/// What a rebuild can be: a fold of the queue, a flip and a scan, a bank that is settled and a fold of the queue, or a bank
/// that is settled and a flip.
const REBUILDS: [(&str, &[Step]); 4] = [
    ("some unread", &[Write(15), Read, Write(3)]),
    ("the queue overrun", &[Write(15), Read, Write(300)]),
    ("the other bank entered", &[Write(300), Read, Write(3)]),
    ("the other bank overrun", &[Write(300), Read, Write(300)]),
];

/// Runs `stop_at` with numbers from 0 to where the call ends first, the nearer to the beginning the closer together, since that
/// is where readers look at what writers write: `places` of them, for each of `variants`. Returns how many instructions the
/// call has; it is not always the same number.
fn at_some_instructions(
    places: u64,
    variants: u64,
    stop_at: impl Fn(u64, u64) -> Option<u64>,
) -> u64 {
    let executed = stop_at(u64::MAX, 0).expect("a call ends");
    let stops = scaled(places) * variants;
    let mut stopped = 0;
    for stop in 0..stops {
        let part = stop as f64 / stops as f64;
        let at = (executed as f64 * part * part) as u64;
        stopped += u64::from(stop_at(at, stop % variants).is_none());
    }
    assert!(stopped > stops / 2, "stopped {stopped} times of {stops}");
    executed
}

/// How many places: the standard number times `EPOCH_STRESS`.
fn scaled(standard: u64) -> u64 {
    let factor = std::env::var("EPOCH_STRESS")
        .ok()
        .map_or(1, |text| text.parse().expect("EPOCH_STRESS is a number"));
    standard * factor
}

/// Reads on a thread of its own, until that stops inside of the rebuild.
fn spawn_reader<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stepped: &'scope Stepped,
    histogram: &'scope Histogram,
) -> ScopedJoinHandle<'scope, Arc<HistogramSnapshot>> {
    scope.spawn(|| {
        let snapshot = Cell::new(None);
        stepped.run(&|| snapshot.set(Some(histogram.snapshot())));
        snapshot.take().unwrap()
    })
}
