"""`make dictionary`, or `python -m entrypoints.dictionary`: writes docs/data_dictionary.md."""

from pathlib import Path

from entrypoints import exit_code

PATH = Path(__file__).resolve().parents[1] / "docs" / "data_dictionary.md"


def verb() -> None:
    """Write the page anew; it takes no options."""
    from finscale.pipeline.dictionary import dictionary

    dictionary(PATH)


if __name__ == "__main__":
    raise SystemExit(exit_code(verb))
