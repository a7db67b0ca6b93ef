//! The command line: a few flags, parsed by hand, so that the example needs no parser to be read.

/// What `--help` prints.
pub(crate) const HELP: &str = "\
An HTTP server that batches requests as an inference server does, measured by epoch-metrics.

    cargo run --release -p server -- [FLAGS]

    --listen ADDR   where to listen (127.0.0.1:8080); with port 0 the system chooses, and the real one is printed
    --load N        requests per second that the server sends to itself (500); 0 for none
    --seconds N     stop after so many seconds, print a summary, and exit
    --benchmark     measure the server with and without metrics and controller, print a table, and exit
    --rate N        requests per second of the benchmark, due at times of their own (10000);
                    0: as many as 32 connections can send, each after its last answer
    --rounds N      rounds of the benchmark (5), each of which runs every configuration once, for --seconds N (1)
    --help          this text

Ctrl-C, SIGTERM or SIGHUP answers what is under way, prints the summary, and exits.
";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// Address and port; still text, since only binding tells whether it is any good.
    pub(crate) listen: String,
    /// Requests per second of the built-in load.
    pub(crate) load: u32,
    /// When to stop; `None`: when told to.
    pub(crate) seconds: Option<u32>,
    /// Options of the benchmark, if it is to run instead of the server.
    pub(crate) benchmark: Option<Benchmark>,
}

/// Options of the benchmark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Benchmark {
    /// Requests per second; 0 for a closed loop.
    pub(crate) rate: u32,
    pub(crate) rounds: u32,
    /// Length of each measurement.
    pub(crate) seconds: u32,
}

/// Reads the flags: `None` if help is wanted.
///
/// # Errors
/// One line for the user, if a flag is unknown or its value is missing or no number.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options {
        listen: "127.0.0.1:8080".to_owned(),
        load: 500,
        seconds: None,
        benchmark: None,
    };
    let mut benchmark = Benchmark {
        rate: 10_000,
        rounds: 5,
        seconds: 1,
    };
    // Whether the benchmark was asked for, and the last flag that needs it.
    let (mut wanted, mut of_benchmark) = (false, None);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        // Both `--load 100` and `--load=100`.
        let (flag, attached) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let mut value = || {
            attached
                .clone()
                .or_else(|| arguments.next())
                .ok_or(format!("{flag} needs a value"))
        };
        match flag {
            "--listen" => options.listen = value()?,
            "--load" => options.load = number(flag, &value()?, 0)?,
            "--seconds" => options.seconds = Some(number(flag, &value()?, 1)?),
            "--benchmark" => wanted = true,
            "--rate" => {
                of_benchmark = Some("--rate");
                benchmark.rate = number(flag, &value()?, 0)?;
            }
            "--rounds" => {
                of_benchmark = Some("--rounds");
                benchmark.rounds = number(flag, &value()?, 1)?;
            }
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("unknown flag {argument:?}; --help lists all")),
        }
    }
    match of_benchmark {
        Some(flag) if !wanted => return Err(format!("{flag} is for --benchmark")),
        _ => (),
    }
    benchmark.seconds = options.seconds.unwrap_or(benchmark.seconds);
    options.benchmark = wanted.then_some(benchmark);
    Ok(Some(options))
}

fn number(flag: &str, value: &str, least: u32) -> Result<u32, String> {
    value
        .parse()
        .ok()
        .filter(|number| *number >= least)
        .ok_or_else(|| format!("{flag} takes a whole number from {least}, not {value:?}"))
}
