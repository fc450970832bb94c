"""Sentences for the note of a final, after training and after the test set is opened."""

from __future__ import annotations


def final_note(
    cell: str,
    val_loss: float,
    val_reference: float,
    test: tuple[float, float] | None = None,
) -> str:
    """Return the note of a final: what it is and whether it beats the reference forecast.

    Parameters
    ----------
    test : (float, float), optional
        Its test loss and the reference's, in nats.
    """
    lines = [
        f"A final of `{cell}`: the configuration of a trial, trained again with another seed.\n",
        f"- **Validation**: {against_reference(val_loss, val_reference)}",
    ]
    if test:
        lines.append(f"- **Test**: {against_reference(*test)}")
    return "\n".join(lines) + "\n"


def against_reference(loss: float, reference: float) -> str:
    """Compare two losses in nats, as Markdown.

    >>> against_reference(0.41, 0.38)
    '0.4100 nats, does **not** beat the reference forecast (0.3800)'
    """
    verb = "beats" if loss < reference else "does **not** beat"
    return f"{loss:.4f} nats, {verb} the reference forecast ({reference:.4f})"
