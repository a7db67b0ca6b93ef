//! A writer is stopped in a record while others read and reset.

use crate::stepped::{Stepped, StillClock, Stopped};
use crate::subject::{
    MAX, QUEUE, RECENT, Read, Step, Subject, Watch, Write, Zero, ordinary, samples, subject, take,
};
use crate::{alone, at_every_instruction};
use epoch_metrics::{Histogram, HistogramSnapshot, Registry, Value};
use std::cell::Cell;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, mpsc};

#[test]
fn readers_go_on_while_a_writer_is_stopped_before_any_instruction_of_a_record() {
    let _alone = alone();
    let uncertain = each_case(read_while_stopped, "of them a sample is uncertain");
    assert!(
        uncertain > 0,
        "a writer stopped inside a record of an overrun queue"
    );
}

/// Its instructions in the C library left out.
#[test]
fn readers_go_on_while_a_writer_is_stopped_in_its_first_touch() {
    let _alone = alone();
    at_every_instruction("a first touch", 11, |at| {
        read_while_stopped(
            &subject(RECENT * (at % 2) as usize),
            &[],
            Record(9),
            at,
            &Cell::new(0),
        )
    });
}

/// A reset ends with an exact cut although a writer is stopped, or waits for it and keeps nobody else waiting; one that may give
/// up does, and has forgotten nothing.
#[test]
fn a_reset_that_meets_a_stopped_writer_is_exact_or_keeps_nobody_out() {
    let _alone = alone();
    let reset = |subject: &Subject, steps: &[Step], call: Call, at: u64, waited: &Cell<u64>| {
        let histogram = &subject.histogram;
        stopped_writer(subject, steps, call, at, |stopped, samples| {
            let least = samples.len() - usize::from(call.sample().is_some());
            let mut before = Watch::new(samples, least);
            let (reset, stepped) = if let Some(reset) = histogram.try_reset() {
                Watch::new(&samples[reset.count() as usize..], 0).see(&histogram.snapshot());
                (reset, stopped.release())
            } else {
                waited.set(waited.get() + 1);
                reset_meanwhile(histogram, stopped, &mut before)
            };
            before.see(&reset);
            assert_eq!(reset.uncertain(), 0);
            stepped.wait_for_end();
            let forgotten = reset.count() as usize;
            Watch::new(&samples[forgotten..], 0).see_all(&histogram.snapshot());
            forgotten
        })
    };
    let waited = each_case(reset, "of them a reset waits");
    assert!(
        waited > 0,
        "for a writer stopped inside a record of an overrun queue"
    );
}

/// A reset that waits for the stopped writer, while this thread reads and lets the writer go on.
fn reset_meanwhile<'a>(
    histogram: &Histogram,
    stopped: Stopped<'a>,
    before: &mut Watch<'_>,
) -> (HistogramSnapshot, &'a Stepped) {
    std::thread::scope(|scope| {
        let reset = scope.spawn(|| histogram.reset());
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_micros(200));
            let meanwhile = histogram.snapshot();
            before.see(&meanwhile);
            assert_eq!(
                meanwhile.uncertain(),
                1,
                "otherwise there is nothing to wait for"
            );
            histogram.latest();
            histogram.reject();
        }
        assert!(!reset.is_finished(), "half of a sample was forgotten");
        let stepped = stopped.release();
        (reset.join().unwrap(), stepped)
    })
}

/// What readers see while a writer is stopped, and after it.
fn read_while_stopped(
    subject: &Subject,
    steps: &[Step],
    call: Call,
    at: u64,
    uncertain: &Cell<u64>,
) -> Option<u64> {
    let Subject {
        registry,
        histogram,
        ..
    } = subject;
    stopped_writer(subject, steps, call, at, |stopped, samples| {
        let mut watch = Watch::new(
            samples,
            samples.len() - usize::from(call.sample().is_some()),
        );
        let rejected = |snapshot: &HistogramSnapshot, by_us: u64| {
            let others = snapshot.rejected() - by_us;
            assert!(
                others <= u64::from(call.sample().is_none()),
                "{others} values refused"
            );
        };
        let first = histogram.snapshot();
        watch.see(&first);
        rejected(&first, 1);
        assert!(
            Arc::ptr_eq(&first, &histogram.snapshot()),
            "nothing has changed since"
        );
        assert!(Arc::ptr_eq(&first, &histogram.latest().snapshot));
        // Rebuilds, with nothing new but what this thread refuses.
        for by_us in 2..5 {
            histogram.reject();
            let again = if by_us == 3 {
                of_registry(registry)
            } else {
                (*histogram.snapshot()).clone()
            };
            watch.see(&again);
            rejected(&again, by_us);
        }
        stopped.release().wait_for_end();
        let last = histogram.snapshot();
        watch.see_all(&last);
        assert_eq!(last.rejected(), 4 + u64::from(call.sample().is_none()));
        uncertain.set(uncertain.get() + watch.uncertain.min(1));
        0
    })
}

