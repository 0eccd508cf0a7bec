"""What can change between two schemas, and what each change breaks: the one table of compatibility.

Backward: what was written by the old schema is read by the new one. Forward: what is written by the new schema is read by
the old one. The readers of single formats find out which changes there are; that a change breaks something stands here alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Who reads whose data."""

    BACKWARD = "backward"
    FORWARD = "forward"


BOTH = frozenset(Direction)
_PLACE = re.compile(r"\{(at|before|after)\}")


class ChangeKind(StrEnum):
    """What has changed."""

    DESCRIPTION_CHANGED = "description_changed"
    FIELD_ADDED = "field_added"
    FIELD_ADDED_WITH_DEFAULT = "field_added_with_default"
    FIELD_REMOVED = "field_removed"
    FIELD_REMOVED_WITH_DEFAULT = "field_removed_with_default"
    FIELD_RENAMED = "field_renamed"
    FIELD_RENAMED_WITH_DEFAULT = "field_renamed_with_default"
    FIELD_NAME_CHANGED = "field_name_changed"
    FIELD_MADE_REQUIRED = "field_made_required"
    FIELD_MADE_OPTIONAL = "field_made_optional"
    DEFAULT_CHANGED = "default_changed"
    TYPE_WIDENED = "type_widened"
    TYPE_NARROWED = "type_narrowed"
    TYPE_EXCHANGED = "type_exchanged"
    TYPE_CHANGED = "type_changed"
    MEANING_ADDED = "meaning_added"
    MEANING_CHANGED = "meaning_changed"
    NULL_ADDED = "null_added"
    NULL_REMOVED = "null_removed"
    BRANCH_ADDED = "branch_added"
    BRANCH_REMOVED = "branch_removed"
    BRANCH_COVERED = "branch_covered"
    SYMBOL_ADDED = "symbol_added"
    SYMBOL_ADDED_BESIDE_DEFAULT = "symbol_added_beside_default"
    SYMBOL_REMOVED = "symbol_removed"
    SYMBOL_REMOVED_BESIDE_DEFAULT = "symbol_removed_beside_default"
    NAME_CHANGED = "name_changed"
    NAME_CHANGED_WITH_ALIAS = "name_changed_with_alias"
    SIZE_CHANGED = "size_changed"
    PROPERTY_ADDED_TO_OPEN = "property_added_to_open"
    PROPERTY_REMOVED_FROM_OPEN = "property_removed_from_open"
    PROPERTY_ADDED_TO_CLOSED = "property_added_to_closed"
    PROPERTY_REMOVED_FROM_CLOSED = "property_removed_from_closed"
    PROPERTY_NAMED = "property_named"
    CONTENT_OPENED = "content_opened"
    CONTENT_CLOSED = "content_closed"
    CONSTRAINT_LOOSENED = "constraint_loosened"
    CONSTRAINT_TIGHTENED = "constraint_tightened"
    CONSTRAINT_CHANGED = "constraint_changed"
    MESSAGE_ADDED = "message_added"
    MESSAGE_REMOVED = "message_removed"
    LABEL_CHANGED = "label_changed"
    ONEOF_FIELD_ADDED = "oneof_field_added"
    ONEOF_FIELD_REMOVED = "oneof_field_removed"
    FIELDS_MOVED_TO_ONEOF = "fields_moved_to_oneof"
    FIELDS_MOVED_FROM_ONEOF = "fields_moved_from_oneof"
    PACKAGE_CHANGED = "package_changed"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a change is called and what it breaks.

    `backward` and `forward` are None where everything can still be read that way, else they say what would fix it. In the
    sentences, `{at}` is where the change is, `{before}` and `{after}` what stood and stands there.
    """

    says: str
    backward: str | None = None
    forward: str | None = None
    is_seen: bool = True
    """Whether data written by the two schemas can differ."""


_KEEP = "Keep {before} at {at}, or put the new values into a field of another name."
_KEEP_TYPE = "Keep the type {before} at {at}, or add a field of another name with the type {after}."
_WAIT_WIDE = "Keep the type {before} at {at} until whoever reads it has the wider one, then write with it."

TABLE: dict[ChangeKind, Rule] = {
    ChangeKind.DESCRIPTION_CHANGED: Rule("What {at} says of itself has changed.", is_seen=False),
    ChangeKind.FIELD_ADDED: Rule(
        "The field {at} is new and has no default, and old data does not have it.",
        backward="Give the field {at} a default.",
    ),
    ChangeKind.FIELD_ADDED_WITH_DEFAULT: Rule("The field {at} is new."),
    ChangeKind.FIELD_REMOVED: Rule(
        "The field {at} is gone, and who still reads it has no default for it.",
        forward="Keep the field {at}, or first give it a default, and take it out one version later.",
    ),
    ChangeKind.FIELD_REMOVED_WITH_DEFAULT: Rule("The field {at} is gone."),
    ChangeKind.FIELD_RENAMED: Rule(
        "The field {before} is now called {after}; its old name is an alias, which old readers do not know.",
        forward="Keep the name {before} at {at}, or first give the field a default, and rename it one version later.",
    ),
    ChangeKind.FIELD_RENAMED_WITH_DEFAULT: Rule("The field {before} is now called {after}; its old name is an alias."),
    ChangeKind.FIELD_NAME_CHANGED: Rule("The field {before} is now called {after}; its number is the same."),
    ChangeKind.FIELD_MADE_REQUIRED: Rule(
        "{at} is now required, and old data may be without it.", backward="Leave {at} optional."
    ),
    ChangeKind.FIELD_MADE_OPTIONAL: Rule(
        "{at} is no longer required, and who still requires it may not find it.",
        forward="Leave {at} required until whoever reads it can do without it.",
    ),
    ChangeKind.DEFAULT_CHANGED: Rule("The default of {at} was {before} and is {after}."),
    ChangeKind.TYPE_WIDENED: Rule("The type of {at} was {before} and is the wider {after}.", forward=_WAIT_WIDE),
    ChangeKind.TYPE_NARROWED: Rule("The type of {at} was {before} and is the narrower {after}.", backward=_KEEP_TYPE),
    ChangeKind.TYPE_EXCHANGED: Rule("The type of {at} was {before} and is {after}, and each is read as the other."),
    ChangeKind.TYPE_CHANGED: Rule(
        "The type of {at} was {before} and is {after}.", backward=_KEEP_TYPE, forward=_KEEP_TYPE
    ),
    ChangeKind.MEANING_ADDED: Rule(
        "The values of {at} were plain ({before}) and are now {after}, or the other way round."
    ),
    ChangeKind.MEANING_CHANGED: Rule(
        "The values of {at} meant {before} and mean {after}: the same bytes would be read as other values.",
        backward=_KEEP,
        forward=_KEEP,
    ),
    ChangeKind.NULL_ADDED: Rule(
        "{at} may now be null, which old readers do not take.",
        forward="Keep {at} without null until whoever reads it takes null.",
    ),
    ChangeKind.NULL_REMOVED: Rule(
        "{at} may no longer be null, and old data may hold null.", backward="Let {at} be null as before."
    ),
    ChangeKind.BRANCH_ADDED: Rule(
        "{at} may now also be {after}, which old readers do not take.",
        forward="Leave {after} out of {at} until whoever reads it takes it.",
    ),
    ChangeKind.BRANCH_REMOVED: Rule(
        "{at} may no longer be {before}, and old data may hold it.", backward="Leave {before} in {at}."
    ),
    ChangeKind.BRANCH_COVERED: Rule("What {at} may be has changed, and each reads the other: {before} and {after}."),
    ChangeKind.SYMBOL_ADDED: Rule(
        "{at} has the new value {after}, which old readers do not know.",
        forward="Give {at} a default one version earlier, or keep {after} out of the data until its readers know it.",
    ),
    ChangeKind.SYMBOL_ADDED_BESIDE_DEFAULT: Rule(
        "{at} has the new value {after}; old readers take their default for it."
    ),
    ChangeKind.SYMBOL_REMOVED: Rule(
        "{at} no longer has the value {before}, and old data may hold it.",
        backward="Keep {before} among the values of {at}, or give {at} a default.",
    ),
    ChangeKind.SYMBOL_REMOVED_BESIDE_DEFAULT: Rule(
        "{at} no longer has the value {before}; its default is taken for it."
    ),
    ChangeKind.NAME_CHANGED: Rule(
        "The type of {at} was called {before} and is called {after}.",
        backward="Keep the name {before}, or make it an alias of {after}.",
        forward="Keep the name {before}.",
    ),
    ChangeKind.NAME_CHANGED_WITH_ALIAS: Rule(
        "The type of {at} was called {before}, which is an alias of {after} now; old readers do not know the new name.",
        forward="Keep the name {before}.",
    ),
    ChangeKind.SIZE_CHANGED: Rule("The size of {at} was {before} and is {after}.", backward=_KEEP, forward=_KEEP),
    ChangeKind.PROPERTY_ADDED_TO_OPEN: Rule(
        "The property {at} is new in an object that takes any property: old data may hold something else there.",
        backward="Set additionalProperties of the object to false one version earlier, or leave {at} without conditions.",
    ),
    ChangeKind.PROPERTY_REMOVED_FROM_OPEN: Rule(
        "The property {at} is gone from an object that takes any property: new data may hold something else there.",
        forward="Keep the property {at}.",
    ),
    ChangeKind.PROPERTY_ADDED_TO_CLOSED: Rule(
        "The property {at} is new, and old readers take no properties that they do not know.",
        forward="Leave {at} out of the data until its readers know it, or open the object (additionalProperties) first.",
    ),
    ChangeKind.PROPERTY_REMOVED_FROM_CLOSED: Rule(
        "The property {at} is gone from an object that takes no other properties, and old data may have it.",
        backward="Keep the property {at}, or open the object (additionalProperties).",
    ),
    ChangeKind.PROPERTY_NAMED: Rule("The property {at} is named or no longer named, and may be anything either way."),
    ChangeKind.CONTENT_OPENED: Rule(
        "{at} now takes properties or items that it does not name, and old readers refuse those.",
        forward="Keep {at} closed.",
    ),
    ChangeKind.CONTENT_CLOSED: Rule(
        "{at} no longer takes properties or items that it does not name, and old data may have some.",
        backward="Leave {at} open.",
    ),
    ChangeKind.CONSTRAINT_LOOSENED: Rule(
        "The condition {at} was {before} and is {after}, which lets more pass than old readers take.",
        forward="Keep the condition {at} at {before}.",
    ),
    ChangeKind.CONSTRAINT_TIGHTENED: Rule(
        "The condition {at} was {before} and is {after}, which some old data does not meet.",
        backward="Keep the condition {at} at {before}.",
    ),
    ChangeKind.CONSTRAINT_CHANGED: Rule(
        "The condition {at} was {before} and is {after}, and neither can be told to include the other.",
        backward="Keep the condition {at} at {before}.",
        forward="Keep the condition {at} at {before}.",
    ),
    ChangeKind.MESSAGE_ADDED: Rule(
        "The message {at} is new, and old readers have none for it.",
        forward="Put {at} into a file of its own, or wait until its readers have it.",
    ),
    ChangeKind.MESSAGE_REMOVED: Rule("The message {at} is gone.", backward="Keep the message {at}."),
    ChangeKind.LABEL_CHANGED: Rule(
        "{at} was {before} and is {after}, which are written differently.", backward=_KEEP, forward=_KEEP
    ),
    ChangeKind.ONEOF_FIELD_ADDED: Rule("The oneof {at} has the new member {after}."),
    ChangeKind.ONEOF_FIELD_REMOVED: Rule(
        "The oneof {at} has lost its member {before}: what was set in old data would be lost.",
        backward="Keep {before} in the oneof {at}.",
    ),
    ChangeKind.FIELDS_MOVED_TO_ONEOF: Rule(
        "{after} were fields of their own and stand in the oneof {at} now: of several that are set, one would be left.",
        backward="Leave the fields outside, or move a single one into a oneof of its own.",
    ),
    ChangeKind.FIELDS_MOVED_FROM_ONEOF: Rule(
        "{before} stood in the oneof {at} and are fields of their own now: of several that are set, old readers keep one.",
        forward="Leave the fields in the oneof {at}.",
    ),
    ChangeKind.PACKAGE_CHANGED: Rule("The package was {before} and is {after}."),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between an old and a new schema; `at` says where."""

    kind: ChangeKind
    at: str
    before: str = ""
    after: str = ""
    seen_by: frozenset[Direction] = BOTH
    """Readers of which direction meet it: one behind an alias, only those who know the alias."""

    def breaks(self, direction: Direction) -> bool:
        """Say whether data can no longer be read in a direction."""
        return direction in self.seen_by and self._fix(direction) is not None

    @property
    def is_seen(self) -> bool:
        """Say whether data written by the two schemas can differ."""
        return TABLE[self.kind].is_seen

    @property
    def says(self) -> str:
        """Return a sentence that says what has changed."""
        return self._filled(TABLE[self.kind].says)

    def fix(self, direction: Direction) -> str:
        """Return a sentence that says what would fix a break in a direction."""
        return self._filled(self._fix(direction) or "")

    def _fix(self, direction: Direction) -> str | None:
        rule = TABLE[self.kind]
        return rule.backward if direction is Direction.BACKWARD else rule.forward

    def _filled(self, sentence: str) -> str:
        texts = {"at": self.at, "before": self.before, "after": self.after}
        return _PLACE.sub(lambda found: texts[found[1]] or "nothing", sentence)


