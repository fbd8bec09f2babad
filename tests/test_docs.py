"""What the texts refer to is there: files and headings that are linked, documents and modules that are named."""

from __future__ import annotations

import posixpath
import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"^( *)```.*?^\1```", re.S | re.M)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(\s*<?([^)<>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HEADING = re.compile(r"^#{1,6} +(.*?)#*\s*$", re.M)
FOLDERS, ENDINGS = "docs|companion|presets|export|tests|examples", "md|py|toml|json|npz|sh|png|flac"
NAMED = re.compile(rf"(?<![\w./-])((?:{FOLDERS})/[\w./-]+\.(?:{ENDINGS}))(?![\w/-])")
BARE = re.compile(r"`((?:\w+/)*[a-z_]\w*\.py)`")  # the end of a path, as texts about one folder have it
DOTTED = re.compile(r"`((?:companion|presets|export)(?:\.[a-z_]\w*)+)\b")
ELSEWHERE = re.compile(r"^[a-z]+:")


@cache
def tracked() -> frozenset[str]:
    """Every tracked file's path, skipping where these are no git checkout's."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a clone")
    return frozenset(name for name in listed.stdout.split("\0") if name)


def texts(*suffixes: str) -> list[str]:
    return sorted(name for name in tracked() if name.endswith(suffixes) and (ROOT / name).is_file())


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def exists(path: str) -> bool:
    """Whether a tracked file or folder is there."""
    return path in tracked() or any(name.startswith(f"{path.rstrip('/')}/") for name in tracked())


def links(text: str) -> list[str]:
    """Targets of links to this repository's own files, outside code."""
    plain = CODE.sub("", FENCED.sub("", text))
    return [unquote(target) for target in LINK.findall(plain) if not ELSEWHERE.match(target)]


def anchors(text: str) -> set[str]:
    """What headings are called in links, as GitHub does: lower case, spaces to hyphens, no punctuation."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCED.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        n = next(n for n in range(len(found) + 1) if (f"{name}-{n}" if n else name) not in found)
        found.add(f"{name}-{n}" if n else name)
    return found


def broken(name: str, target: str) -> str | None:
    """What is wrong with a link in a text, if anything is."""
    path, _, anchor = target.partition("#")
    there = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
    if there != "." and not exists(there):
        return f"{name}: {target} is no tracked file"
    if anchor and anchor not in anchors(read(there)):
        return f"{name}: {target} is no heading"
    return None


def test_every_link_leads_somewhere() -> None:
    assert not [wrong for name in texts(".md") for t in links(read(name)) if (wrong := broken(name, t))]


def test_every_file_that_is_named_is_there() -> None:
    named = {(name, path) for name in texts(".md", ".py", "Makefile", ".toml") for path in NAMED.findall(read(name))}  # fmt: skip
    assert len(named) > 50
    assert not sorted(f"{name}: {path}" for name, path in named if not exists(path))


def defined(dotted: str) -> bool:
    """Whether a dotted name is a package, a module, or something that one defines."""
    parts = dotted.split(".")
    for n in range(len(parts), 0, -1):
        path, rest = "/".join(parts[:n]), parts[n:]
        if f"{path}.py" in tracked():
            return all(re.search(rf"^\s*(?:def |class )?{name}\b", read(f"{path}.py"), re.M) for name in rest)
        if exists(path):
            return not rest
    return False


def test_every_module_that_is_named_is_there() -> None:
    bare = {(text, name) for text in texts(".md", ".py") for name in BARE.findall(read(text))}
    dotted = {(text, name) for text in texts(".md", ".py") for name in DOTTED.findall(read(text))}
    assert len(bare) > 30 and len(dotted) > 20
    assert not sorted(f"{text}: {name}" for text, name in bare if not any(f"/{t}".endswith(f"/{name}") for t in tracked()))  # fmt: skip
    assert not sorted(f"{text}: {name}" for text, name in dotted if not defined(name))


@pytest.mark.parametrize(
    ("target", "wrong"),
    [("docs/nothing", "no tracked file"), ("README.md#no-such-part", "no heading"), ("#no-such-part", "no heading")],
)  # fmt: skip
def test_a_broken_link_is_found(target: str, wrong: str) -> None:
    assert links(f"[a]({target}) `[b](not/a/link)`") == [target]
    assert wrong in str(broken("README.md", target))


def test_headings_are_called_as_on_github() -> None:
    assert anchors("# One `two`: three\n## [Four](x.md)\n# Four\n```\n# no heading\n```\n") == {
        "one-two-three", "four", "four-1",
    }  # fmt: skip
