#!/usr/bin/env python3
"""Breaks the code on purpose and reports which check notices.

    python3 loom-tests/mutate.py                everything: about an hour on 2 cores
    python3 loom-tests/mutate.py --part 1/4     every fourth change, from the first
    python3 loom-tests/mutate.py --only tail    those that have this in their name
    python3 loom-tests/mutate.py --file family  those that change a file that has this in its path
    python3 loom-tests/mutate.py --models       those that models notice, without the tests of the whole project
    python3 loom-tests/mutate.py --orderings    weaker orderings only
    python3 loom-tests/mutate.py --tests        those that only the tests of the whole project notice
    python3 loom-tests/mutate.py --list         names only

Two kinds of changes, each made by itself in a scratch copy:

1. Every ordering in src/engine/ that is stronger than Relaxed becomes Relaxed, every fence goes. They are found in the source,
   so that none can be forgotten. A model that the file's table names for such an ordering has to fail, or mutations.toml lists
   the place under "argued", with the reason why no model can see it; and each model that a table names for an ordering has to
   fail for some ordering of its file.
2. Every change to the logic that mutations.toml lists. Each model and each test that it names has to fail.

Before that, what needs no running: every ordering anywhere in src/ is explained in a comment in its function; those outside of
src/engine/ are Relaxed; the models that tables name exist, and where a table names a model for a step rather than an ordering,
mutations.toml has a change to that file that the model notices; and all checks pass without any change. A change that nothing
notices, a reason for something that is noticed, and an entry whose code is gone are failures; so is a check that does not
fail but never ends, or dies.
"""

import argparse
import concurrent.futures
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "src" / "engine"
SCRATCH = ROOT / "target" / "mutate"
# A model that finds nothing ends in seconds; one that a change has sent into a loop never does.
PATIENCE = 240


@dataclass
class Mutant:
    name: str
    file: str
    before: str
    after: str
    # Models, or tests as "target name".
    checks: list[str] = field(default_factory=list)
    # An ordering's: why no model can see it.
    argued: str | None = None
    native: bool = False
    # An ordering's: the models that its file's table does not name for it.
    others: list[str] = field(default_factory=list)


def code_of(line: str) -> str:
    """A line without its comment."""
    return line.split("//", 1)[0]


def function_of(lines: list[str], at: int) -> tuple[str, int]:
    """The name of the function around a line, and where it begins."""
    for number in range(at, -1, -1):
        if found := re.match(r"\s*(?:pub(?:\([a-z]+\))? )?(?:const )?(?:unsafe )?fn (\w+)", lines[number]):
            return found[1], number
    return "", 0


def orderings(path: Path):
    """Every ordering in a file's code: line, column, word."""
    for number, line in enumerate(path.read_text().splitlines()):
        if not re.match(r"\s*(pub\(crate\) )?use |\s*Ordering::\{", line):
            for found in re.finditer(r"\b(Acquire|Release|AcqRel|SeqCst|Relaxed)\b", code_of(line)):
                yield number, found.start(), found[1]


def unexplained() -> list[str]:
    """Orderings without a comment at their place, and strong ones that no model can reach."""
    problems = []
    for path in sorted((ROOT / "src").rglob("*.rs")):
        lines = path.read_text().splitlines()
        for number, _, word in orderings(path):
            function, begin = function_of(lines, number)
            comments = [line.split("//", 1)[1] for line in lines[begin : number + 1] if "//" in line]
            where = f"{path.relative_to(ROOT)}:{number + 1} ({function}): {word}"
            if not any(word in comment for comment in comments):
                problems.append(f"{where} is not explained in its function")
            if word not in ("Relaxed", "SeqCst") and not path.is_relative_to(ENGINE):
                problems.append(f"{where}: only src/engine/ is modelled")
            # What sync.rs has instead of orderings is changed where it is called (mutations.toml).
            if word in ("AcqRel", "SeqCst") and path.name != "sync.rs":
                problems.append(f"{where} is not among those that are weakened here")
    return problems


def rows(path: Path):
    """The rows of a file's tables: the ordering, empty in a table of steps, and the models named in the last column."""
    for line in path.read_text().splitlines():
        if line.startswith("//! | "):
            cells = [cell.strip() for cell in line[3:].strip().strip("|").split("|")]
            yield cells[1] if len(cells) > 4 else "", re.findall(r"`(\w+::\w+)`", cells[-1])


