//! Exemplars beside the samples that they belong to.

use super::dirty::{Cache, Model};
use super::{Forgotten, Metrics, Tally, config, explore, in_slot, only};
use super::{recorder_of, recorder_with, spawn};
use crate::engine::family::dirty::DirtyBit;
use crate::engine::generation::Generation;
use crate::engine::histogram::Recorder;
use crate::engine::read_order::{Group, ReadCache, Readout};
use crate::engine::readout::{GroupRead, SnapshotSource};
use crate::engine::slot::adaptive::Promotion;
use crate::engine::throughput::Tracker;
use crate::ownership::Ownership;
use loom::sync::Arc;
use std::time::Duration;

/// Threads with a block of their own, and threads that share one.
const OWNERSHIPS: [Ownership; 2] = [Ownership::Always, Ownership::Never];

/// A histogram with a bucket for 0 and 1, and one for what is above. A value was recorded, so that another thread can record the
/// next ones without an allocation, which would publish more than a record does.
fn histogram(ownership: Ownership) -> Recorder<Tally> {
    let recorder = recorder_with(config(4, 0), ownership).with_exemplars([1].into());
    in_slot(0, |thread| recorder.record(thread, 1));
    recorder
}

type Reading = Readout<Recorder<Tally>, Tracker<Forgotten>>;

/// Records 1, with the exemplar 10.
fn record(recorder: &Recorder<Tally>) {
    in_slot(0, |thread| recorder.record_with_exemplar(thread, 1, || 10));
}

fn exemplars(tally: &Tally) -> Vec<u64> {
    tally.exemplars.iter().map(|exemplar| **exemplar).collect()
}

/// A snapshot that has the exemplar has its sample. Fails if the exemplar is stored before the sample is recorded, or if exemplars are read
/// after the samples.
#[test]
fn an_exemplar_has_its_sample() {
    for ownership in OWNERSHIPS {
        explore("exemplars::an_exemplar_has_its_sample", 2, 20, move || {
            let recorder = Arc::new(histogram(ownership));
            let writer = spawn(&recorder, record);
            let reader = spawn(&recorder, |recorder| {
                let snapshot = recorder.read_at(super::NOW);
                if !exemplars(&snapshot.tally).is_empty() {
                    assert_eq!(snapshot.tally.count(), 2, "no sample: {snapshot:?}");
                }
            });
            writer.join().unwrap();
            reader.join().unwrap();
            let last = recorder.read_at(super::NOW);
            assert_eq!((last.tally.count(), exemplars(&last.tally)), (2, vec![10]));
        });
    }
}

/// A thread reads while another records with an exemplar. Who reads afterwards gets the exemplar, and that snapshot stays current. Fails if
/// the exemplar is counted before it is stored, or with the count Relaxed on either side, or if readers load the count last.
#[test]
fn an_exemplar_shows() {
    for ownership in OWNERSHIPS {
        explore("exemplars::an_exemplar_shows", 2, 20, move || {
            let recorder = Arc::new(histogram(ownership));
            let writer = spawn(&recorder, record);
            let reader = spawn(&recorder, |recorder| {
                recorder.read_at(super::NOW);
            });
            writer.join().unwrap();
            reader.join().unwrap();
            let last = recorder.read_at(super::NOW);
            assert_eq!(exemplars(&last.tally), [10]);
            assert!(recorder.is_current(&last));
        });
    }
}

