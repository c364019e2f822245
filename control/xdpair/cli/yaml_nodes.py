# SPDX-License-Identifier: Apache-2.0
"""YAML as nodes that know their lines. What a text means (is ``no`` a word or a boolean?) is left
to whoever knows what is expected there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner


class FileError(Exception):
    """The file does not say what it could.

    Args:
        words: what is wrong.
        node: where; None: nowhere in particular.

    Attributes:
        path: where, as ``load_balancers[0].listeners[2].port``; may be empty.
        line: counted from 1; 0: unknown.
    """

    def __init__(self, words: str, node: Node | None = None, line: int = 0) -> None:
        super().__init__(words)
        self.words = words
        self.line = line if node is None else line_of(node)
        self.path = ""

    def inside(self, part: str) -> FileError:
        """Put a key, or an index in brackets, before the path."""
        joint = "." if self.path and not self.path.startswith("[") else ""
        self.path = f"{part}{joint}{self.path}"
        return self

    def __str__(self) -> str:
        return f"{self.path}: {self.words}" if self.path else self.words


class _Untyped:
    """Takes the place of PyYAML's resolver: tags are those that the file gives, else empty."""

    def resolve(self, *_: object) -> str:
        return ""

    def descend_resolver(self, *_: object) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


class _SlowComposer(_Untyped, Reader, Scanner, Parser, Composer):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)


def _composer() -> Any:
    try:
        from yaml._yaml import CParser
    except ImportError:  # PyYAML was built without libyaml: the same, but many times slower
        return _SlowComposer
    return type("_FastComposer", (_Untyped, CParser), {})


_Composer = _composer()


def compose(text: str) -> Node:
    """Return the one document that the text holds.

    Raises:
        FileError: it is no YAML, or no or several documents.
    """
    try:
        root: Node | None = _Composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        words = ", ".join(filter(None, (error.context, error.problem)))
        raise FileError(f"not YAML: {words}", line=line) from None
    except yaml.YAMLError as error:
        raise FileError(f"not YAML: {error}") from None
    except RecursionError:
        raise FileError("not YAML that can be read: too deep") from None
    if root is None or is_null(root):
        raise FileError("nothing is said; to declare nothing at all, write {}")
    return root


def line_of(node: Node) -> int:
    return int(node.start_mark.line) + 1


def is_null(node: Node) -> bool:
    """Whether a key was left without a value."""
    return isinstance(node, ScalarNode) and not node.style and node.value in ("", "~", "null")


def pairs(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield keys and values, whoever repeats a key to be found by the caller.

    Raises:
        FileError: it is no mapping, or a key is no text.
    """
    if not isinstance(node, MappingNode):
        raise FileError("must have keys and values", node)
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise FileError("a key must be one word", key)
        yield key.value, value


def items(node: Node) -> list[Node]:
    """Raises ``FileError`` unless it is a list."""
    if not isinstance(node, SequenceNode):
        raise FileError("must be a list", node)
    nodes: list[Node] = node.value
    return nodes


def text(node: Node) -> str:
    """Raises ``FileError`` unless it is a text, or what could be one: a number, for example."""
    if not isinstance(node, ScalarNode):
        raise FileError("must be one value", node)
    if node.tag:
        raise FileError(f"the tag {node.tag} is not understood", node)
    value: str = node.value
    return value


def plain(node: Node) -> str:
    """Return the text of what must not be quoted. Raises ``FileError``."""
    value = text(node)
    if isinstance(node, ScalarNode) and node.style:
        raise FileError(f"must not be a text: write {value} without quotes", node)
    return value


def find(node: Node, path: str) -> Node | None:
    """Return what a path leads to, if it leads anywhere.

    Args:
        path: such as ``health_check.interval`` or ``servers[1].port``.
    """
    for part in path.replace("[", ".[").split("."):
        inner = _inner(node, part)
        if inner is None:
            return None
        node = inner
    return node


def _inner(node: Node, part: str) -> Node | None:
    if isinstance(node, MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    index = part.strip("[]")
    if isinstance(node, SequenceNode) and index.isdecimal() and int(index) < len(node.value):
        inner: Node = node.value[int(index)]
        return inner
    return None