def table(path: Path) -> dict[str, list[str]]:
    """The models that a file's table names, by ordering."""
    models: dict[str, list[str]] = {"Acquire": [], "Release": []}
    for cell, names in rows(path):
        for ordering in models:
            if ordering in cell:
                models[ordering] += names
    return {ordering: list(dict.fromkeys(names)) for ordering, names in models.items()}


def unfounded(changes: list[dict], all_models: list[str]) -> list[str]:
    """Models that tables name and that do not exist, or that notice no change to the step that they are named for."""
    problems = []
    for path in sorted(ENGINE.rglob("*.rs")):
        file = str(path.relative_to(ROOT))
        noticed = {model for change in changes if change["file"] == file for model in change.get("models", [])}
        for cell, names in rows(path):
            for name in names:
                if name not in all_models:
                    problems.append(f"{file}: its table names {name}, which does not exist")
                elif "Acquire" not in cell and "Release" not in cell and name not in noticed:
                    problems.append(f"{file}: its table names {name} for a step, but mutations.toml has no change to it")
    problems += [
        f"{change['what']}: there is no model {model}"
        for change in changes
        for model in change.get("models", [])
        if model not in all_models
    ]
    return problems


def ordering_mutants(argued: list[dict], all_models: list[str]) -> list[Mutant]:
    mutants = []
    for path in sorted(ENGINE.rglob("*.rs")):
        relative = str(path.relative_to(ROOT))
        lines = path.read_text().splitlines(keepends=True)
        named = table(path)
        for number, column, word in orderings(path):
            if word not in named:
                continue
            line = lines[number]
            before = "".join(lines)
            weaker = line[:column] + "crate::sync::Relaxed" + line[column + len(word) :]
            fence = code_of(line).strip() == f"fence({word});"
            after = "".join(lines[:number] + ([] if fence else [weaker]) + lines[number + 1 :])
            function, _ = function_of(lines, number)
            occurrence = [found for found in orderings(path) if found[0] == number].index((number, column, word))
            name = f"{path.relative_to(ENGINE).with_suffix('')}: {word} in {function}: {code_of(line).strip()}"
            name += f" [{occurrence + 1}]" if line.count("Acquire") + line.count("Release") > 1 else ""
            reason = [
                entry["reason"]
                for entry in argued
                if (entry["file"], entry["function"], entry["ordering"]) == (relative, function, word)
                and entry["code"] in line
            ]
            others = [model for model in all_models if model not in named[word]]
            mutants.append(
                Mutant(name, relative, before, after, named[word], reason[0] if reason else None, others=others)
            )
    return mutants


def logic_mutants(changes: list[dict]) -> tuple[list[Mutant], list[str]]:
    mutants, problems = [], []
    for change in changes:
        before = (ROOT / change["file"]).read_text()
        count = before.count(change["old"])
        if count != 1:
            problems.append(f"{change['what']}: what it changes is there {count} times in {change['file']}")
            continue
        after = before.replace(change["old"], change["new"])
        for kind in "models", "tests":
            if kind in change:
                name = change["what"] + (" (tests)" if kind == "tests" and "models" in change else "")
                mutants.append(Mutant(name, change["file"], before, after, change[kind], native=kind == "tests"))
    return mutants, problems


MANIFEST = """
[package]
name = "models"
version = "0.0.0"
edition = "2024"

[features]
loom = []

[dependencies]
crossbeam-utils = { version = "0.8", default-features = false }
loom = "0.7"
triomphe = { version = "0.1", default-features = false }

[[bin]]
name = "models"
path = "loom-tests/main.rs"
test = true

# A change takes seconds to build, and the models run as fast as with more optimization: loom takes most of their time.
[profile.test]
inherits = "release"
debug-assertions = true
overflow-checks = true
opt-level = 1

[profile.test.package."*"]
opt-level = 3

[workspace]
"""


