"""Fails if a dependency of the library itself needs a newer Rust than Cargo.toml states."""

import json
import subprocess
import sys


def version(text):
    return tuple(int(part) for part in (text.split(".") + ["0", "0"])[:3])


command = ["cargo", "metadata", "--format-version", "1", "--all-features"]
metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
root = metadata["resolve"]["root"]
stated = packages[root]["rust_version"]

# What a user of the library builds: normal and build dependencies, not those of tests and examples. Loom is only ever
# compiled for the models.
reached, waiting = set(), [root]
while waiting:
    package = waiting.pop()
    if package in reached or packages[package]["name"] == "loom":
        continue
    reached.add(package)
    for dependency in nodes[package]["deps"]:
        if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
            waiting.append(dependency["pkg"])

newer = {
    packages[package]["name"]: packages[package]["rust_version"]
    for package in reached
    if packages[package]["rust_version"] and version(packages[package]["rust_version"]) > version(stated)
}
print(f"{len(reached) - 1} dependencies checked against Rust {stated}")
if newer:
    sys.exit(f"these need a newer Rust: {newer}")
