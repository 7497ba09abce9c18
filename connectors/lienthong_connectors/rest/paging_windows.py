"""Time windows: a service that gives no more than some days at once, read window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from lienthong.connector import option
from lienthong.errors import InvalidExchange, Misconfigured
from lienthong.exchange import Text
from lienthong_connectors.rest.ending import Ended
from lienthong_connectors.rest.moments import Zone, check_form, floor, moment_of, now, step_of, written
from lienthong_connectors.rest.paging import NoPaging, Paging, Params, Seen, State


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindows(Paging):
    """From the cursor to now in windows: ``?from_date=01/08/2025&to_date=05/08/2025``.

    Windows touch each other in whole steps of the form (a day for ``%d/%m/%Y``), none is longer
    than ``days``, and the last one ends with the step that holds the moment at which the run began.
    """

    kind: ClassVar[str] = "windows"
    from_param: str = option(doc="parameter of a window's beginning")
    to_param: str = option(doc="parameter of a window's end")
    start: str = option(doc="ISO 8601: where reading begins while there is no cursor")
    days: float = option(5.0, doc="longest window in days")
    form: str = option("", doc="empty: ISO 8601; epoch-ms, epoch-s, or a strftime format")
    zone: Zone = option("Asia/Ho_Chi_Minh", doc="Asia/Ho_Chi_Minh or UTC, for forms that do not say it")
    end: Literal["exclusive", "inclusive"] = option(
        "exclusive", doc="whether the service counts the end itself to the window"
    )
    overlap: float = option(0.0, doc="seconds by which each window, the first too, reaches back")
    paging: Paging = option(factory=NoPaging, doc="how each window is cut into pages")

    def __post_init__(self) -> None:
        step = step_of(self.form)
        length = _whole(timedelta(days=self.days), step)
        reach = -_whole(timedelta(seconds=-self.overlap), step)  # rounded up
        _require(step <= length <= timedelta(days=3660), "days", f"at least {step}, at most ten years")
        _require(self.overlap >= 0 and 2 * reach <= length, "overlap", "seconds, at most half a window")
        _require(self.end in {"exclusive", "inclusive"}, "end", "exclusive or inclusive")
        _require(self.zone in {"Asia/Ho_Chi_Minh", "UTC"}, "zone", "Asia/Ho_Chi_Minh or UTC")
        check_form(self.form, self.zone, "paging.form")
        _require(not isinstance(self.paging, TimeWindows), "paging", "a paging without windows of its own")
        try:
            moment_of(self.start, where="")
        except Misconfigured:
            _require(False, "start", "a moment in ISO 8601")

    @property
    def addressable(self) -> bool:
        """Whether several pages, or several windows of one page, can be asked for at a time."""
        return self.paging.addressable or isinstance(self.paging, NoPaging)

    @property
    def incremental(self) -> bool:
        """Whether paging itself asks for what is newer than the cursor: it does."""
        return True

    @property
    def streams(self) -> bool:
        """Return what the paging inside the window says."""
        return self.paging.streams

    def first(self, since: str | None) -> State:
        """Return the first page of the first window; what comes after this moment is left to the next run."""
        step = step_of(self.form)
        begin = moment_of(since or self.start, where="since") - timedelta(seconds=self.overlap)
        begin = floor(begin, step, self.zone)
        until = floor(max(now(), begin), step, self.zone) + step
        return self._window(begin, until)

    def params(self, state: State) -> Params:
        """Return the window's ends and the parameters of the page in it."""
        begin, end = _moment(state["from"]), _moment(state["to"])
        if self.end == "inclusive":
            end -= step_of(self.form)
        ends = {
            self.from_param: written(begin, self.form, self.zone),
            self.to_param: written(end, self.form, self.zone),
        }
        return {**ends, **self.paging.params(state["page"])}

    def address(self, state: State) -> str | None:
        """Return what the paging inside the window says."""
        return self.paging.address(state["page"])

    def following(self, state: State, page: Seen, read: int) -> State | None:
        """Return the next page of the window, or the first of the next window."""
        inside = self.paging.following(state["page"], page, read)
        return self._next(state) if inside is None else {**state, "page": inside}

    def ends(self, state: State, page: Seen) -> Ended:
        """Return what the paging inside the window says."""
        return self.paging.ends(state["page"], page)

    def over(self, state: State) -> State | None:
        """Return the first page of the next window."""
        return self._next(state)

    @property
    def slides(self) -> bool:
        """Return what the paging inside the window says."""
        return self.paging.slides

    @property
    def total_place(self) -> str:
        """Return what the paging inside the window says."""
        return self.paging.total_place

    @property
    def page_size(self) -> int:
        """Return what the paging inside the window says."""
        return self.paging.page_size

    def begins(self, state: State) -> bool:
        """Return what the paging inside the window says."""
        return self.paging.begins(state["page"])

    @property
    def again(self) -> bool:
        """Return what the paging inside the window says."""
        return self.paging.again

    def beside(self, state: State) -> Sequence[str] | None:
        """Return what the paging inside the window says."""
        return self.paging.beside(state["page"])

    def past_end(self, state: State) -> frozenset[int]:
        """Return what the paging inside the window says."""
        return self.paging.past_end(state["page"])

    def unsure(self) -> Text | None:
        """Return what the paging inside the window says."""
        return self.paging.unsure()

    def unchanged(self, state: State, remembered: Any) -> State | None:
        """Return the page that followed in the same window, else this run's next window."""
        if isinstance(remembered, Mapping) and remembered.get("from") == state["from"]:
            return {**state, "page": remembered["page"]}
        return self._next(state)

    def ahead(self, state: State, total: int | None) -> State | None:
        """Return the next page of the window, or of windows of one page the next one."""
        if isinstance(self.paging, NoPaging):
            return self._next(state)
        inside = self.paging.ahead(state["page"], total)
        return None if inside is None else {**state, "page": inside}

    def total(self, value: Any) -> int | None:
        """Return the total that an answer announces for its window."""
        return self.paging.total(value)

    def restarts(self, state: State, following: State) -> bool:
        """Tell whether another window begins."""
        return bool(state["from"] != following["from"])

    def fresh(self, state: State, elements: Sequence[Any]) -> Sequence[Any]:
        """Return what the paging inside the window says."""
        return self.paging.fresh(state["page"], elements)

    def _next(self, state: State) -> State | None:
        end, until = _moment(state["to"]), _moment(state["until"])
        if end >= until:
            return None
        begin = floor(end - timedelta(seconds=self.overlap), step_of(self.form), self.zone)
        return self._window(begin, until)

    def _window(self, begin: datetime, until: datetime) -> State:
        length = _whole(timedelta(days=self.days), step_of(self.form))
        end = min(begin + length, until)
        return {
            "from": begin.isoformat(),
            "to": end.isoformat(),
            "until": until.isoformat(),
            "page": self.paging.first(None),
        }


def _whole(length: timedelta, step: timedelta) -> timedelta:
    """Return a length in whole steps."""
    return length // step * step


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _require(holds: bool, name: str, wanted: str) -> None:
    if not holds:
        raise InvalidExchange(f"field 'paging.{name}' is missing or malformed", hint=f"give {wanted}")
