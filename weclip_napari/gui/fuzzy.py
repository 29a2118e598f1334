"""Find the names that someone who types a few letters may mean. No Qt here.

Better kinds of match come first: the whole name, its beginning, the beginning of one of its words,
letters somewhere inside it, the letters in this order with others between, and last what is nearly
it (a typing error).
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMIT = 12
LIKENESS = 0.7
"""How alike (1 is equal) two spellings must be for one to be a typing error of the other."""

_EXACT, _PREFIX, _WORD_PREFIX, _SUBSTRING, _SUBSEQUENCE, _TYPO = range(6)
_SHORTEST_TYPO = 3

Rank = tuple[int, float, int]


def best_matches(query: str, names: Iterable[str], limit: int = LIMIT) -> list[str]:
    """Find the names that a query may mean, the likeliest first.

    Parameters
    ----------
    query
        What was typed; upper and lower case, accents and blanks around it make no difference.
    names
        All names to choose from. Equally good ones keep this order.
    limit
        How many to return at most.

    Returns
    -------
    list of str
        Empty for an empty query.
    """
    wanted = _plain(" ".join(query.split()))
    if not wanted:
        return []
    distinct = list(dict.fromkeys(names))
    ranked = [(rank, name) for name in distinct if (rank := _rank(wanted, _plain(name)))]
    found = [name for _, name in sorted(ranked, key=lambda pair: pair[0])[:limit]]
    if len(found) < limit and len(wanted) >= _SHORTEST_TYPO:
        missed = set(distinct).difference(name for _, name in ranked)
        found += _misspelt(wanted, [name for name in distinct if name in missed])
    return found[:limit]


@lru_cache(maxsize=20_000)
def _plain(text: str) -> str:
    """Drop case and accents."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def _rank(query: str, name: str) -> Rank | None:
    """Rank a name that holds the query's letters, the smaller the better; None if it does not."""
    if name.startswith(query):
        return (_EXACT if name == query else _PREFIX, 0, len(name))
    if any(word.startswith(query) for word in _tails(name)):
        return (_WORD_PREFIX, name.index(query), len(name))
    if query in name:
        return (_SUBSTRING, name.index(query), len(name))
    span = _span(query.replace(" ", ""), name)
    return None if span is None else (_SUBSEQUENCE, span, len(name))


@lru_cache(maxsize=20_000)
def _tails(name: str) -> tuple[str, ...]:
    """Give the name from each of its words on, but the first."""
    return tuple(name[match.start() :] for match in re.finditer(r"(?<=[\W_])\w", name))


def _span(query: str, name: str) -> float | None:
    """Measure how far apart the query's letters lie in the name; None if they are not all there.

    The first has to begin a word: "tl" means "traffic light", "te" does not mean "bottle".
    """
    if not query or not set(query).issubset(name):
        return None
    starts = [name, *_tails(name)]
    spans = [span for start in starts if (span := _span_at_start(query, start)) is not None]
    return min(spans, default=None)


def _span_at_start(query: str, text: str) -> float | None:
    if text[0] != query[0]:
        return None
    position = 0
    for letter in query[1:]:
        position = text.find(letter, position + 1)
        if position < 0:
            return None
    return position


def _misspelt(query: str, names: list[str]) -> list[str]:
    """Find the names of which the query may be a wrong spelling, the likeliest first."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(query)
    scored = [(_likeness(matcher, query, _plain(name)), name) for name in names]
    likely = [pair for pair in scored if pair[0] >= LIKENESS]
    return [name for _, name in sorted(likely, key=lambda pair: -pair[0])]


def _likeness(matcher: SequenceMatcher[str], query: str, name: str) -> float:
    """Compare the query with the name and with the beginnings of its words, as long as it is."""
    texts = {name, *(tail[: len(query)] for tail in (name, *_tails(name)))}
    best = 0.0
    for text in texts:
        matcher.set_seq1(text)
        bound = max(best, LIKENESS)
        if matcher.real_quick_ratio() > bound - 1e-9 and matcher.quick_ratio() > bound - 1e-9:
            best = max(best, matcher.ratio())
    return best