class Workshop:
    """A scratch copy with a build of its own: of the models alone, or of the whole project."""

    def __init__(self, name: str, native: bool):
        self.root, self.native, self.clock = SCRATCH / name, native, time.time()
        self.root.mkdir(parents=True, exist_ok=True)
        parts = ["src/engine", "src/ownership.rs", "src/prefetch.rs", "loom-tests"]
        if native:
            parts = ["src", "loom-tests", "tests", "examples", "benches", "integrations", "Cargo.toml", "README.md"]
        for part in parts:
            copied, original = self.root / part, ROOT / part
            # With the current time: Cargo must not take what was built from changed files for built from these.
            if original.is_dir():
                shutil.rmtree(copied, ignore_errors=True)
                shutil.copytree(original, copied, ignore=shutil.ignore_patterns("target"), copy_function=shutil.copyfile)
            else:
                shutil.copyfile(original, copied)
        if not native:
            (self.root / "Cargo.toml").write_text(MANIFEST)

    def write(self, file: str, text: str) -> None:
        """Writes a file with a time stamp a second later than ever before, so that Cargo builds it again."""
        self.clock = max(self.clock, time.time()) + 1
        (self.root / file).write_text(text)
        os.utime(self.root / file, (self.clock, self.clock))

    def build(self, targets: set[str]) -> dict[str, str]:
        """Builds test targets, and returns their executables."""
        if "shuttle" in targets:
            # A package of its own, with one test target.
            rest = self.build(targets - {"shuttle"}) if len(targets) > 1 else {}
            scenarios = self.cargo(["--release", "--package=shuttle_tests", "--test=scenarios"])
            return rest | {"shuttle": scenarios["scenarios"]}
        names = {"lib": "--lib", "models": "--bin=models"}
        return self.cargo([names.get(target, f"--test={target}") for target in sorted(targets)])

    def cargo(self, wanted: list[str]) -> dict[str, str]:
        """The executables of some test targets, by name."""
        # The whole project uses the dependencies that its own tests were built with.
        shared = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
        target = shared if self.native else self.root / "target"
        done = subprocess.run(
            ["cargo", "test", "--no-run", "--message-format=json", *wanted],
            cwd=self.root,
            env=dict(os.environ, CARGO_TARGET_DIR=str(target), CARGO_TERM_COLOR="never", CARGO_INCREMENTAL="1"),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            errors = re.findall(r'"rendered":"(error.*?)"', done.stdout)
            raise LookupError("does not compile: " + (errors[0] if errors else done.stderr)[:500])
        built = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        built = [artifact for artifact in built if artifact.get("executable")]
        return {
            "lib" if "lib" in artifact["target"]["kind"] else artifact["target"]["name"]: artifact["executable"]
            for artifact in built
        }

    def fails(self, executable: str, test: str) -> str | None:
        """What a test says if it fails."""
        command = [executable, "--exact", test]
        try:
            done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise LookupError(f"{test} never ends") from None
        if "running 1 test" not in done.stdout:
            raise LookupError(f"there is no test {test}")
        if done.returncode == 0:
            return None
        said = re.search(r"panicked at [^\n]*:\n([^\n]*)", done.stdout + done.stderr)
        if not said or "maximum number of branches" in said[1] or "check nothing" in said[1]:
            raise LookupError(f"{test} does not fail, but {said[1] if said else f'ends with {done.returncode}'}")
        return said[1][:100]

    def failing(self, checks: list[str], first: bool = False) -> dict[str, str]:
        """Builds, and runs checks: those that fail, or the `first` one of them, and what they say."""
        tests = {check: check.split(" ") if self.native else ["models", f"models::{check}"] for check in checks}
        executables = self.build({target for target, _ in tests.values()})
        found = {}
        for check, (target, test) in tests.items():
            if said := self.fails(executables[target], test):
                found[check] = said
                if first:
                    break
        return found

    def try_out(self, mutant: Mutant) -> dict[str, str]:
        """The checks that notice a change; if none of those expected to does, the first other one."""
        self.write(mutant.file, mutant.after)
        try:
            found = self.failing(mutant.checks)
            return found if found or not mutant.others else self.failing(mutant.others, first=True)
        finally:
            self.write(mutant.file, mutant.before)


def verdict(mutant: Mutant, noticed: dict[str, str]) -> tuple[str, bool]:
    by = "; ".join(f"{check}: {said}" for check, said in noticed.items())
    missing = [check for check in mutant.checks if check not in noticed]
    if mutant.argued is not None:
        return (f"noticed, but argued that nothing can: {by}", False) if noticed else (f"argued: {mutant.argued}", True)
    if not noticed or (missing and not mutant.others):
        return f"not noticed by {', '.join(missing) or 'anything'}", False
    if not set(noticed) <= set(mutant.checks):
        return f"its table does not name {by}", False
    return f"caught by {by}", True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="1/1", help="I/N: every N-th change, from the I-th")
    parser.add_argument("--only", default="", help="changes that have this in their name")
    parser.add_argument("--file", default="", help="changes to files that have this in their path")
    parser.add_argument("--models", action="store_true", help="changes that models notice")
    parser.add_argument("--tests", action="store_true", help="changes that only the tests of the whole project notice")
    parser.add_argument("--orderings", action="store_true", help="weaker orderings only")
    parser.add_argument("--list", action="store_true", help="names only")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="scratch copies of the models")
    arguments = parser.parse_args()

    lists = tomllib.loads((ROOT / "loom-tests" / "mutations.toml").read_text())
    files = sorted((ROOT / "loom-tests" / "models").glob("*.rs"))
    models = [f"{file.stem}::{name}" for file in files for name in re.findall(r"#\[test\]\nfn (\w+)", file.read_text())]
    logic, problems = logic_mutants(lists["change"])
    argued = lists.get("argued", [])
    strong = ordering_mutants(argued, models)
    problems += unexplained() + unfounded(lists["change"], models)
    arguable = [mutant.argued for mutant in strong]
    problems += [f"argued, but not in the code: {entry}" for entry in argued if entry["reason"] not in arguable]
    for problem in problems:
        print(f"PROBLEM {problem}", flush=True)

    index, parts = map(int, arguments.part.split("/"))
    chosen = [mutant for mutant in strong + logic if arguments.only in mutant.name and arguments.file in mutant.file]
    chosen = [mutant for mutant in chosen if mutant in strong or not arguments.orderings]
    chosen = [mutant for mutant in chosen if not (arguments.models and mutant.native)]
    chosen = [mutant for mutant in chosen if mutant.native or not arguments.tests]
    chosen = chosen[index - 1 :: parts]
    if not 1 <= index <= parts or not chosen:
        parser.error("no change is chosen")
    if arguments.list:
        print("\n".join(mutant.name for mutant in chosen))
        return 1 if problems else 0

    # The key says whether a copy is of the whole project. There is one of those; the copies of the models work beside it.
    workshops: dict[bool, queue.Queue] = {False: queue.Queue(), True: queue.Queue()}
    for number in range(arguments.workers):
        workshops[False].put(Workshop(f"models-{number}", native=False))
    if any(mutant.native for mutant in chosen):
        workshops[True].put(Workshop("project", native=True))
    pools = {native: concurrent.futures.ThreadPoolExecutor(of.qsize() or 1) for native, of in workshops.items()}
    counts = {"caught": 0, "argued": 0, "open": len(problems)}

    unseen = {(mutant.file, model) for mutant in strong for model in mutant.checks}

    def work(mutant: Mutant) -> tuple[str, bool]:
        workshop = workshops[mutant.native].get()
        try:
            noticed = workshop.try_out(mutant)
            unseen.difference_update((mutant.file, check) for check in noticed)
            return verdict(mutant, noticed)
        except LookupError as problem:
            return str(problem), False
        finally:
            workshops[mutant.native].put(workshop)

    began = time.monotonic()
    # A check that fails without any change proves nothing.
    for native in {mutant.native for mutant in chosen}:
        checks = {check for mutant in chosen if mutant.native == native for check in mutant.checks + mutant.others}
        for check, said in workshops[native].queue[0].failing(sorted(checks)).items():
            print(f"OPEN {check} fails without any change: {said}", flush=True)
            counts["open"] += 1
    pending = {pools[mutant.native].submit(work, mutant): mutant for mutant in chosen}
    for done in concurrent.futures.as_completed(pending):
        text, good = done.result()
        print(f"{'ok  ' if good else 'OPEN'} {pending[done].name}: {text}", flush=True)
        counts["open" if not good else "argued" if pending[done].argued is not None else "caught"] += 1
    if chosen == strong + logic:
        for file, model in sorted(unseen):
            print(f"OPEN the table of {file} names {model}, which no weaker ordering makes fail")
            counts["open"] += 1
    seconds = time.monotonic() - began
    print(f"{counts['caught']} caught, {counts['argued']} argued, {counts['open']} open, in {seconds:.0f} s")
    return 1 if counts["open"] else 0


if __name__ == "__main__":
    sys.exit(main())
