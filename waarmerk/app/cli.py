"""The ``waarmerk`` command.

Exit status of detect: 0 a mark or claim was found, 1 none, 2 an error, 3 inconclusive or conflict; of several
files the gravest: 2, else 3, else 0, else 1. Every other command: 0, or 2 on an error.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from waarmerk.adapters import keystore
from waarmerk.app import deployment, log
from waarmerk.app.mark_steps import Marked, MarkRequest
from waarmerk.app.schemas import answer_of
from waarmerk.app.service import Service
from waarmerk.app.settings import Settings
from waarmerk.app.version import VERSION
from waarmerk.core.errors import ConfigurationError, WaarmerkError
from waarmerk.core.evidence import Origin

FOUND, NONE, ERROR, UNSURE = 0, 1, 2, 3
_OF_VERDICT = {"no_mark_found": NONE, "inconclusive": UNSURE, "conflict": UNSURE}
_STANDARD = "-"

app = typer.Typer(
    name="waarmerk",
    help="Mark what generative AI makes, and see whether a file carries such a mark.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys_app = typer.Typer(help="The key store: which epochs there are, and a new one.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def main() -> None:
    """Entry point of the console script."""
    app()


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"waarmerk {VERSION}")
        raise typer.Exit


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else WAARMERK_HOST, else 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port to listen on, 0 for a free one; else WAARMERK_PORT, else 8000."
        ),
    ] = None,
) -> None:
    """Serve HTTP until stopped; the log is on standard error."""
    # Here, so that mark and detect start without the HTTP stack.
    from waarmerk.app.main import create_app
    from waarmerk.app.server import bound_socket, serve_until_stopped

    given = {"host": host, "port": port}
    with _errors():
        settings = _settings(**{name: value for name, value in given.items() if value is not None})
        log.configure(settings.log_level)
        with bound_socket(settings.host, settings.port) as listening:
            service = Service.open(settings)
            _say_start(settings, service, listening.getsockname()[1])
            serve_until_stopped(create_app(settings, service), listening)


@app.command()
def mark(
    file: Annotated[str, typer.Argument(metavar="IN", help="The picture; - reads standard input.")],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="OUT", help="Where to; - is standard output.")
    ],
    origin: Annotated[Origin, typer.Option(help="How the content came to be.")],
    system: Annotated[str, typer.Option(help="Name of the generating system.")] = "",
    system_version: Annotated[str, typer.Option(help="Its version.")] = "",
    model: Annotated[str, typer.Option(help="Name of the model behind it.")] = "",
    provider: Annotated[str, typer.Option(help="Who provides the system.")] = "",
    as_json: Json = False,
) -> None:
    """Mark a picture: a mark in its pixels, a signed manifest in its metadata, a row in the registry."""
    request = MarkRequest(
        origin=origin,
        system=system or None,
        system_version=system_version or None,
        model=model or None,
        provider=provider or None,
    )
    with _errors(), _service() as service:
        _refuse_same(file, output)
        marked = service.mark(_read(file, service.max_bytes), request)
        _write(output, marked.data)
    # What is said goes where the picture does not.
    _say_marked(marked, as_json, sys.stderr if output == _STANDARD else sys.stdout)


@app.command()
def detect(
    files: Annotated[
        list[str], typer.Argument(metavar="IN...", help="Files to look at; - reads standard input.")
    ],
    as_json: Json = False,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Look several times as long where the quick search finds nothing."),
    ] = False,
) -> None:
    """Say whether files carry a mark or a claim of AI, what it rests on, and how sure that is."""
    answers: list[dict[str, Any]] = []
    statuses: set[int] = set()
    with _errors(), _service() as service:
        for file in files:
            try:
                detection = service.detect(_read(file, service.max_bytes), thorough=thorough)
            except WaarmerkError as error:
                statuses.add(ERROR)
                answers.append(
                    {"error": {"code": error.code, "sentence": error.sentence}, "media": {"file": file}}
                )
            else:
                statuses.add(_OF_VERDICT.get(detection.verdict, FOUND))
                answers.append(answer_of(detection, private=True, file=file))
            if not as_json:
                _say_answer(answers[-1])
    if as_json:
        print(json.dumps(answers if len(files) > 1 else answers[0], indent=2))
    raise typer.Exit(next(status for status in (ERROR, UNSURE, FOUND, NONE) if status in statuses))


@keys_app.command("list")
def keys_list(as_json: Json = False) -> None:
    """Print the epochs of the key store; never a secret."""
    with _errors():
        stored = deployment.load_keys(_settings())
    lines = [
        {"epoch": e.epoch, "state": e.state.value, "development": stored.development} for e in stored.epochs
    ]
    if as_json:
        print(json.dumps(lines, indent=2))
        return
    for line in lines:
        print(f"epoch {line['epoch']}  {line['state']}{'  (development)' if stored.development else ''}")


@keys_app.command("new-epoch")
def keys_new_epoch() -> None:
    """Add an epoch that new marks are made with, or make the key store; a service reads it when it starts."""
    with _errors():
        settings = _settings()
        if settings.master_secret is not None:
            raise ConfigurationError(
                "WAARMERK_MASTER_SECRET holds one epoch only; to have several, put the secret in a key store "
                "and set WAARMERK_KEYS_FILE."
            )
        file = deployment.keys_file(settings)
        secret = deployment.fresh_secret()
        stored = (
            keystore.add_epoch(file, secret)
            if file.exists()
            else keystore.make_keys(file, secret, development=False)
        )
        print(
            f"epoch {stored.epochs[-1].epoch} is active in {file}; back that file up, and restart the service"
        )


def _settings(**given: Any) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = "WAARMERK_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(f"{name} has no such value: {first['msg'].lower()}") from None


@contextmanager
def _service() -> Iterator[Service]:
    """The service with its log quiet: a command says what it has to say itself."""
    settings = _settings()
    log.configure("error")
    with Service.open(settings) as service:
        if service.for_development:
            made = " and ".join(service.for_development)
            print(f"waarmerk: with development {made} in {settings.data_dir}", file=sys.stderr)
        yield service


@contextmanager
def _errors() -> Iterator[None]:
    """End with status 2 and one line where Waarmerk refuses."""
    try:
        yield
    except WaarmerkError as error:
        _fail(error.sentence, error.code)
    except BrokenPipeError:
        # Whoever read our output has what it wanted; Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ERROR) from None


_BANNER = """\
******************************************************************************
  DEVELOPMENT {made}, made by this machine for itself, in
  {folder}
  Nobody else has reason to trust what is signed with them, and production
  mode (WAARMERK_MODE=production) refuses them. See docs/operations.md.
