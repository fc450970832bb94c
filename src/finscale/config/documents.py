"""YAML as text: how much of it is read, and what no config may be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

MOST_BYTES = 1_000_000
MOST_VALUES = 100_000
"""Values of a file with every alias written out: more than any list of tickers has."""
MOST_LEVELS = 20
"""Of lists and mappings within each other: a config has three."""


class _Once(yaml.SafeLoader):
    """PyYAML's safe loader, which would take the last of two equal keys without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        twice = [key for key, count in keys.items() if count > 1]
        if twice:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"{twice[0]} twice in the mapping of line {line}")
        return super().construct_mapping(node, deep)


def read_document(path: Path) -> Any:
    """Read a YAML file of a sane size.

    Raises
    ------
    ValueError
        If it is too large, too deep, or an alias in it stands for too much.
    """
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"{size:,} bytes: {MOST_BYTES:,} at most")
    loader = _Once(path.read_text(encoding="utf-8"))
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node)
        return loader.construct_document(node)
    except RecursionError:  # deeper than Python can follow
        raise _too_deep() from None
    finally:
        loader.dispose()


def _check_size(root: yaml.Node) -> None:
    """Refuse nodes that become too many values, or too deep, once aliases are written out."""
    counts: dict[int, int] = {}

    def n_values(node: yaml.Node, level: int) -> int:
        if level > MOST_LEVELS:  # an alias of what it stands in never ends
            raise _too_deep()
        if id(node) not in counts:
            within = [n_values(child, level + 1) for child in _children(node)]
            counts[id(node)] = 1 + sum(within)
        return counts[id(node)]

    if (count := n_values(root, 1)) > MOST_VALUES:
        raise ValueError(f"{count:,} values, aliases written out: {MOST_VALUES:,} at most")


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _too_deep() -> ValueError:
    return ValueError(f"lists or mappings within each other: {MOST_LEVELS} levels at most")
