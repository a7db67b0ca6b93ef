//! What the hot path promises, held on compiled code: no lock, no read-modify-write, no fence and no call out of line, and so
//! many instructions.
//!
//! `tests/hot_path/` is a program with one function for each promise, built here as its user would build it, in Cargo's own
//! release profile. Its disassembly is **walked**: from each of the functions along every branch, into everything that is
//! called, except what is named as [`COLD`] and the clock, which users bring along. The program itself is **run**: it
//! executes each function once instruction by instruction, all that it executes must be among what was walked, and the
//! number is held against the one in [`PROMISES`].
//!
//! Without `objdump`, or on another system, the test is ignored, and under CI it fails: `tests/needs` says how.

#[path = "built/mod.rs"]
mod built;
#[path = "needs/mod.rs"]
mod needs;

use built::output;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What a function of the program is held to. Instructions are those that one call executes after a thread's first touch,
/// the function's own frame and return included, the clock's aside.
struct Promise {
    function: &'static str,
    /// As measured with Rust 1.95; a fifth more is tolerated, so that another compiler is not mistaken for a change.
    instructions: usize,
    /// Stores to memory other than the stack.
    stores: usize,
    /// Readings of the clock.
    readings: usize,
}

const PROMISES: [Promise; 6] = [
    Promise {
        function: "hot_counter_inc",
        instructions: 17,
        stores: 3,
        readings: 0,
    },
    Promise {
        function: "hot_counter_add",
        instructions: 18,
        stores: 3,
        readings: 0,
    },
    Promise {
        function: "hot_histogram_record",
        instructions: 47,
        stores: 5,
        readings: 0,
    },
    Promise {
        function: "hot_histogram_record_duration",
        instructions: 62,
        stores: 5,
        readings: 0,
    },
    Promise {
        function: "hot_timer",
        instructions: 117,
        stores: 5,
        readings: 2,
    },
    Promise {
        function: "hot_throughput_add",
        instructions: 60,
        stores: 4,
        readings: 1,
    },
];

/// What may be called though it is not walked: it runs at a first touch, at values and threads that are not the common
/// ones, or when something is broken. Beginnings of demangled names without their angle brackets.
const COLD: [&str; 11] = [
    "epoch_metrics::engine::counter::page::Page::add_shared",
    "epoch_metrics::engine::histogram::Recorder::record_shared",
    "epoch_metrics::engine::counter::page::Page::add_slow",
    "epoch_metrics::engine::histogram::Recorder::record_slow",
    "epoch_metrics::engine::histogram::Recorder::reject",
    "epoch_metrics::engine::throughput::Tracker::add_slow",
    "epoch_metrics::engine::slot::owner::first_write",
    "epoch_metrics::metric::histogram::Histogram::reject",
    "core::panicking::",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
];

/// Of those, the ones that do not return begin with this.
const PANICS: &str = "core::";

fn main() -> ExitCode {
    let trials = vec![
        needs::trial(
            "the_hot_path_is_wait_free_in_compiled_code_and_as_short_as_stated",
            missing,
            the_hot_path_is_wait_free_in_compiled_code_and_as_short_as_stated,
        ),
        needs::trial(
            "the_walk_follows_calls_and_objects_to_what_it_is_to_object_to",
            || None,
            the_walk_follows_calls_and_objects_to_what_it_is_to_object_to,
        ),
    ];
    needs::run(trials).exit_code()
}

fn missing() -> Option<String> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        needs::program("objdump", "binutils")
    } else {
        Some("the hot path is taken apart on x86-64 Linux only".to_owned())
    }
}

fn the_hot_path_is_wait_free_in_compiled_code_and_as_short_as_stated() {
    let program = build();
    let code = Code::of(&program);
    let said = output(&mut Command::new(&program));
    let mut executed: BTreeMap<&str, Vec<u64>> = said
        .lines()
        .map(|line| {
            let (function, addresses) = line.split_once(' ').unwrap();
            (
                function,
                addresses
                    .split(' ')
                    .map(|address| hexadecimal(address).unwrap())
                    .collect(),
            )
        })
        .collect();
    println!("instructions executed by a call, stores, readings of the clock; instructions walked");
    for promise in &PROMISES {
        let executed = executed
            .remove(promise.function)
            .expect("the program calls each function");
        promise
            .check(&code, &executed)
            .unwrap_or_else(|error| panic!("{}: {error}", promise.function));
    }
    assert!(
        executed.is_empty(),
        "functions without a promise: {:?}",
        executed.keys()
    );
}

