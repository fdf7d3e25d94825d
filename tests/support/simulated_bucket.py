"""A bucket as obstore shows it, on a simulated disk: a PUT is one step, may be conditional, and survives a power loss.

A request that fails is sometimes repeated, as obstore does: after a PUT whose answer was lost, it finds its own data.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from obstore.exceptions import AlreadyExistsError, PreconditionError

from tests.support.simulated_disk import File
from tests.support.simulated_system import Computer


class SimulatedBucket:
    """The objects under a path of a computer's disk. An e-tag is an `e` and the content in hexadecimal digits."""

    def __init__(self, computer: Computer, root: str) -> None:
        self._computer, self._root = computer, root

    def get(self, path: str, options: dict[str, Any] | None = None) -> SimpleNamespace:
        data = self._ask(lambda: self._object(path).data)
        meta = {"size": len(data), "e_tag": f"e{data.hex()}", "version": None}
        last = (options or {}).get("range", {"suffix": len(data)})["suffix"]
        return SimpleNamespace(meta=meta, bytes=lambda: data[max(0, len(data) - last) :])

    def put(self, path: str, data: bytes, mode: Any = None) -> None:
        self._ask(lambda: self._put(path, data, mode), writes=True)

    def _put(self, path: str, data: bytes, mode: Any) -> None:
        existing = self._computer.disk.find(self._at(path))
        if mode == "create" and existing is not None:
            raise AlreadyExistsError(path)
        if isinstance(mode, dict) and (not isinstance(existing, File) or f"e{existing.data.hex()}" != mode["e_tag"]):
            raise PreconditionError(path)
        self._computer.disk.put(self._at(path), data)

    def head(self, path: str) -> None:
        self._ask(lambda: self._object(path))

    def delete(self, path: str) -> None:
        self._ask(lambda: self._computer.disk.unlink(self._at(path)))

    def list(self, folder: str | None) -> SimpleNamespace:
        return SimpleNamespace(collect=lambda: self._ask(lambda: self._objects(folder or "")))

    def list_with_delimiter(self, folder: str | None) -> dict[str, Any]:
        objects = self.list(folder).collect()
        begin = f"{folder}/" if folder else ""
        rests = {item["path"]: item["path"].removeprefix(begin) for item in objects}
        folders = sorted({begin + rest.partition("/")[0] for rest in rests.values() if "/" in rest})
        return {"common_prefixes": folders, "objects": [item for item in objects if "/" not in rests[item["path"]]]}

    def _objects(self, folder: str) -> list[dict[str, Any]]:
        disk, begin = self._computer.disk, f"{self._root}/"
        paths = [f"{above}/{name}" for above, _, names in disk.walk(self._at(folder).rstrip("/")) for name in names]
        return [{"path": path.removeprefix(begin), "size": len(disk.node(path).data)} for path in paths]  # type: ignore[union-attr]

    def _object(self, path: str) -> File:
        node = self._computer.disk.node(self._at(path))
        if not isinstance(node, File):
            raise FileNotFoundError(path)
        return node

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _ask(self, request: Callable[[], Any], writes: bool = False) -> Any:
        try:
            return self._computer.request(request, writes)
        except (FileNotFoundError, AlreadyExistsError, PreconditionError):
            raise
        except OSError:
            if self._computer.world.random.random() < 0.5:
                raise
            return self._computer.request(request, writes)