******************************************************************************"""


def _say_start(settings: Settings, service: Service, port: int) -> None:
    """Loudly what is for development; in the log where it listens, and what readiness will not be content with."""
    if service.for_development:
        made = " AND ".join(service.for_development).upper()
        print(_BANNER.format(made=made, folder=settings.data_dir), file=sys.stderr, flush=True)
    log.event(
        "info",
        "start",
        version=VERSION,
        mode=settings.mode.value,
        url=f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{port}",
    )
    try:
        found = service.self_test()
    except WaarmerkError as error:
        log.event("error", "not_ready", code=error.code, sentence=error.sentence)
    else:
        if "manifest_trusted" not in {item.code for item in found.evidence}:
            log.event(
                "warning",
                "own_signer_untrusted",
                sentence="the root of the signing certificate is not in WAARMERK_TRUST_FILE",
            )


def _fail(sentence: str, code: str) -> NoReturn:
    print(f"waarmerk: {sentence} ({code})", file=sys.stderr)
    raise typer.Exit(ERROR)


def _read(file: str, max_bytes: int) -> bytes:
    """At most one byte more than the limit: enough to be refused by it."""
    if file == _STANDARD:
        return sys.stdin.buffer.read(max_bytes + 1)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(max_bytes + 1)
    except OSError as error:
        raise WaarmerkError(f"{file} cannot be read: {error.strerror}", code="unreadable_file") from error


def _refuse_same(file: str, output: str) -> None:
    """A mark cannot be taken out again, so the unmarked file is not written over."""
    with suppress(OSError):
        if _STANDARD not in (file, output) and Path(file).samefile(output):
            raise WaarmerkError(
                "IN and OUT are the same file, and a mark cannot be taken out again; give OUT another name",
                code="same_file",
            )


def _write(output: str, data: bytes) -> None:
    """Whole or not at all; a file that is there is replaced, a device or pipe is written to."""
    if output == _STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    target = Path(output)
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        _replace(target.resolve(), data)
    except OSError as error:
        raise WaarmerkError(
            f"{output} cannot be written: {error.strerror}", code="unwritable_file"
        ) from error


def _replace(target: Path, data: bytes) -> None:
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            os.fchmod(out.fileno(), mode)
            out.write(data)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _say_marked(marked: Marked, as_json: bool, out: Any) -> None:
    said = {
        "mark_id": marked.mark_id,
        "manifest_id": marked.manifest_id,
        "layers": list(marked.layers),
        "timestamp": marked.timestamp,
        "robustness": marked.robustness.value,
        "log10_p": round(marked.log10_p, 1),
        "warnings": [{"code": w.code, "sentence": w.sentence} for w in marked.warnings],
    }
    if as_json:
        print(json.dumps(said, indent=2), file=out)
        return
    print(
        f"marked {marked.mark_id}, robustness {marked.robustness.value}, manifest {marked.manifest_id}",
        file=out,
    )
    for warning in marked.warnings:
        print(f"warning: {warning.sentence}", file=sys.stderr)


def _say_answer(answer: dict[str, Any]) -> None:
    name = _printable(answer["media"]["file"])  # also a name that is no UTF-8, which print would not take
    if "error" in answer:
        sentence = _printable(answer["error"]["sentence"])
        about = "" if sentence.startswith(name) else f"{name}: "
        print(f"waarmerk: {about}{sentence} ({answer['error']['code']})", file=sys.stderr)
        return
    print(f"{name}: {answer['verdict']}: {_printable(answer['sentence'])}")
    for item in answer["evidence"]:
        print(f"    {item['basis']:<12}{item['scheme']:<16}{item['code']}")


def _printable(text: str) -> str:
    """Text that came out of a file, without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)