impl Promise {
    fn check(&self, code: &Code, executed: &[u64]) -> Result<(), String> {
        let entry = code.function(self.function)?;
        let mut walk = Walk {
            code,
            walked: BTreeSet::new(),
            indirect: 0,
        };
        walk.function(entry, 0)?;
        if walk.indirect != self.readings {
            return Err(format!(
                "{} indirect calls for {} readings of the clock",
                walk.indirect, self.readings
            ));
        }
        // The program does not lie where it was linked to.
        let mut run = executed
            .iter()
            .map(|address| address.wrapping_sub(executed[0]).wrapping_add(entry))
            .peekable();
        let (mut instructions, mut stores, mut readings) = (0, 0, 0);
        while let Some(address) = run.next() {
            if !walk.walked.contains(&address) {
                return Err(format!(
                    "executes {} at {address:x}, which is cold",
                    code.name(address)
                ));
            }
            let instruction = &code.instructions[&address];
            instructions += 1;
            stores += usize::from(stores_elsewhere(&instruction.text));
            let flow = code.flow(instruction)?;
            if matches!(
                flow,
                Flow::Call(Target::Unknown)
                    | Flow::Jump {
                        to: Target::Unknown,
                        ..
                    }
            ) {
                readings += 1;
                let callee = code.name(*run.peek().ok_or("stops at an indirect call")?);
                if !callee.contains("TickingClock") {
                    return Err(format!("calls {callee}, which is no clock"));
                }
                // The clock's own instructions, up to where it returns to.
                while run
                    .next_if(|address| !walk.walked.contains(address))
                    .is_some()
                {}
            }
        }
        println!(
            "{:30} {instructions:3} {stores} {readings} {:4}",
            self.function,
            walk.walked.len()
        );
        if (stores, readings) != (self.stores, self.readings) {
            return Err(format!(
                "{stores} stores, {readings} readings, not {}, {}",
                self.stores, self.readings
            ));
        }
        // Far fewer would mean that something was not counted.
        let (least, most) = (
            self.instructions / 2,
            self.instructions + self.instructions / 5,
        );
        if !(least..=most).contains(&instructions) {
            return Err(format!(
                "{instructions} instructions, stated are {}",
                self.instructions
            ));
        }
        Ok(())
    }
}

/// The program in Cargo's own release profile.
fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hot_path");
    built::program(&["--release", "--package", "hot_path"], |cargo| {
        cargo.arg("--target-dir").arg(target);
        // As a user who set nothing: coverage, for one, adds read-modify-writes.
        for flags in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
        ] {
            cargo.env_remove(flags);
        }
    })
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
}

/// A disassembled program.
#[derive(Default)]
struct Code {
    /// By its first address, a function's demangled name.
    functions: BTreeMap<u64, String>,
    instructions: BTreeMap<u64, Instruction>,
    /// By their addresses, the pointers that are filled in when the program is loaded, if it is known with what: calls into
    /// other crates go through them.
    slots: BTreeMap<u64, u64>,
}

#[derive(Debug)]
struct Instruction {
    /// In AT&T's syntax: the destination comes last.
    text: String,
    /// The next one in the same function.
    next: Option<u64>,
}

/// Where an instruction leads to.
#[derive(Debug, PartialEq)]
enum Flow {
    /// To the next one.
    On,
    /// To another one, or if it is conditional perhaps to the next.
    Jump {
        to: Target,
        conditional: bool,
    },
    Call(Target),
    /// To the caller, or to an end.
    Out,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Known(u64),
    /// Through a register or a table: as a call this is the clock, which is behind a pointer.
    Unknown,
}

