"""Mutated sweep files, records and checkpoints: each is read, or refused with an error that names the file.

Only the expected errors may be raised, no file may take long, and nothing may be executed.
"""

from __future__ import annotations

import json
import pickle
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from orchestrator.planning.crossing import questions
from orchestrator.sweep.problems import SpecError
from orchestrator.sweep.spec import parse_spec
from tests.support.places import GOLDEN, ROOT
from workers.errors import CorruptFile
from workers.store import Store
from workers.training.states.state import parse_state

TEMPLATE = ROOT / "orchestrator" / "templates" / "digits.yaml"
SECONDS = 60.0
"""Longer than this over one file is a hang."""

_TOKENS = [
    *(b"!!python/object/apply:os.system [touch executed]", b"!!binary", b"&a", b"*a", b"<<: *a", b"---", b"...", b"\t"),
    *(b": ", b"- ", b"? ", b"| ", b"> ", b"{", b"}", b"[", b"]", b"'", b'"', b"#", b"\n", b"\r", b"\0", b"%YAML 9.9"),
    *(
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        "é😀\u202e".encode(),
        b"1e999",
        b"-1",
        b"0",
        b".nan",
        b".inf",
        b"9" * 400,
        b"0.8^9999",
    ),
    *(
        b"0.8^9999",
        b"1/0",
        b"99999999999ep",
        b"-5%",
        b"1e-400",
        b"../../x",
        b"CON",
        b"x" * 300,
        b"true",
        b"null",
        b"~",
        b"digits",
    ),
]


def mutated(data: bytes, generator: random.Random, tokens: list[bytes]) -> bytes:
    """A copy with up to eight pieces flipped, deleted, repeated, moved or replaced by something nasty."""
    for _ in range(generator.randint(1, 8)):
        begin = generator.randrange(len(data) + 1)
        end = min(len(data), begin + generator.choice([1, 1, 2, 8, 60]))
        piece = data[begin:end]
        flipped = bytes([piece[0] ^ 1 << generator.randrange(8)]) + piece[1:] if piece else b""
        other = generator.randrange(len(data) + 1)
        choices = [flipped, b"", piece * generator.choice([2, 30]), generator.choice(tokens), generator.randbytes(4)]
        data = data[:begin] + generator.choice([*choices, data[other : other + 40]]) + data[end:]
        if generator.random() < 0.02:
            data = data[: generator.randrange(len(data) + 1)]
    return data


def sweep_files(count: int, seed: int) -> Iterator[str]:
    """Read mutated sweep files; yields how each ended."""
    generator, source = random.Random(seed), TEMPLATE.read_bytes()

    def read(data: bytes) -> str:
        try:
            spec = parse_spec(data, "fuzz.yaml")
        except SpecError as error:
            if not str(error).startswith("fuzz.yaml"):
                raise AssertionError(f"says no place: {error}") from error
            return "refused"
        json.dumps(spec.canonical(), allow_nan=False)
        questions(spec)
        return "read"

    return (_timed(read, mutated(source, generator, _TOKENS)) for _ in range(count))


def store_files(count: int, seed: int) -> Iterator[str]:
    """Read mutated records and checkpoints, half of each; yields how each ended."""
    generator = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(shutil.copytree(GOLDEN, Path(folder) / "store"))
        tokens = [pickle.dumps(_Payload(f"{folder}/executed")), b"PAR1", b"\0" * 8, b"\xff" * 8, b"sha256:" + b"0" * 64]
        records = [f"results/{name}" for name in store.files.names("results")]
        states = list(store.files.sizes("checkpoints"))
        originals = {path: store.files.read(path) for path in records + states}

        def read(path: str, data: bytes) -> str:
            store.files.write(path, data)
            try:
                if path in states:
                    parse_state(data, path)
                else:
                    store.records.read(path)
            except CorruptFile as error:
                if path not in str(error):
                    raise AssertionError(f"does not name the file: {error}") from error
                return "refused"
            if data != originals[path]:
                raise AssertionError(f"{path} was changed and read all the same")
            return "read"

        for number in range(count):
            path = generator.choice(states if number % 2 else records)
            data = mutated(originals[path], generator, tokens)
            yield _timed(lambda data, path=path: read(path, data), data)
        if (Path(folder) / "executed").exists():
            raise AssertionError("a pickle was executed")


class _Payload:
    """Makes a folder when unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return Path.mkdir, (Path(self.path),)  # type: ignore[return-value]


def _timed(read: Callable[[bytes], str], data: bytes) -> str:
    begun = time.monotonic()
    try:
        outcome = read(data)
    except Exception:
        Path("fuzz-failure.bin").write_bytes(data)
        raise
    if time.monotonic() - begun > SECONDS:
        Path("fuzz-failure.bin").write_bytes(data)
        raise AssertionError(f"took {time.monotonic() - begun:.0f} s")
    return outcome
