"""Jobs of targets that work later: the name kept from an acceptance, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import orjson

from lienthong.connector import Batch, Receipt
from lienthong.errors import OutcomeUnknown, ProtocolViolation, RateLimited, TimedOut, Unavailable
from lienthong_connectors.codes import told
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Answered, Client
from lienthong_connectors.http.privacy import spoken
from lienthong_connectors.http.status import failure, retry_after
from lienthong_connectors.rest.accepted import Accepted
from lienthong_connectors.rest.decode import decode_reply
from lienthong_connectors.rest.paths import MISSING, as_text, at, fill, text_at
from lienthong_connectors.rest.receipts import receipt
from lienthong_connectors.rest.settings_target import RestTarget
from lienthong_connectors.rest.tally import Tally, apply_results
from lienthong_connectors.rest.yes import failing, refuse_page

_NOT_THERE = frozenset({404, 410})
_LONGEST = 500


class Jobs:
    """The jobs of one target, as its settings' `Accepted` says."""

    def __init__(
        self, settings: RestTarget, accepted: Accepted, client: Client, names: Mapping[str, Any]
    ) -> None:
        self._settings, self._accepted = settings, accepted
        self._client, self._names = client, names
        self._where = f"{client.where}job"

    def accept(self, answered: Answered, value: Any, lines: Sequence[int], tally: Tally) -> None:
        """Note an acceptance: the records are unknown, the receipt keeps the job's name.

        Raises `OutcomeUnknown` where the acceptance does not say how to ask.
        """
        name = self._name(answered, value)
        whole = len(lines) == tally.total
        tally.unknown.update(lines)
        tally.at_work(self._wait(answered))
        tally.receipts.append(
            receipt(answered, str(self._accepted.status), name, lines=() if whole else tuple(lines))
        )

    def ask(self, batch: Batch, tally: Tally) -> set[int]:
        """Ask about a batch's jobs; return the lines for which there was none to ask, or which it lost."""
        everything = tuple(range(tally.total))
        sent = {one.reference: one.lines or everything for one in self._acceptances(batch.receipts)}
        newest = {line: name for name, lines in sent.items() for line in lines}
        left = set(everything) - newest.keys()
        for name in dict.fromkeys(newest.values()):
            lines = [line for line, job in newest.items() if job == name]
            if not self._ask_one(name, batch, sent[name], lines, tally):
                left.update(lines)
        return left

    def _acceptances(self, receipts: Iterable[Receipt]) -> Iterable[Receipt]:
        status = str(self._accepted.status)
        return (one for one in receipts if one.status == status and one.reference)

    def _ask_one(
        self, name: str, batch: Batch, sent: Sequence[int], lines: Sequence[int], tally: Tally
    ) -> bool:
        """Note what became of ``lines`` of the records ``sent`` as one job; return False where it is lost."""
        try:
            answered, value = self._question(name)
        except (Unavailable, RateLimited, TimedOut) as error:
            tally.unknown.update(lines)
            tally.at_work(error.retry_after if error.retry_after is not None else self._accepted.interval)
            return True
        status = answered.reply.status
        if status in self._accepted.absent_statuses:
            tally.absent.update(lines)
            return True
        if status in _NOT_THERE:
            return False
        if self._pending(status, value):
            tally.unknown.update(lines)
            tally.at_work(self._wait(answered))
            return True
        job = Tally(tally.total)
        self._ended(value, batch, sent, job)
        tally.adopt(job, lines)
        whole = len(lines) == tally.total
        said = text_at(value, self._accepted.state_path) or str(status)
        tally.receipts.append(receipt(answered, said[:40], lines=() if whole else tuple(lines)))
        return True

    def _question(self, name: str) -> tuple[Answered, Any]:
        """Ask about a job; the value is `MISSING` where its status says all there is to say."""
        answered = self._client.call(self._call(name))
        reply, accepted = answered.reply, self._accepted
        if reply.status in accepted.absent_statuses:
            refuse_page(reply, self._settings.content_types, where=self._where)
        if reply.status in {*accepted.absent_statuses, *_NOT_THERE}:
            return answered, MISSING
        if error := failure(reply, where=self._where, safe=True):
            raise error
        if reply.status == accepted.status and not reply.body:
            return answered, MISSING
        value = decode_reply(reply, self._settings.content_types, where=self._where).value
        if accepted.envelope and (error := accepted.envelope.failure(value, where=self._where)):
            raise error
        return answered, value

    def _pending(self, status: int, value: Any) -> bool:
        accepted = self._accepted
        if status == accepted.status:
            return True
        return bool(accepted.state_path) and text_at(value, accepted.state_path) in accepted.pending

    def _ended(self, value: Any, batch: Batch, sent: Sequence[int], job: Tally) -> None:
        """Read what became of the records of a job that is not pending."""
        accepted = self._accepted
        state = text_at(value, accepted.state_path) if accepted.state_path else ""
        if state in accepted.refused:
            code = text_at(value, accepted.code_path) or state
            for line in sent:
                job.refuse(line, code, told(None, text_at(value, accepted.message_path)), batch.records[line])
        elif accepted.state_path and state not in accepted.done:
            raise ProtocolViolation(
                f"the job is in state {spoken(state)[:40]!r}, which the settings do not list",
                where=self._where,
                hint="add it to accepted.done, accepted.refused or accepted.pending",
            )
        elif (
            not accepted.state_path
            and accepted.envelope is None
            and accepted.results is None
            and failing(value)
        ):
            job.unknown.update(sent)
        elif accepted.results is not None:
            apply_results(job, value, accepted.results, batch, sent, where=self._where)

    def _call(self, name: str) -> Call:
        accepted, headers, body = self._accepted, dict(self._settings.headers), None
        if accepted.body is not None:
            body = orjson.dumps(fill(accepted.body, {**self._names, "reference": name}))
            headers["Content-Type"] = "application/json"
        if accepted.path:
            path = accepted.path.replace("{reference}", quote(name, safe=""))
            return Call(accepted.method, path, {}, body, headers, label="/" + accepted.path.lstrip("/"))
        return Call(accepted.method, urljoin(self._client.base, name), {}, body, headers, label="job")

    def _wait(self, answered: Answered) -> float:
        wait = retry_after(answered.reply)
        return self._accepted.interval if wait is None else wait

    def _name(self, answered: Answered, value: Any) -> str:
        place = self._accepted.location
        if place.startswith("header:"):
            name = answered.reply.header(place.removeprefix("header:")).strip()
        else:
            name = as_text(at(value, place))
        if name and not self._accepted.path:
            name = self._address(answered.reply.url, name)
        if not 0 < len(name) <= _LONGEST:
            raise OutcomeUnknown(
                f"the target accepted the records but names no job at {place!r}",
                where=self._where,
                hint="check accepted.location; ask the agency what became of the delivery",
            )
        return name

    def _address(self, base: str, name: str) -> str:
        """Return an address without its host, which must be the connection's own."""
        try:
            parts = urlsplit(self._client.url(urljoin(base, name)))
        except (ProtocolViolation, ValueError):
            raise OutcomeUnknown(
                "the target accepted the records but its job is at another host",
                where=self._where,
                hint="credentials are never sent elsewhere; ask the agency for an address of its own",
            ) from None
        return f"{parts.path}?{parts.query}" if parts.query else parts.path
