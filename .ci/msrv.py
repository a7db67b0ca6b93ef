"""Fails if a dependency of the library itself, or of a crate of integrations/, needs a newer Rust than Cargo.toml states."""

import json
import subprocess
import sys


def version(text):
    return tuple(int(part) for part in (text.split(".") + ["0", "0"])[:3])


metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--all-features", "--format-version", "1"]))
packages = {(package["name"], package["version"]): package["rust_version"] for package in metadata["packages"]}
stated = next(rust for (name, _), rust in packages.items() if name == "epoch-metrics")

# What a user builds: normal and build dependencies on any system, not those of tests, and no features that
# only other members of the workspace ask for. Loom is only ever compiled for the models.
tree = ["cargo", "tree", "--all-features", "--target", "all", "--edges", "normal,build"]
tree += ["--prune", "loom", "--prefix", "none", "--no-dedupe", "--format", "{p}"]
tree += [f"--package=epoch-metrics{crate}" for crate in ["", "-axum", "-facade", "-opentelemetry", "-page", "-push", "-tower"]]
lines = subprocess.check_output(tree, text=True).splitlines()
reached = {(line.split()[0], line.split()[1].removeprefix("v")) for line in lines if line}

newer = {
    " ".join(package): packages[package]
    for package in reached
    if packages[package] and version(packages[package]) > version(stated)
}
print(f"{len(reached)} packages checked against Rust {stated}")
if newer:
    sys.exit(f"these need a newer Rust: {newer}")
