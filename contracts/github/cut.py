#!/usr/bin/env python3
"""Cuts GitHub's description to what the stand-in serves.

Usage: cut.py <openapi of @octokit/openapi> > openapi.json
Leaves out: operations in DROPPED, texts for people, components that nothing refers to.
"""

import json
import sys

DROPPED = {
    # Described as of GitHub Enterprise Server 3.9, with an account that is user and enterprise at once.
    ("/app/installations", "get"),
    ("/app/installations/{installation_id}", "delete"),
    ("/repos/{owner}/{repo}/git/tags", "post"),
    ("/repos/{owner}/{repo}/git/tags/{tag_sha}", "get"),
    ("/user", "patch"),
}
TEXTS = {"description", "summary", "tags", "x-octokit", "x-github", "example", "examples", "title"}


def bare(node, names_are_data=False):
    """Drops texts; a member of `properties` keeps its name whatever it is."""
    if isinstance(node, list):
        return [bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: bare(value, name in ("properties", "schemas", "parameters", "responses", "headers"))
        for name, value in node.items()
        if names_are_data or name not in TEXTS
    }


def references(node):
    """The components that a part refers to."""
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield tuple(value.split("/")[2:])
            else:
                yield from references(value)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        whole = json.load(file)
    paths = {}
    for path, verbs in whole["paths"].items():
        kept = {verb: op for verb, op in verbs.items() if (path, verb) not in DROPPED}
        if kept:
            paths[path] = bare(kept, names_are_data=True)
    components, waiting = {}, set(references(paths))
    while waiting:
        section, name = waiting.pop()
        if name in components.setdefault(section, {}):
            continue
        part = bare(whole["components"][section][name])
        components[section][name] = part
        waiting.update(references(part))
    info = {name: whole["info"][name] for name in ("title", "version", "license")}
    cut = {"openapi": whole["openapi"], "info": info, "paths": paths, "components": components}
    json.dump(cut, sys.stdout, indent=1, sort_keys=True, ensure_ascii=False)
    print()


main()
