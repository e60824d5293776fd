"""The comment under a pull request: Markdown that is short when little changes, and never longer than allowed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from audit.review import sentences
from audit.review.compare import Review
from audit.review.sentences import code
from audit.review.summary import summary

MARKER = "<!-- rawmill: infrastructure review -->"
"""By this line the comment of an earlier push is found, to be written anew."""
LONGEST = 65_536
"""Characters of a comment on GitHub."""
_CAPS = (None, 100, 40, 20, 10, 5, 2, 0)
_ABOUT = "What it can and cannot see: `docs/review.md`."


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Page:
    """What is told of one environment; environments of which the same is told share it."""

    summary: str
    warnings: tuple[str, ...]
    sections: tuple[_Section, ...]


def comment(reviews: Sequence[Review], *, base: str, head: str, limit: int = LONGEST) -> str:
    """The whole comment.

    Args:
        reviews: one for each environment.
        base, head: what was compared, as people call it.
        limit: characters that it may have.
    """
    compared = f"{code(base)} → {code(head)}"
    names = ", ".join(review.environment for review in reviews)
    if all(review.is_quiet for review in reviews):
        assets = sorted({name for review in reviews for name in review.assets})
        if not assets:
            return f"{MARKER}\n**Infrastructure: nothing changes** in {names} ({compared}).\n"
        told = ", ".join(map(code, assets))
        return f"{MARKER}\n**Infrastructure: new code only** in {names}: {told}. Nothing else changes ({compared}).\n"
    pages: dict[_Page, list[str]] = {}
    for review in reviews:
        pages.setdefault(_page(review), []).append(review.environment)
    for cap in _CAPS:
        text = "\n".join(_lines(pages, compared, cap)) + "\n"
        if len(text) <= limit:
            return text
    # Not even the warnings fit: the head of the page is the part that matters.
    end = "\n\n*The rest does not fit into a comment; `audit review --json` tells all of it.*\n"
    return text[: limit - len(end)].rpartition("\n")[0] + end


def _lines(pages: dict[_Page, list[str]], compared: str, cap: int | None) -> Iterator[str]:
    yield MARKER
    yield f"### Infrastructure: what {compared} changes"
    yield ""
    warnings = [(", ".join(names), warning) for page, names in pages.items() for warning in page.warnings]
    if warnings:
        yield "> [!CAUTION]"
        yield from _capped([f"> - {names}: {warning}" for names, warning in warnings], cap, "> - ")
        yield ""
    yield "| environment | in short |"
    yield "|---|---|"
    for page, names in pages.items():
        yield f"| {', '.join(names)} | {page.summary} |"
    for page, names in pages.items():
        if not page.sections:
            continue
        yield ""
        is_open = " open" if len(pages) == 1 or page.warnings else ""
        yield f"<details{is_open}><summary><b>{', '.join(names)}</b></summary>"
        for section in page.sections:
            yield ""
            yield f"**{section.title}**"
            yield ""
            yield from _capped([f"- {line}" for line in section.lines], cap, "- ")
        yield ""
        yield "</details>"
    yield ""
    if cap is not None:
        yield "*Shortened to fit into a comment; `audit review --json` tells all of it.*"
        yield ""
    yield f"<sub>{_ABOUT}</sub>"


def _capped(lines: Sequence[str], cap: int | None, bullet: str) -> Iterator[str]:
    if cap is None or len(lines) <= cap:
        yield from lines
        return
    yield from lines[:cap]
    yield f"{bullet}… and {len(lines) - cap} more"


def _page(review: Review) -> _Page:
    if review.presence != "both":
        return _Page(*_new_or_gone(review))
    warnings = (
        *sentences.losses(review),
        *map(sentences.deadlock, review.deadlocks),
        *map(sentences.taken, review.taken),
        *(
            f"cannot tell about {what}: {'; '.join(map(code, why[:3]))}"
            for what, why in review.blind.items()
            if what != "cost"
        ),
    )
    sections = (
        _Section("Stacks", tuple(map(sentences.stack, review.stacks))),
        _Section("Network paths", tuple(map(sentences.path, review.paths))),
        _Section("Permissions", tuple(line for item in review.permissions for line in sentences.permission(item))),
        _Section("Single points of failure", tuple(map(sentences.point, review.points))),
        _Section("Alarms", tuple(map(sentences.alarm, review.alarms))),
        _Section("Cost", tuple(sentences.cost(review.cost)) if review.cost else _untold(review, "cost")),
        _Section("Resources", (*sentences.resources(review), *sentences.tags(review))),
    )
    return _Page(
        summary=", ".join(summary(review)) or "nothing",
        warnings=warnings,
        sections=tuple(section for section in sections if section.lines) if not review.is_quiet else (),
    )


def _untold(review: Review, question: str) -> tuple[str, ...]:
    return tuple(f"cannot tell: {code(why)}" for why in review.blind.get(question, ()))


def _new_or_gone(review: Review) -> tuple[str, tuple[str, ...], tuple[_Section, ...]]:
    count = sum(item.resources for item in review.stacks)
    if review.presence == "added":
        return f"new environment: {len(review.stacks)} stacks, {count} resources", (), ()
    told = f"not in the app any more: what is deployed stays, {len(review.stacks)} stacks with {count} resources"
    return told, (), ()


def cannot_tell(reviews: Iterable[Review]) -> bool:
    """Whether a question was left open in any environment. What it costs is told by the way, and refuses nothing."""
    return any(review.blind.keys() - {"cost"} for review in reviews)
