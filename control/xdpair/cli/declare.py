# SPDX-License-Identifier: Apache-2.0
"""`xdpair apply`, `xdpair diff`, `xdpair export`."""

from __future__ import annotations

import gc
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc

from xdpair.api.v1 import declaration_service_pb2 as pb
from xdpair.api.v1.declaration_pb2 import Change, FieldChange
from xdpair.cli import syntax
from xdpair.cli.client import EXIT_DIFFERENT, EXIT_ERROR, error_info, explain
from xdpair.cli.output import GREEN, RED, YELLOW, Styled
from xdpair.cli.session import Commands, Ended, Session, add_command
from xdpair.cli.yaml_nodes import FileError
from xdpair.cli.yaml_reader import Document, read
from xdpair.cli.yaml_writer import write

#: What a change is called, and how it is marked.
_MARKS = {Change.CREATE: ("+", GREEN), Change.UPDATE: ("~", YELLOW), Change.DELETE: ("-", RED)}
_DONE = {Change.CREATE: "created", Change.UPDATE: "changed", Change.DELETE: "deleted"}
_TO_DO = {Change.CREATE: "to create", Change.UPDATE: "to change", Change.DELETE: "to delete"}
_NOTHING = "(none)"
_STDIN = "-"
_KINDS = {
    "loadBalancers": "load balancer",
    "serverGroups": "server group",
    "servers": "server",
    "accessControlLists": "access control list",
}


def add_to(commands: Commands) -> None:
    apply = add_command(commands, "apply", _apply, "make everything as a file says, or nothing")
    _add_options(apply)
    apply.add_argument("--dry-run", action="store_true", help="only show what it would do: diff")
    diff = add_command(
        commands, "diff", _diff, "show what apply would do; exit status 6: something"
    )
    _add_options(diff)
    add_command(commands, "export", _export, "write everything there is as a file for apply")


def _add_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "-f",
        "--file",
        required=True,
        metavar="FILE",
        help="YAML, see docs/declarative.md; -: stdin",
    )
    add("--prune", action="store_true", help="delete what the file does not say")


def _apply(session: Session, args: Namespace) -> None:
    if args.dry_run:
        _diff(session, args)
        return
    with _no_collection():
        document = _read(args.file)
        planned = _difference(session, args, document)
        if args.output != "json" and planned.changes:
            session.out.show({}, _listing(session, planned.changes))
        request = pb.ApplyRequest(
            declaration=document.declaration, prune=args.prune, etag=planned.etag
        )
        with _errors_in(args.file, document, session):
            done = session.client.declarations.Apply(request) if planned.changes else planned
        answer = pb.ApplyResponse(changes=done.changes)
        session.out.show(answer, _summary(done.changes, _DONE, "nothing to change"))


def _diff(session: Session, args: Namespace) -> None:
    with _no_collection():
        planned = _difference(session, args, _read(args.file))
        words = _summary(planned.changes, _TO_DO, "no differences")
        listing = _listing(session, planned.changes)
        session.out.show(planned, f"{listing}\n{words}" if listing else words)
    if planned.changes:
        raise Ended(EXIT_DIFFERENT)


def _difference(session: Session, args: Namespace, document: Document) -> pb.DiffResponse:
    request = pb.DiffRequest(declaration=document.declaration, prune=args.prune)
    with _errors_in(args.file, document, session):
        response: pb.DiffResponse = session.client.declarations.Diff(request)
    return response


def _export(session: Session, args: Namespace) -> None:
    with _no_collection():
        exported = session.client.declarations.Export(pb.ExportRequest())
        session.out.show(exported.declaration, "\n".join(write(exported.declaration)))


# -- files -----------------------------------------------------------------------------------------


def _read(file: str) -> Document:
    try:
        content = sys.stdin.buffer.read() if file == _STDIN else Path(file).read_bytes()
        return read(content.decode("utf-8-sig"))
    except OSError as error:
        raise Ended(EXIT_ERROR, f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Ended(EXIT_ERROR, f"{file}: not UTF-8: {error.reason}") from error
    except FileError as error:
        raise Ended(EXIT_ERROR, f"{_at(file, error.line)}: {error}") from error


@contextmanager
def _errors_in(file: str, document: Document, session: Session) -> Iterator[None]:
    """Say where in the file it is what the controller refuses."""
    try:
        yield
    except grpc.RpcError as error:
        info = error_info(error)
        place = info.metadata.get("place", "")
        if not place:
            raise
        path, line = document.locate(place, info.metadata.get("field", ""))
        exit_status, words = explain(error, session.client.address)
        words = words.removeprefix(f"{place}: ")
        raise Ended(exit_status, f"{_at(file, line)}: {path}: {words}") from error


def _at(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file


@contextmanager
def _no_collection() -> Iterator[None]:
    """With many thousands of objects, and none of them garbage, it would take half the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


# -- words -----------------------------------------------------------------------------------------


def _listing(session: Session, changes: Sequence[Change]) -> str:
    return "\n".join(line for change in changes for line in _lines(session, change))


def _lines(session: Session, change: Change) -> Iterator[str]:
    mark, colour = _MARKS[change.action]
    head = f"{session.out.paint(Styled(mark, colour))} {_title(change.name)}"
    if len(change.fields) == 1:
        yield f"{head}: {_field(change.fields[0])}"
        return
    yield head
    yield from (f"    {_field(field)}" for field in change.fields)


def _title(name: str) -> str:
    """Return ``listener lb-web/tcp-80``."""
    kind = "listener" if "/listeners/" in name else _KINDS[name.partition("/")[0]]
    return f"{kind} {syntax.short(name)}"


def _field(field: FieldChange) -> str:
    return f"{field.path} {field.before or _NOTHING} → {field.after or _NOTHING}"


def _summary(changes: Sequence[Change], words: Mapping[Change.Action, str], nothing: str) -> str:
    counts = Counter(change.action for change in changes)
    return ", ".join(f"{counts[kind]} {word}" for kind, word in words.items() if counts[kind]) or (
        nothing
    )
