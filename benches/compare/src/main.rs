//! epoch-metrics beside its peers: the same work, interleaved in one run. See the README.

mod allocate;
mod caches;
mod cold;
mod contenders;
mod crew;
mod lookup;
mod memory;
mod pin;
mod read;
mod record;
mod render;
mod render_formats;
mod render_histograms;
mod resident;
mod scrape;
mod series;
mod shared;
mod timing;
mod unread;
mod values;

/// How much is to be measured.
pub(crate) struct Run {
    quick: bool,
}

impl Run {
    /// So many rounds, or a tenth of them for seeing that everything works.
    fn share(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(10) } else { full }
    }
}

type Section = (&'static str, fn(&Run));

const SECTIONS: [Section; 13] = [
    // First: memory that others have given back would be taken for free.
    ("allocate", allocate::allocate),
    ("memory", memory::memory),
    ("counter", record::counter),
    ("histogram", record::histogram),
    ("spaced", record::spaced),
    ("shared", shared::shared),
    ("cold", cold::cold),
    ("lookup", lookup::lookup),
    ("scrape", scrape::scrape),
    ("read", read::read),
    ("unread", unread::unread),
    ("render", |run| {
        render::render(run);
        render_histograms::render(run);
        render_formats::render(run);
    }),
    ("series", series::series),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == memory::CHILD) {
        memory::child(&words[1..]).expect("the parent names what there is");
        return;
    }
    let known = |word: &String| word == "quick" || SECTIONS.iter().any(|(name, _)| name == word);
    if let Some(unknown) = words.iter().find(|word| !known(word)) {
        let names = SECTIONS.map(|(name, _)| name).join(" ");
        eprintln!("unknown: {unknown}; known: quick {names}");
        std::process::exit(2);
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let asked = if words.is_empty() {
        "everything".to_owned()
    } else {
        words.join(" ")
    };
    println!("compare {asked}: {cores} cores, {}", env!("RUSTC_VERSION"));
    let run = Run {
        quick: words.iter().any(|word| word == "quick"),
    };
    let all = words.iter().all(|word| word == "quick");
    let chosen = SECTIONS
        .iter()
        .filter(|(name, _)| all || words.iter().any(|word| word == name));
    chosen.for_each(|(_, section)| section(&run));
}
