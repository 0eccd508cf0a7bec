"""Finding the route of a request among those that begin with the same word, however many the hub has."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send

_FOUND = "lyceum.route"


class RoutesByWord(BaseRoute):
    """Stands before the routes it was given and finds the right one by the first word of its path below `prefix`.

    What it does not find goes on to those routes one after the other, as it would without: a path nobody has, or one
    that does not know the method.
    """

    def __init__(self, routes: Iterable[BaseRoute], *, prefix: str) -> None:
        self._prefix = prefix
        self._by_word: defaultdict[str, list[Route]] = defaultdict(list)
        for route in routes:
            if isinstance(route, Route) and route.path.startswith(prefix):
                word = _first_word(route.path, prefix)
                if "{" in word:
                    raise ValueError(f"{route.path} begins with no word, so that it would come after those that do")
                self._by_word[word].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return the match of the route that answers, none for what is to be looked for elsewhere."""
        if scope["type"] != "http":
            return Match.NONE, {}
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.startswith(self._prefix):
            for route in self._by_word.get(_first_word(path, self._prefix), ()):
                match, child_scope = route.matches(scope)
                if match is Match.FULL:
                    return match, {**child_scope, _FOUND: route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the route answer."""
        await scope[_FOUND].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Raise `NoMatchFound`: the routes themselves know their paths."""
        raise NoMatchFound(name, path_params)


def _first_word(path: str, prefix: str) -> str:
    return path[len(prefix) :].partition("/")[0]
