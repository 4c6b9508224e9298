"""Parts of many files → the episodes of one dataset, in reading order, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats import Expected, Format, Joiner
from vd4rl_data.importing.ledger import Ledger, key_of
from vd4rl_data.storage import PartStore


@dataclass(frozen=True, slots=True)
class _Item:
    """An episode of the dataset: a part, or one that was put together from the rows of two files.

    Attributes:
        source: name of the file that it (or its first row) was read from.
        length: its transitions.
        infos: names of its further arrays.
        repairs: what was mended in it.
        episode: where it is no part, the episode.
        part: where it is one, the store and the number.
    """

    source: str
    length: int
    infos: tuple[str, ...]
    repairs: tuple[str, ...]
    episode: Episode | None = None
    part: tuple[PartStore, int] | None = None

    def read(self) -> Episode:
        """The episode itself."""
        if self.episode is not None:
            return self.episode
        assert self.part is not None
        store, number = self.part
        return store.read(number)


class Assembly:
    """The episodes that some converted files make together.

    Attributes:
        lengths: transitions of each episode.
        repairs: a line for everything that was mended, joined or left out.
    """

    def __init__(
        self,
        format: Format,  # noqa: A002
        expected: Expected,
        store: PartStore,
        ledger: Ledger,
        sources: Sequence[Mapping[str, Any]],
    ) -> None:
        """Go through what is kept of the files, without reading an episode that is a part.

        Args:
            format: of the files.
            expected: what the catalog says of them.
            store: the parts.
            ledger: of all files that became parts.
            sources: those whose episodes are wanted, in reading order.

        Raises:
            DatasetFormatError: they hold no episode.
        """
        self._format = format
        self._expected = expected
        self._store = store
        self._ledger = ledger
        self._sources = sources
        self.lengths: list[int] = []
        counts: dict[str, int] = {}
        lines = list(_copies(sources))
        notes: list[str] = []
        last = ""
        for item in self._items():
            if isinstance(item, str):
                notes.append(item)
                continue
            lines += [f"{item.source}: {repair}" for repair in (*notes, *item.repairs)]
            self.lengths.append(item.length)
            for name in item.infos:
                counts[name] = counts.get(name, 0) + 1
            notes, last = [], item.source
        if not self.lengths:
            raise DatasetFormatError(
                f"no episode in any file: {'; '.join(notes) or 'there are no rows'}; "
                "are all files of the dataset there?"
            )
        total = len(self.lengths)
        self._infos = {name for name, count in counts.items() if count == total}
        self.repairs = (
            *lines,
            *(f"{last}: {note}" for note in notes),
            *(
                f"left out infos/{name}: {total - count} of {total} episodes have none"
                for name, count in sorted(counts.items())
                if count < total
            ),
        )

    def episodes(self) -> Iterator[Episode]:
        """The episodes, read one at a time; all have the same arrays."""
        for item in self._items():
            if isinstance(item, str):
                continue
            episode = item.read()
            if not self._infos >= episode.infos.keys():
                infos = {name: episode.infos[name] for name in sorted(self._infos)}
                episode = replace(episode, infos=infos)
            yield episode

    def _items(self) -> Iterator[_Item | str]:
        """All episodes, and notes of rows that are left out, which belong to the next of them."""
        joiner = Joiner(self._format, self._expected)
        for source in self._sources:
            name, sha256 = str(source["name"]), str(source["sha256"])
            parts = self._store.named(key_of(sha256))
            file = self._ledger.find(sha256)
            for number, held in enumerate(file.pieces if file is not None else ()):
                if held.length is None:
                    piece = self._ledger.load_rows(sha256, number)
                    yield from map(_joined, joiner.feed(name, piece))
                    continue
                yield from map(_joined, joiner.finish())
                part = (parts, number)
                yield _Item(name, held.length, held.infos, held.repairs, part=part)
        yield from map(_joined, joiner.finish())


def _joined(item: Any) -> _Item | str:
    if isinstance(item, str):
        return item
    episode: Episode = item.episode
    infos = tuple(sorted(episode.infos))
    return _Item(item.source, len(episode), infos, item.repairs, episode=episode)


def _copies(sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each file that is byte for byte another one: both count."""
    first: dict[str, str] = {}
    for source in sources:
        name, sha256 = str(source["name"]), str(source["sha256"])
        if sha256 in first:
            yield f"{name}: byte for byte the same as {first[sha256]}; both are kept"
        first.setdefault(sha256, name)
