"""Generated text between two marks of a file that is otherwise written by hand."""

from __future__ import annotations


def between(text: str, marks: tuple[str, str], generated: str, name: str) -> str:
    """The text with what stands between its two marks replaced; `name` says which file it is.

    Raises ValueError where a mark is missing.
    """
    start, end = marks
    if start not in text or end not in text.split(start, 1)[1]:
        raise ValueError(f"{name}: marks are missing; put back {start} and {end}")
    head, rest = text.split(start, 1)
    return f"{head}{start}\n{generated}\n{end}{rest.split(end, 1)[1]}"
