"""Which entries of a network's weights belong to which class, and how they are taken from a network of other classes.

The zoo's networks index by the label in three ways: a table with a row per class (an embedding, conditional batch norm), a
one-hot label behind the latent or the features, and class logits. So the classes are the last entries of their axis, except
where the output `class_logits` has more entries than there are classes: these come after the classes, as SGAN's fake class does.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from tfgan_zoo.core.game import PLAYERS, Game


@dataclasses.dataclass(frozen=True)
class ClassRows:
    """Which class here is which class there.

    Attributes:
        pairs: {class here: class there}.
        here, there: how many classes there are.
        by: "name", "position", or "" where there is nothing to go by.

    Examples:
        >>> rows_by_class(("cat", "dog", "owl"), ("dog", "cow"), 3, 2)
        ClassRows(pairs={0: 1}, here=2, there=3, by='name')
    """

    pairs: Mapping[int, int]
    here: int
    there: int
    by: str

    @property
    def same(self) -> bool:
        """Whether both have the same classes in the same order."""
        return self.here == self.there and all(self.pairs.get(i) == i for i in range(self.here))


def rows_by_class(there: Sequence[str], here: Sequence[str], count_there: int, count_here: int) -> ClassRows:
    """Pairs classes of one name; without names on one side, those of one position if there are as many classes.

    Args:
        there, here: names of the classes, () where they have none.
        count_there, count_here: how many classes there are.
    """
    if there and here:
        places = {name: i for i, name in enumerate(there)}
        pairs = {i: places[name] for i, name in enumerate(here) if name in places}
        return ClassRows(pairs, count_here, count_there, "name")
    if count_there == count_here:
        return ClassRows({i: i for i in range(count_here)}, count_here, count_there, "position")
    return ClassRows({}, count_here, count_there, "")


@dataclasses.dataclass(frozen=True)
class ClassTable:
    """Where the classes are in a variable: `axis`, and how many entries of it come `before` them and `after` them."""

    axis: int
    before: int
    after: int

    def merged(self, rows: ClassRows, fresh: np.ndarray, trained: np.ndarray) -> np.ndarray | None:
        """`fresh` with the entries of `trained` for the classes in both, and those that belong to no class.

        None if the shapes differ in more than the number of classes.
        """
        fresh, trained = np.moveaxis(fresh, self.axis, 0), np.moveaxis(trained, self.axis, 0)
        others = self.before + self.after
        if trained.shape != (others + rows.there, *fresh.shape[1:]) or len(fresh) != others + rows.here:
            return None
        result = fresh.copy()
        result[: self.before] = trained[: self.before]
        result[len(result) - self.after :] = trained[len(trained) - self.after :]
        for here, there in rows.pairs.items():
            result[self.before + here] = trained[self.before + there]
        return np.moveaxis(result, 0, self.axis)


def class_tables(game: Game, build: Callable[[int], Game], num_classes: int) -> dict[str, dict[str, ClassTable]]:
    """{player: {path: `ClassTable`}} of the variables that grow by one entry with one more class.

    Args:
        game: the game for `num_classes` classes.
        build: builds it for any number of classes.
        num_classes: 0 without labels.
    """
    if not num_classes:
        return {player: {} for player in PLAYERS}
    larger = build(num_classes + 1)
    logits = dict(game.discriminator.output).get("class_logits")
    width = 0 if logits is None else logits.shape[-1]
    return {player: tables_of(getattr(game, player), getattr(larger, player), num_classes, width) for player in PLAYERS}


def tables_of(network: keras.Model, larger: keras.Model, num_classes: int, class_logits: int) -> dict[str, ClassTable]:
    """{path: `ClassTable`} of one network; larger: for one class more; class_logits: width of the output of that name."""
    tables, shapes = {}, {v.path: tuple(v.shape) for v in larger.variables}
    for variable in network.variables:
        own, other = tuple(variable.shape), shapes.get(variable.path, ())
        grown = [axis for axis, (a, b) in enumerate(zip(own, other, strict=False)) if a != b]
        if len(own) != len(other) or len(grown) != 1 or other[grown[0]] != own[grown[0]] + 1:
            continue
        rest = own[grown[0]] - num_classes
        after = rest if own[grown[0]] == class_logits else 0
        tables[variable.path] = ClassTable(grown[0], rest - after, after)
    return tables
