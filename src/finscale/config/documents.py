"""Safe reading of YAML files: limits of size and depth, and no key given twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

MOST_BYTES = 1_000_000
MOST_VALUES = 100_000
"""Most values of a file, with every alias written out: more than any list of tickers has."""
MOST_LEVELS = 20
"""Most levels of nested lists and mappings: a config has three."""


class _Once(yaml.SafeLoader):
    """PyYAML's safe loader, but two equal keys are an error: PyYAML silently takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        twice = [key for key, count in keys.items() if count > 1]
        if twice:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"{twice[0]} twice in the mapping of line {line}")
        return super().construct_mapping(node, deep)


def read_document(path: Path) -> Any:
    """Read a YAML file of a reasonable size.

    Raises
    ------
    ValueError
        If the file is too large or too deeply nested, also after aliases are written out.
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
    except RecursionError:  # nested too deeply for Python's own stack
        raise _too_deep() from None
    finally:
        loader.dispose()


def _check_size(root: yaml.Node) -> None:
    """Refuse a document with too many values or levels once its aliases are written out."""
    counts: dict[int, int] = {}

    def n_values(node: yaml.Node, level: int) -> int:
        if level > MOST_LEVELS:  # an alias of its own parent never ends
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
