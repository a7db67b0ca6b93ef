//! Timers and guards that live in tasks: moved, cancelled, panicking.

use epoch_metrics::{Counter, Gauge, Histogram, HistogramOptions, InFlight, Registry, Timer};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

struct Service {
    latency: Histogram,
    unfinished: Counter,
    in_flight: Gauge,
}

fn service() -> Service {
    let registry = Registry::new();
    Service {
        latency: registry
            .histogram("latency", "", HistogramOptions::durations())
            .unwrap(),
        unfinished: registry.counter("unfinished", "").unwrap(),
        in_flight: registry.gauge("in_flight", "").unwrap(),
    }
}

/// Ready when it is polled the second time, unless it panics then.
struct Work {
    polls: u32,
    panics: bool,
}

impl Future for Work {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        self.polls += 1;
        if self.polls < 2 {
            return Poll::Pending;
        }
        assert!(!self.panics, "a handler's mistake");
        Poll::Ready(self.polls)
    }
}

/// Twenty requests: the first ten are cancelled, some before they were ever polled; one panics.
#[test]
fn a_cancelled_or_panicking_request_is_counted_and_not_recorded() {
    let service = service();
    let mut context = Context::from_waker(Waker::noop());
    for i in 0..20 {
        let guard = service.in_flight.track();
        let work = Work {
            polls: 0,
            panics: i == 15,
        };
        let mut request = Box::pin(service.latency.time(&service.unfinished, async move {
            let _guard = guard;
            work.await
        }));
        assert_eq!(service.in_flight.get(), 1);
        if i % 2 == 0 || i >= 10 {
            assert!(request.as_mut().poll(&mut context).is_pending());
        }
        if i >= 10 {
            let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                request.as_mut().poll(&mut context)
            }));
            assert_eq!(polled.ok(), (i != 15).then_some(Poll::Ready(2)));
        }
        drop(request);
        assert_eq!(service.in_flight.get(), 0, "request {i}");
    }
    assert_eq!(
        (service.latency.snapshot().count(), service.unfinished.get()),
        (9, 11)
    );
}

/// A guard does not tell: it records the cancelled and the panicking ones as well, as its documentation says.
#[test]
fn a_guard_records_whatever_ends_it() {
    let service = service();
    let mut context = Context::from_waker(Waker::noop());
    let timer = service.latency.start_owned();
    let mut cancelled = Box::pin(async move {
        let _timer = timer;
        Work {
            polls: 0,
            panics: false,
        }
        .await
    });
    assert!(cancelled.as_mut().poll(&mut context).is_pending());
    assert_eq!(service.latency.snapshot().count(), 0);
    drop(cancelled);
    assert_eq!(service.latency.snapshot().count(), 1);
}

#[test]
fn owned_timers_and_guards_go_where_a_request_goes() {
    fn anywhere<T: Send + 'static>(_: &T) {}
    let service = service();
    let (timer, guard): (Timer<Histogram>, InFlight) =
        (service.latency.start_owned(), service.in_flight.track());
    anywhere(&timer);
    anywhere(&guard);
    anywhere(&service.latency.time(&service.unfinished, async {}));
    std::thread::spawn(move || drop((timer, guard)))
        .join()
        .unwrap();
    assert_eq!(
        (service.latency.snapshot().count(), service.in_flight.get()),
        (1, 0)
    );
    // Pinned on the stack, and borrowing.
    let text = String::from("borrowed");
    let mut future = pin!(
        service
            .latency
            .time(&service.unfinished, async { text.len() })
    );
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(future.as_mut().poll(&mut context), Poll::Ready(8));
    assert_eq!(service.latency.snapshot().count(), 2);
    assert_eq!(service.unfinished.get(), 1, "the one that was never polled");
}