fn of_registry(registry: &Registry) -> HistogramSnapshot {
    match registry
        .snapshot()
        .family("h_seconds")
        .unwrap()
        .series()
        .next()
        .unwrap()
        .value()
    {
        Value::Histogram(histogram) => HistogramSnapshot::clone(&histogram),
        other => panic!("{other:?} is no histogram"),
    }
}

/// Runs `case` with calls in situations: the plain record in all of them, the others in the [`CRITICAL`] ones; with and without
/// recent samples in turn, the plain record in a critical situation in both ways.
fn each_case(
    case: impl Fn(&Subject, &[Step], Call, u64, &Cell<u64>) -> Option<u64>,
    counted: &str,
) -> u64 {
    let mut all = 0;
    for (what, call) in CALLS {
        for (number, (situation, steps)) in SITUATIONS.into_iter().enumerate() {
            let (plain, critical) = (what == "record", CRITICAL.contains(&situation));
            let recents: &[usize] = match number % 2 {
                _ if !plain && !critical => &[],
                _ if plain && critical => &[0, RECENT],
                0 => &[0],
                _ => &[RECENT],
            };
            for recent in recents {
                let of_these = Cell::new(0);
                let place = format!("{what}; {situation}; {recent} recent");
                at_every_instruction(&place, 1, |at| {
                    case(&subject(*recent), steps, call, at, &of_these)
                });
                println!("at {} {counted}", of_these.get());
                all += of_these.get();
            }
        }
    }
    all
}

/// By what has happened before, the situations that a histogram can be in.
const SITUATIONS: [(&str, &[Step]); 12] = [
    ("all read", &[Write(15), Read]),
    ("some unread", &[Write(15), Read, Write(3)]),
    ("a zero read", &[Write(15), Zero, Read]),
    (
        "a queue less one unread",
        &[Write(15), Read, Write(QUEUE - 1)],
    ),
    ("a queue unread", &[Write(15), Read, Write(QUEUE)]),
    ("the queue overrun", &[Write(15), Read, Write(300)]),
    (
        "the queue overrun, a zero in it",
        &[Write(15), Read, Zero, Write(300)],
    ),
    ("the other bank is next", &[Write(300), Read]),
    (
        "the other bank is next, and has much before it",
        &[Write(300), Read, Write(300), Read],
    ),
    ("in the other bank", &[Write(300), Read, Write(1), Read]),
    ("the other bank overrun", &[Write(300), Read, Write(300)]),
    (
        "as much remembered as is kept",
        &[Write(15), Read, Write(250), Read, Write(247), Read],
    ),
];

/// The situations in which a record meets the flip of the banks.
const CRITICAL: [&str; 3] = [
    "the queue overrun, a zero in it",
    "the other bank is next",
    "the other bank overrun",
];

const CALLS: [(&str, Call); 5] = [
    ("record", Record(9)),
    ("record, the first in its octave", Record(20)),
    ("record of zero", Record(0)),
    ("record of a value out of range", Record(MAX + 1)),
    ("a timer's drop", Timer(9)),
];

/// The call that is stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Record(u64),
    /// The drop of a timer after so many nanoseconds.
    Timer(u64),
}
use Call::{Record, Timer};

impl Call {
    /// What it records, if that is in range.
    fn sample(self) -> Option<u64> {
        let (Record(value) | Timer(value)) = self;
        Some(value).filter(|value| *value <= MAX)
    }

    fn run(self, histogram: &Histogram, clock: &StillClock, stepped: &Stepped) {
        match self {
            Record(value) => stepped.run(&|| histogram.record(value)),
            Timer(nanos) => {
                let timer = Cell::new(Some(histogram.start()));
                clock.nanos.fetch_add(nanos, SeqCst);
                stepped.run(&|| drop(timer.take()));
            }
        }
    }
}

/// On a thread of its own takes the steps, then executes `call` until it stops before instruction `at`; `meanwhile` then gets
/// the call to do what it likes and let it go on, and says how many samples were forgotten. Afterwards the thread records
/// another 600 samples, and all must be there. Returns how many instructions the call has if it ended before it stopped.
pub(crate) fn stopped_writer(
    subject: &Subject,
    steps: &[Step],
    call: Call,
    at: u64,
    meanwhile: impl FnOnce(Stopped<'_>, &[u64]) -> usize,
) -> Option<u64> {
    let Subject {
        clock, histogram, ..
    } = subject;
    let stepped = Stepped::new(at);
    let mut samples = samples(steps);
    let before = samples.len();
    samples.extend(call.sample());
    let (forgotten, executed) = std::thread::scope(|scope| {
        let (go_on, wait) = mpsc::channel();
        let stepped = &stepped;
        scope.spawn(move || {
            take(steps, histogram);
            call.run(histogram, clock, stepped);
            // An error: the other side has panicked.
            if wait.recv().is_ok() {
                ordinary(before, 600).for_each(|sample| histogram.record(sample));
            }
        });
        let outcome = match stepped.stops() {
            Some(stopped) => (meanwhile(stopped, &samples), None),
            None => (0, stepped.finished()),
        };
        go_on.send(()).unwrap();
        outcome
    });
    samples.extend(ordinary(before, 600));
    Watch::new(&samples[forgotten..], 0).see_all(&histogram.snapshot());
    executed
}
