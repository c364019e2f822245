# SPDX-License-Identifier: Apache-2.0
"""A controller and a model of it, side by side: what is done to one is expected of the other."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from tests.rpc.api_model import KINDS, Model, Verdict
from tests.rpc.api_plain import Plain, Request, plain, send
from tests.rpc.api_queries import Query, everything
from tests.rpc.api_requests import NOW, OLD
from tests.rpc.calls import Refusal, refusal_of
from tests.rpc.controller import Controller

#: What a resource shows besides what users said of it.
_SHOWN_ONLY = ("etag", "create_time", "slots", "warnings", "related_listeners")
_OLD_ETAG = "0123456789abcdef"


class Event(Enum):
    RESTART = "the controller is stopped, and another started"


Step = Request | Query | Event


class World:
    """Fails as soon as the controller does what the model does not.

    Attributes:
        carried_out: methods, one for each request that was not refused.
        refused: methods and status codes, one for each that was.
    """

    def __init__(self) -> None:
        self.carried_out: list[str] = []
        self.refused: list[str] = []
        self._folder = Path(tempfile.mkdtemp(prefix="xdpair-"))
        self._model = Model()
        self._seen: dict[str, Plain] = {}
        self._old_etags: dict[str, str] = {}
        self._controller = Controller(self._folder)

    def __enter__(self) -> Self:
        self._controller.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._controller.__exit__(kind, error, traceback)
        shutil.rmtree(self._folder)

    def take(self, step: Step) -> None:
        match step:
            case Request():
                self._call(step)
                self._compare()
            case Query():
                self._look(step)
            case Event.RESTART:
                self._restart()

    def expected(self, request: Request) -> Verdict:
        message = Request(request.method, self._with_etags(request.fields)).message()
        return self._model.judge(request.method, plain(message))

    def _look(self, query: Query) -> None:
        codes = set()
        if query.parent:
            codes |= self._model.judge("GetLoadBalancer", {"name": query.parent}).codes
        if not query.is_legal:
            codes |= {grpc.StatusCode.INVALID_ARGUMENT}
        with self._answered(query.method, codes) as is_refused:
            pages = list(self._pages(query))
        if not is_refused():
            found = [shown["name"] for page in pages for shown in page]
            expected = query.matches(self._model.resources[query.kind])
            assert found == [each["name"] for each in expected]
            assert {len(page) for page in pages[:-1]} <= {query.page_size or 50}

    def _restart(self) -> None:
        self._controller.__exit__(None, None, None)
        self._controller = Controller(self._folder).__enter__()
        self._model.slots.forget(list(self._model.resources["server_groups"]))
        self._compare()

    # -- how ---------------------------------------------------------------------------------------

    def _call(self, request: Request) -> None:
        """Send a request, and let the model follow if it was carried out."""
        message = Request(request.method, self._with_etags(request.fields)).message()
        verdict = self._model.judge(request.method, plain(message))
        with self._answered(request.method, verdict.codes) as is_refused:
            answer = send(self._controller.client, request.method, message)
        if is_refused():
            return
        verdict.effect(answer)
        if "etag" in answer:
            self._is_as_shown(request.method, answer)

    def _is_as_shown(self, method: str, answer: Plain) -> None:
        """What the answer shows must be what a list shows then."""
        (kind,) = (
            kind.name for kind in KINDS if answer["name"] in self._model.resources[kind.name]
        )
        (shown,) = (
            each
            for page in self._pages(everything(kind))
            for each in page
            if each["name"] == answer["name"]
        )
        if method == "GetAccessControlList":
            users = self._model.resources.users_of_acl(answer["name"])
            assert sorted(each["listener"] for each in answer.pop("related_listeners")) == sorted(
                user["name"] for user in users
            )
            shown.pop("related_listeners")
        assert answer == shown

    @contextmanager
    def _answered(self, method: str, codes: set[grpc.StatusCode]) -> Iterator[Any]:
        """Expect one of these status codes, or success if there is none."""
        refusals: list[Refusal] = []
        try:
            yield lambda: bool(refusals)
        except grpc.RpcError as error:
            refusal = refusal_of(error)
            refusals.append(refusal)
            assert refusal.code in codes, (refusal, codes)
            assert refusal.reason
            self.refused.append(f"{method} {refusal.code.name}")
        else:
            assert not codes, f"carried out, but must be refused: {codes}"
            self.carried_out.append(method)

    def _pages(self, query: Query) -> Iterator[list[Plain]]:
        fields, found = query.request(), 0
        while True:
            message = Request(query.method, fields).message()
            answer = send(self._controller.client, query.method, message)
            found += len(answer[query.kind])
            yield answer[query.kind]
            fields = fields | {"page_token": answer["next_page_token"]}
            if not fields["page_token"]:
                break
        assert answer["total_size"] == found

    def _with_etags(self, fields: Plain) -> Plain:
        """Put etags in the places of words that stand for them."""
        result = dict(fields)
        for key, value in fields.items():
            if isinstance(value, dict) and "etag" in value:
                result[key] = self._with_etags(value)
        if result.get("etag") == NOW:
            result["etag"] = self._seen.get(fields["name"], {"etag": ""})["etag"]
        elif result.get("etag") == OLD:
            result["etag"] = self._old_etags.get(fields["name"], _OLD_ETAG)
        return result

    def _compare(self) -> None:
        """All that the API shows must be what the model has."""
        before, self._seen = self._seen, {}
        for kind in KINDS:
            query = everything(kind.name)
            shown = [each for page in self._pages(query) for each in page]
            bare = [
                {key: value for key, value in each.items() if key not in _SHOWN_ONLY}
                for each in shown
            ]
            assert bare == query.matches(self._model.resources[kind.name])
            for said, each in zip(bare, shown, strict=True):
                self._compare_rest(kind.name, before.get(each["name"]), said, each)
        for name in before.keys() - self._seen.keys():
            self._old_etags[name] = before[name]["etag"]
            self._model.slots.forget([name])
        self._model.created.clear()
        self._model.etags = {name: shown["etag"] for name, shown in self._seen.items()}

    def _compare_rest(self, kind: str, before: Plain | None, said: Plain, shown: Plain) -> None:
        """Args: before: how it was shown last."""
        self._seen[shown["name"]] = shown
        assert ("create_time" in shown) == (kind != "servers")
        if before is not None and shown["name"] not in self._model.created:
            assert before.get("create_time") == shown.get("create_time")
            same = all(before.get(key) == value for key, value in said.items()) and all(
                key in said for key in before if key not in _SHOWN_ONLY
            )
            assert (before["etag"] == shown["etag"]) == same, (before, shown)
            if not same:
                self._old_etags[shown["name"]] = before["etag"]
        assert shown["etag"]
        if kind == "server_groups":
            self._model.slots.see(shown["name"], shown["slots"])
        if kind == "listeners":
            assert bool(shown["warnings"]) == self._lets_nobody_in(said)

    def _lets_nobody_in(self, listener: Plain) -> bool:
        policy = listener.get("acl", {"type": "", "access_control_lists": []})
        acls = self._model.resources["access_control_lists"]
        return policy["type"] == "WHITE" and not any(
            acls[name]["entries"] for name in policy["access_control_lists"]
        )