impl Code {
    fn of(program: &Path) -> Self {
        let objdump = |options: &[&str]| {
            output(
                Command::new("objdump")
                    .env("LC_ALL", "C")
                    .args(options)
                    .arg(program),
            )
        };
        Self::parse(
            &objdump(&["--disassemble", "--no-show-raw-insn", "--demangle"]),
            &objdump(&["--dynamic-reloc"]),
        )
    }

    fn parse(disassembly: &str, relocations: &str) -> Self {
        let mut code = Self::default();
        let mut last = None;
        for line in disassembly.lines() {
            if let Some((address, name)) = line
                .strip_suffix(">:")
                .and_then(|line| line.split_once(" <"))
            {
                code.functions
                    .insert(hexadecimal(address).expect("an address"), name.to_owned());
                last = None;
            } else if let Some((address, text)) = line.split_once(":\t") {
                let address = hexadecimal(address).expect("an address");
                code.instructions.insert(
                    address,
                    Instruction {
                        text: text.trim().to_owned(),
                        next: None,
                    },
                );
                if let Some(before) = last
                    .replace(address)
                    .and_then(|before| code.instructions.get_mut(&before))
                {
                    before.next = Some(address);
                }
            }
        }
        for line in relocations.lines() {
            if let [slot, "R_X86_64_RELATIVE", value] = *line.split_whitespace().collect::<Vec<_>>()
            {
                let value = value.strip_prefix("*ABS*+").and_then(hexadecimal);
                code.slots.extend(hexadecimal(slot).zip(value));
            }
        }
        code
    }

    /// The address of the one function with this name.
    fn function(&self, name: &str) -> Result<u64, String> {
        let mut named = self.functions.iter().filter(|(_, of)| *of == name);
        match (named.next(), named.next()) {
            (Some((address, _)), None) => Ok(*address),
            (found, _) => Err(format!(
                "{} functions with this name",
                if found.is_some() { "several" } else { "no" }
            )),
        }
    }

    /// The name of the function that an address is in.
    fn name(&self, address: u64) -> &str {
        self.functions
            .range(..=address)
            .next_back()
            .map_or("nothing", |(_, name)| name)
    }

    fn flow(&self, instruction: &Instruction) -> Result<Flow, String> {
        let (mnemonic, operands) = split(&instruction.text);
        Ok(match mnemonic {
            "ret" | "ud2" | "int3" | "hlt" => Flow::Out,
            "call" => Flow::Call(self.target(operands)?),
            "jmp" => Flow::Jump {
                to: self.target(operands)?,
                conditional: false,
            },
            _ if mnemonic.starts_with('j') => Flow::Jump {
                to: self.target(operands)?,
                conditional: true,
            },
            _ if mnemonic.starts_with("ret")
                || mnemonic.starts_with("call")
                || mnemonic.starts_with("loop") =>
            {
                return Err(format!("{mnemonic} is not understood"));
            }
            _ => Flow::On,
        })
    }

    fn target(&self, operands: &str) -> Result<Target, String> {
        if !operands.starts_with('*') {
            let to = operands.split_whitespace().next().and_then(hexadecimal);
            return to
                .map(Target::Known)
                .ok_or_else(|| format!("{operands} is not understood"));
        }
        if !operands.contains("(%rip)") {
            return Ok(Target::Unknown);
        }
        let slot = operands
            .split_once('#')
            .and_then(|(_, slot)| hexadecimal(slot.split_whitespace().next()?));
        let to = slot.and_then(|slot| self.slots.get(&slot).copied());
        to.map(Target::Known)
            .ok_or_else(|| format!("a call or jump out of the program: {operands}"))
    }
}

/// Mnemonic and operands, without what may precede them and does not matter.
fn split(text: &str) -> (&str, &str) {
    let (mnemonic, operands) = text.split_once(' ').unwrap_or((text, ""));
    match mnemonic {
        "bnd" | "notrack" | "addr32" | "data16" | "cs" | "ds" | "rep" | "repz" | "repnz" => {
            split(operands.trim_start())
        }
        _ => (mnemonic, operands.trim()),
    }
}

