//! Compressed bodies: gunzip reads what was rendered, and what did not change is not compressed again.

use crate::subjects::{busy_collector, registry_with_everything, whole_process};
use epoch_metrics::{Page, Registry, RenderedChunk, Scrape};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

fn scrape(page: &Page) -> Scrape {
    page.scrape(["text/plain"], ["gzip"])
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let (mut text, mut decoder) = (Vec::new(), GzDecoder::new(bytes));
    decoder.read_to_end(&mut text).expect("a gzip member");
    assert!(decoder.into_inner().is_empty(), "bytes behind the member");
    text
}

/// Scrapes and checks that what comes out is the page.
fn check(page: &Page) -> Scrape {
    let scrape = scrape(page);
    assert_eq!(scrape.content_encoding(), Some("gzip"));
    let body = scrape.body().to_vec();
    assert_eq!(body.len(), scrape.body().len());
    assert_eq!(
        String::from_utf8(gunzip(&body)).unwrap(),
        page.render_prometheus()
    );
    scrape
}

/// Families of single metrics, and one that is large.
fn large_registry() -> Registry {
    let registry = Registry::builder().without_own_metrics().build();
    for number in 0..100 {
        let gauge = registry.gauge(&format!("single_{number}"), "A single gauge.");
        gauge.unwrap().set(number * 7_919 % 1_000);
    }
    let family = registry.counter_family("requests", "Requests, by user.", &["user"]);
    let family = family.unwrap();
    for user in 0..5_000_u64 {
        let count = user.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
        family.with(&[&format!("user-{user}")]).unwrap().add(count);
    }
    registry
}

#[test]
fn bodies_are_what_was_rendered() {
    let empty = Registry::new();
    for page in [
        empty.page(),
        registry_with_everything().page(),
        busy_collector().page(),
        whole_process(),
        large_registry().page(),
        Page::merge([]).unwrap(),
    ] {
        check(&page);
        check(&page);
    }
    let registry = registry_with_everything();
    for accept in ["application/openmetrics-text", "application/json"] {
        let plain = registry.scrape([accept], ["identity"]).into_body();
        let packed = registry.scrape([accept], ["gzip"]).into_body();
        assert_eq!(gunzip(&packed.to_vec()), plain.to_vec());
    }
}

/// What two bodies have in common: the same bytes in the same place of memory.
fn shared(one: &Scrape, other: &Scrape) -> (usize, usize) {
    let place = |chunk: &RenderedChunk| (chunk.as_ptr(), chunk.len());
    let before: HashSet<_> = one.body().chunks().map(|chunk| place(&chunk)).collect();
    let after: Vec<RenderedChunk> = other.body().chunks().collect();
    let known = after.iter().filter(|chunk| before.contains(&place(chunk)));
    (known.count(), after.len())
}

#[test]
fn what_did_not_change_is_taken_over() {
    let registry = large_registry();
    let first = check(&registry.page());
    let second = check(&registry.page());
    // All but the end, which is made each time.
    let (known, chunks) = shared(&first, &second);
    assert_eq!(known, chunks - 1);
    assert!(chunks > 20, "{chunks}");
    // A page in part takes over nothing, and leaves what is kept alone.
    check(&registry.page_of(["single_50"]));
    assert_eq!(shared(&first, &check(&registry.page())).0, chunks - 1);

    registry.gauge("single_50", "").unwrap().set(-1);
    let third = check(&registry.page());
    assert_eq!(shared(&second, &third), (chunks - 2, chunks));
    let family = registry.counter_family("requests", "", &["user"]).unwrap();
    family.with(&["user-2000"]).unwrap().inc();
    let fourth = check(&registry.page());
    assert_eq!(shared(&third, &fourth), (chunks - 2, chunks));

    // One more series, one less, and a family less.
    family.with(&["another"]).unwrap().inc();
    let fifth = check(&registry.page());
    let (known, chunks) = shared(&fourth, &fifth);
    assert!(known + 3 >= chunks, "{known} of {chunks}");
    family.remove(&["user-3000"]).unwrap();
    let sixth = check(&registry.page());
    let (known, chunks) = shared(&fifth, &sixth);
    assert!(known + 3 >= chunks, "{known} of {chunks}");
    assert!(registry.unregister("single_0"));
    check(&registry.page());
    // A page that is kept stays what it was.
    assert_eq!(
        gunzip(&first.body().to_vec()),
        gunzip(&second.body().to_vec())
    );
}

#[test]
fn a_text_that_is_written_to_again_is_compressed_again() {
    let registry = large_registry();
    let family = registry.counter_family("requests", "", &["user"]).unwrap();
    let counter = family.with(&["user-2000"]).unwrap();
    for _ in 0..5 {
        counter.inc();
        check(&registry.page());
    }
}

/// A family of many small parts is not compressed as a whole when one of them changes.
#[test]
fn small_parts_are_compressed_by_themselves() {
    let registry = Registry::builder().without_own_metrics().build();
    let family = registry.counter_family("a", "A.", &["b"]).unwrap();
    let handles: Vec<_> = (0..9_000_u32)
        .map(|id| family.with(&[&id.to_string()]).unwrap())
        .collect();
    handles.iter().for_each(|handle| handle.add(10));
    let first = check(&registry.page());
    handles[4_000].inc();
    let second = check(&registry.page());
    // The header, the stretch with the head, the one that changed, and the end.
    let (known, chunks) = shared(&first, &second);
    assert!(known + 3 >= chunks && chunks > 5, "{known} of {chunks}");
}

#[test]
fn a_registry_that_keeps_nothing_compresses_anew() {
    let registry = Registry::builder().keep_rendered(false).build();
    registry.gauge("a", "A.").unwrap().set(1);
    let (first, second) = (check(&registry.page()), check(&registry.page()));
    // The header is the same static bytes.
    assert_eq!(shared(&first, &second), (1, 3));
}

/// Pieces cost little: a compressed page is hardly larger than one that was compressed as a whole.
#[test]
fn pieces_take_little_more_than_the_whole() {
    let page = large_registry().page();
    let mut whole = GzEncoder::new(Vec::new(), Compression::fast());
    whole
        .write_all(page.render_prometheus().as_bytes())
        .unwrap();
    let whole = whole.finish().unwrap().len();
    let pieces = scrape(&page).body().len();
    println!("{pieces} bytes in pieces, {whole} as a whole");
    assert!(pieces * 100 <= whole * 104, "{pieces} and {whole}");
}

/// gzip itself, where it is installed, and Python have no objection either.
#[test]
#[ignore = "needs Python and gzip; with them: EPOCH_PYTHON=<python> cargo test --features gzip --test exposition -- --ignored"]
fn other_programs_read_it() {
    let python = std::env::var("EPOCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let read =
        "import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))";
    for page in [
        large_registry().page(),
        whole_process(),
        Registry::new().page(),
    ] {
        let body = scrape(&page).into_body().to_vec();
        for (program, arguments) in [("gzip", vec!["-dc"]), (&python, vec!["-c", read])] {
            let mut reader = Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap_or_else(|error| panic!("{program} does not run: {error}"));
            let mut input = reader.stdin.take().unwrap();
            let body = body.clone();
            let writer = std::thread::spawn(move || input.write_all(&body).unwrap());
            let output = reader.wait_with_output().unwrap();
            writer.join().unwrap();
            assert!(output.status.success(), "{program}");
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                page.render_prometheus()
            );
        }
    }
}