/// A reset races a record with an exemplar, and one more record comes after both. No snapshot after the reset has an exemplar of a sample that the reset forgot,
/// nor has what the reset forgot one of a sample that it left. Fails if the writer loads the number of resets after its record, or if
/// a reset does not raise it.
#[test]
fn a_reset_drops_exemplars() {
    for ownership in OWNERSHIPS {
        explore("exemplars::a_reset_drops_exemplars", 2, 20, move || {
            let recorder = Arc::new(histogram(ownership));
            let writer = spawn(&recorder, record);
            let reset = spawn(&recorder, |recorder| {
                recorder.try_reset(Duration::ZERO, &Generation::default())
            });
            writer.join().unwrap();
            let forgotten = reset.join().unwrap();
            let last = recorder.read_at(super::NOW);
            // How many samples precede that of the exemplar.
            let forgets = forgotten.is_some();
            let before = forgotten.iter().map(|forgotten| (forgotten, 1));
            for (snapshot, earlier) in before.chain([(&*last, u64::from(!forgets))]) {
                assert!(
                    exemplars(&snapshot.tally).is_empty() || snapshot.tally.count() > earlier,
                    "an exemplar without its sample: {snapshot:?}"
                );
            }
            let expected = last.tally.count() + 1;
            in_slot(0, |thread| recorder.record_with_exemplar(thread, 2, || 20));
            let last = recorder.read_at(super::NOW);
            assert_eq!(last.tally.count(), expected);
            assert_eq!(exemplars(&last.tally).last(), Some(&20));
        });
    }
}

/// A registry reads its histograms while a thread records with an exemplar. A reading that is current afterwards has it. Fails if the
/// word is not bumped after the exemplar.
#[test]
fn a_registry_shows_an_exemplar() {
    explore("exemplars::a_registry_shows_an_exemplar", 2, 20, || {
        let metrics = Metrics::default();
        let promotion = std::sync::Arc::clone(&metrics.promotion);
        let dirty = DirtyBit::default();
        let histogram = recorder_of(config(4, 0), Ownership::Never, promotion, dirty);
        let histogram = histogram.with_exemplars([1].into());
        in_slot(0, |thread| histogram.record(thread, 1));
        let metrics = Arc::new(Metrics {
            histograms: [Group::One(histogram.into())].into_iter().collect(),
            ..metrics
        });
        let writer = spawn(&metrics, |metrics| metrics.histograms().for_each(record));
        let read = |metrics: &Metrics| -> Reading {
            let sources = metrics.sources();
            sources.read(&mut ReadCache::default(), super::NOW)
        };
        let reader = spawn(&metrics, read);
        writer.join().unwrap();
        let readout = reader.join().unwrap();
        let is_current = |readout| {
            let second = super::NOW.coarse.as_secs();
            metrics.sources().is_current(readout, second)
        };
        let shown = |readout: &Reading| match &readout.histograms[..] {
            [GroupRead::One(snapshot)] => exemplars(&snapshot.tally),
            _ => unreachable!("there is one histogram"),
        };
        if is_current(&readout) {
            assert_eq!(shown(&readout), [10], "current, without the exemplar");
        }
        let last = read(&metrics);
        assert_eq!(shown(&last), [10]);
        assert!(is_current(&last));
    });
}

/// A registry reads a family while a thread records into its series with an exemplar, and once more afterwards. The second reading has the
/// exemplar. Fails if the series is not marked after its exemplar, since the first reading may have found it marked by the sample.
#[test]
fn a_family_shows_an_exemplar() {
    explore("exemplars::a_family_shows_an_exemplar", 2, 20, || {
        let promotion = std::sync::Arc::new(only(Promotion::default()));
        let registry = std::sync::Arc::clone(&promotion);
        let create = move |dirty| {
            let promotion = std::sync::Arc::clone(&promotion);
            let histogram = recorder_of(config(4, 0), Ownership::Never, promotion, dirty);
            std::sync::Arc::new(histogram.with_exemplars([1].into()))
        };
        let model = Arc::new(Model::of(1, registry, create));
        let series = model.with(0, "a");
        in_slot(0, |thread| series.record(thread, 1));
        let mut cache = Cache::default();
        model.read(&mut cache);
        let writer = spawn(&model, move |_| record(&series));
        let reader = spawn(&model, move |model| {
            model.read(&mut cache);
            cache
        });
        writer.join().unwrap();
        let mut cache = reader.join().unwrap();
        let last = model.read(&mut cache);
        let (_, snapshot) = last.histograms[0].series(0).expect("it is on the list");
        assert_eq!(exemplars(&snapshot.tally), [10]);
        assert!(model.is_current(&last));
    });
}