/// What makes an instruction one that the hot path may not contain. (One that adds to memory without `lock` is a load and a
/// store in one, and as such not atomic.)
fn objection(text: &str) -> Option<&'static str> {
    let (mnemonic, operands) = split(text);
    match mnemonic {
        "lock" | "xacquire" | "xrelease" => Some("a locked read-modify-write"),
        _ if mnemonic.starts_with("xchg") && operands.contains('(') => {
            Some("a read-modify-write, locked by itself")
        }
        "mfence" | "lfence" | "sfence" | "serialize" | "cpuid" => Some("a fence"),
        "syscall" | "sysenter" | "int" => Some("a system call"),
        "pause" | "tpause" | "umwait" | "xbegin" => Some("waiting"),
        _ => None,
    }
}

/// Whether an instruction writes to memory that is not addressed by the stack's pointer.
fn stores_elsewhere(text: &str) -> bool {
    let (mnemonic, operands) = split(text);
    let operands = operands.split('#').next().unwrap_or_default().trim();
    let reads = [
        "cmp", "test", "ucomis", "comis", "call", "jmp", "push", "lea", "nop", "mul", "div",
        "imul", "idiv",
    ];
    let reads = reads.iter().any(|read| {
        mnemonic
            .strip_prefix(read)
            .is_some_and(|suffix| suffix.len() <= 1)
    });
    // The last operand, of those that are in memory, ends with the registers of its address.
    operands.ends_with(')')
        && !operands.contains("(%rsp")
        && !reads
        && !mnemonic.starts_with("prefetch")
}

/// Goes through all that a function may execute.
struct Walk<'a> {
    code: &'a Code,
    /// Addresses of instructions.
    walked: BTreeSet<u64>,
    /// Indirect calls, those of a function that is called from two places counted twice.
    indirect: usize,
}

impl Walk<'_> {
    /// Walks a function along every branch.
    fn function(&mut self, entry: u64, depth: usize) -> Result<(), String> {
        let code = self.code;
        let name = code.name(entry);
        let at = |address| format!("{name} at {address:x}");
        if depth > 20 {
            return Err(format!(
                "{name}: calls too deep to be a hot path, or without end"
            ));
        }
        if !code.functions.contains_key(&entry) {
            return Err(format!("{}: into the middle of a function", at(entry)));
        }
        let (mut seen, mut open) = (BTreeSet::new(), vec![entry]);
        while let Some(address) = open.pop() {
            if !seen.insert(address) {
                continue;
            }
            let instruction = code
                .instructions
                .get(&address)
                .ok_or_else(|| format!("{}: no code", at(address)))?;
            self.walked.insert(address);
            if let Some(objection) = objection(&instruction.text) {
                return Err(format!(
                    "{}: {objection}: {}",
                    at(address),
                    instruction.text
                ));
            }
            let flow = code
                .flow(instruction)
                .map_err(|error| format!("{}: {error}", at(address)))?;
            let (onward, callee) = match flow {
                Flow::On => (true, None),
                Flow::Out => (false, None),
                Flow::Call(to) => (true, Some(to)),
                Flow::Jump {
                    to: Target::Known(to),
                    conditional,
                } if !code.leaves(address, to) => {
                    open.push(to);
                    (conditional, None)
                }
                // The other half of a call in last place.
                Flow::Jump { to, conditional } => (conditional, Some(to)),
            };
            let mut returns = true;
            match callee {
                Some(Target::Known(to)) => match code.cold(to) {
                    Some(cold) => returns = !cold.starts_with(PANICS),
                    None => self.function(to, depth + 1)?,
                },
                Some(Target::Unknown) => self.indirect += 1,
                None => {}
            }
            if onward && returns {
                open.push(
                    instruction
                        .next
                        .ok_or_else(|| format!("{}: runs off its end", at(address)))?,
                );
            }
        }
        Ok(())
    }
}

impl Code {
    /// Whether a jump leads out of its function, or back to its beginning.
    fn leaves(&self, from: u64, to: u64) -> bool {
        let start = |address| {
            self.functions
                .range(..=address)
                .next_back()
                .map(|(start, _)| *start)
        };
        start(from) != start(to)
    }

