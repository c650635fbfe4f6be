"""Plugins: Python files and packages whose import registers claims, losses and the like in the package's registries.

    boundcheck.CLAIMS["mine"] = mine            # in mine.py, found by `boundcheck verify --plugin mine.py`

What a plugin registers stands beside what the package ships: in options, in help and in tables. See docs/plugins.md.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib.machinery import SourceFileLoader
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from boundcheck.errors import InputError

GROUP = "boundcheck.plugins"
_done: set[str] = set()


def load_plugins(files: Iterable[str | Path] = ()) -> None:
    """Imports installed packages' plugins (entry points of the group `boundcheck.plugins`), then files; each once.

    Args:
        files: Python files.

    Raises:
        InputError: one is missing, fails, or registers a name that is taken or something of another kind; whatever it
            registered is taken back.
    """
    for entry in entry_points(group=GROUP):
        _load(f"{GROUP}:{entry.name}", f"plugin '{entry.name}' ({entry.value})", entry.load)
    for file in files:
        path = Path(file).resolve()
        if not path.is_file():
            raise InputError(f"--plugin: expected a Python file, received '{file}', which is no file")
        # Of the path, so that what it defines goes by one name in all processes of a run.
        name = f"boundcheck_plugin_{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:8]}"
        _load(name, f"--plugin: '{file}'", partial(_import_file, name, path))


def _load(name: str, said: str, load: Callable[[], Any]) -> None:
    """One plugin, unless it is there already; all it registers or, where something is wrong, nothing."""
    if name in _done:
        return
    before = {kind: dict(registry) for kind, (registry, _) in _registries().items()}
    try:
        try:
            load()
        except (Exception, SystemExit) as error:
            lines = str(error).splitlines()
            raise InputError(f"{said} failed with {type(error).__name__}{': ' + lines[0] if lines else ''}") from error
        for kind, (registry, name_of) in _registries().items():
            _check(said, kind, before[kind], registry, name_of)
    except InputError:
        for kind, (registry, _) in _registries().items():
            registry.clear()
            registry.update(before[kind])
        raise
    _done.add(name)


def _check(
    said: str, kind: str, before: dict[str, Any], after: dict[str, Any], name_of: Callable[[Any], str] | None
) -> None:
    for name, thing in after.items():
        if name in before and before[name] is not thing:
            raise InputError(f"{said} registers the {kind} '{name}', which is taken; use another name")
        if name in before:
            continue
        try:
            own = name if name_of is None else name_of(thing)
        except AttributeError:
            raise InputError(f"{said} registers a {type(thing).__name__} as the {kind} '{name}'") from None
        if own != name:
            raise InputError(f"{said} registers the {kind} '{own}' as '{name}'; use one name")


def _import_file(name: str, path: Path) -> None:
    spec = spec_from_file_location(name, path, loader=SourceFileLoader(name, str(path)))
    assert spec is not None and spec.loader is not None, "the loader is given"
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _registries() -> dict[str, tuple[dict[str, Any], Callable[[Any], str] | None]]:
    """What can be registered: by its kind, the registry, and the name that a thing gives itself."""
    from boundcheck.claims import CLAIMS
    from boundcheck.data import DATASETS
    from boundcheck.embeddings.files import FORMATS
    from boundcheck.encoders.encoder import ENCODERS
    from boundcheck.hardening import HARDENINGS
    from boundcheck.lab.objectives import OBJECTIVES
    from boundcheck.losses import LOSSES

    return {
        "claim": (CLAIMS, lambda claim: claim.id),
        "loss": (LOSSES, lambda loss: loss.id),
        "hardening": (HARDENINGS, lambda kind: kind.form.partition(":")[0]),
        "objective": (OBJECTIVES, None),
        "data set": (DATASETS, lambda source: source.name),
        "architecture": (ENCODERS, None),
        "embeddings format": (FORMATS, None),
    }