class Level(StrEnum):
    """Which part of a version `major.minor.patch` a change raises."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"


@dataclass(frozen=True, slots=True, order=True)
class SemanticVersion:
    """`major.minor.patch`."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def raised(self, level: Level) -> "SemanticVersion":
        """Return the version that follows a change of this level."""
        if level is Level.MAJOR:
            return SemanticVersion(self.major + 1, 0, 0)
        if level is Level.MINOR:
            return SemanticVersion(self.major, self.minor + 1, 0)
        return SemanticVersion(self.major, self.minor, self.patch + 1)


FIRST = SemanticVersion(1, 0, 0)


def level_of(changes: Iterable[Change]) -> Level:
    """Return major when somebody can no longer read something, minor when data may differ, patch when it does not."""
    found = list(changes)
    if any(change.breaks(direction) for change in found for direction in Direction):
        return Level.MAJOR
    return Level.MINOR if any(change.is_seen for change in found) else Level.PATCH


class Mode(StrEnum):
    """Which reading a subject keeps possible, with its newest version or, transitively, with all."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"

    @property
    def is_transitive(self) -> bool:
        """Say whether all earlier versions count, not the newest alone."""
        return self.value.endswith("_TRANSITIVE")

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Return which readings must stay possible."""
        if self is Mode.NONE:
            return ()
        if self.value.startswith("FULL"):
            return (Direction.BACKWARD, Direction.FORWARD)
        return (Direction.BACKWARD,) if self.value.startswith("BACKWARD") else (Direction.FORWARD,)


@dataclass(frozen=True, slots=True)
class Break:
    """A change that a mode does not allow: what it is, whom it hurts, and what would fix it."""

    direction: Direction
    kind: ChangeKind
    at: str
    says: str
    fix: str


def breaks_of(changes: Iterable[Change], mode: Mode) -> list[Break]:
    """Return what of the changes a mode does not allow, once for each direction that it breaks."""
    return [
        Break(direction, change.kind, change.at, change.says, change.fix(direction))
        for change in changes
        for direction in mode.directions
        if change.breaks(direction)
    ]
