#!/usr/bin/env python3
"""Cuts Google's discovery documents down to what the stand-in reads: methods, parameters, schemas, scopes.

Usage: cut.py DISCOVERY_CACHE_FOLDER (of google-api-python-client) OUTPUT_FOLDER
"""

import json
import pathlib
import sys

# What carries no rule: prose, and fields of tools other than the API itself.
PROSE = {"description", "enumDescriptions", "enumDeprecated", "icons", "annotations", "deprecated", "id"}
KEPT = {"name", "version", "revision", "servicePath", "parameters", "auth", "resources", "schemas"}
DRIVE_RESOURCES = {"files", "permissions", "drives"}


def methods(resources):
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from methods(resource.get("resources", {}))


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def prune(node, named=False):
    """Drops prose; `named` objects map free names (fields may be called `description`) to nodes."""
    if isinstance(node, dict):
        return {
            key: prune(value, not named and key in ("properties", "parameters", "schemas", "methods", "resources", "scopes"))
            for key, value in node.items()
            if named or key not in PROSE or (key == "id" and "httpMethod" in node)
        }
    if isinstance(node, list):
        return [prune(value) for value in node]
    return node


def cut(document):
    kept = {key: value for key, value in document.items() if key in KEPT}
    if document["name"] == "drive":
        kept["resources"] = {n: r for n, r in document["resources"].items() if n in DRIVE_RESOURCES}
    needed, waiting = set(), list(references(kept["resources"]))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(references(document["schemas"][name]))
    kept["schemas"] = {name: schema for name, schema in document["schemas"].items() if name in needed}
    return prune(kept)


source, target = map(pathlib.Path, sys.argv[1:])
for name in ("sheets.v4.json", "drive.v3.json"):
    document = cut(json.loads((source / name).read_text()))
    (target / name).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