    /// Which of [`COLD`] a function is.
    fn cold(&self, entry: u64) -> Option<&'static str> {
        let name = self.functions.get(&entry)?;
        // The parameters of a generic type are left out as well.
        let name = name.replace("<A>", "").replace(['<', '>'], "");
        COLD.into_iter().find(|cold| name.starts_with(cold))
    }
}

/// The walk itself, on code that has everything that it is to object to, and some that it is not.
fn the_walk_follows_calls_and_objects_to_what_it_is_to_object_to() {
    let walk = |body: &str| {
        let disassembly = format!(
            "0000000000000010 <start>:\n  10:\tpush   %rax\n{body}  1f:\tret\n\n\
             0000000000000020 <<helper as x>::y>:\n  20:\tlock incq (%rax)\n  24:\tret\n\n\
             0000000000000030 <epoch_metrics::engine::slot::owner::first_write>:\n  30:\tlock incq (%rax)\n  34:\tret\n"
        );
        let relocations = "0000000000000100 R_X86_64_RELATIVE  *ABS*+0x0000000000000020\n\
                           0000000000000108 R_X86_64_GLOB_DAT  malloc@GLIBC_2.2.5\n";
        let code = Code::parse(&disassembly, relocations);
        let mut walk = Walk {
            code: &code,
            walked: BTreeSet::new(),
            indirect: 0,
        };
        walk.function(code.function("start").unwrap(), 0)
            .map(|()| (walk.walked.len(), walk.indirect))
    };
    for (body, walked) in [
        ("", 2),
        ("  12:\tincq   (%rcx)\n  14:\txchg   %ax,%ax\n", 4),
        ("  12:\tje     1f <start+0xf>\n  14:\tint3\n", 4),
        ("  12:\tjmp    1f <start+0xf>\n  14:\tmfence\n", 3),
        (
            "  12:\tcall   30 <epoch_metrics::engine::slot::owner::first_write>\n",
            3,
        ),
    ] {
        assert_eq!(walk(body), Ok((walked, 0)), "{body}");
    }
    assert_eq!(walk("  12:\tcall   *0x28(%rax)\n"), Ok((3, 1)), "the clock");
    for (body, objection) in [
        ("  12:\tlock xadd %rax,(%rcx)\n", "read-modify-write"),
        ("  12:\txchg   %rax,0x8(%rcx)\n", "read-modify-write"),
        ("  12:\tmfence\n", "fence"),
        ("  12:\tlock orl $0x0,-0x40(%rsp)\n", "read-modify-write"),
        ("  12:\tsyscall\n", "system call"),
        (
            "  12:\tje     18 <start+0x8>\n  14:\tjmp    1f <start+0xf>\n  18:\tmfence\n",
            "fence",
        ),
        (
            "  12:\tcall   20 <<helper as x>::y>\n",
            "helper as x>::y at 20: a locked read-modify-write",
        ),
        (
            "  12:\tjmp    20 <<helper as x>::y>\n",
            "helper as x>::y at 20: a locked read-modify-write",
        ),
        (
            "  12:\tcall   *0xee(%rip)        # 100 <_DYNAMIC+0x1>\n",
            "helper as x>::y at 20",
        ),
        (
            "  12:\tcall   *0xee(%rip)        # 108 <malloc@GLIBC_2.2.5>\n",
            "out of the program",
        ),
        ("  12:\tcall   10 <start>\n", "without end"),
        (
            "  12:\tcall   22 <<helper as x>::y+0x2>\n",
            "into the middle",
        ),
    ] {
        let error = walk(body).expect_err(body);
        assert!(error.contains(objection), "{body}: {error}");
    }
    for stores in [
        "mov    %rsi,(%r11,%rdx,8)",
        "incq   0x800(%rcx)",
        "add    %rsi,(%rdi)",
        "movq   $0x0,0x10(%rax)",
    ] {
        assert!(stores_elsewhere(stores), "{stores}");
    }
    for no_store in [
        "mov    (%rdi),%rdx",
        "mov    %rax,0x8(%rsp)",
        "cmpb   $0x1,0x13a0(%rax)",
        "mulq   0x8(%rdi)",
        "ret",
    ] {
        assert!(!stores_elsewhere(no_store), "{no_store}");
    }
}
