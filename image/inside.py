"""What the packages in an image say of themselves; asked of the image's own Python, which runs for a moment."""

import json
from dataclasses import dataclass

from image.engine import docker, inspect

_QUESTION = """
import json, platform, sys
from importlib.metadata import distributions
packages = []
for found in distributions():
    said = found.metadata
    packages.append({
        "name": said["Name"],
        "version": said["Version"],
        "expression": said.get("License-Expression"),
        "licence": said.get("License"),
        "classifiers": [line for line in said.get_all("Classifier", []) if line.startswith("License")],
    })
import cv2, llvmlite.binding, numpy, psycopg, rawpy
from PIL import features
postgres = psycopg.pq.version()
native = [
    ("CPython", platform.python_version(), "the base image", "PSF-2.0"),
    ("LibRaw", ".".join(map(str, rawpy.libraw_version)), "rawpy", "LGPL-2.1-only OR CDDL-1.0"),
    ("LLVM", ".".join(map(str, llvmlite.binding.llvm_version_info)), "llvmlite", "Apache-2.0 WITH LLVM-exception"),
    ("OpenCV", cv2.__version__, "opencv-python-headless", "Apache-2.0"),
    ("OpenBLAS", numpy.show_config("dicts")["Build Dependencies"]["blas"]["version"], "numpy", "BSD-3-Clause"),
    ("libjpeg-turbo", features.version("libjpeg_turbo"), "pillow", "IJG AND BSD-3-Clause AND Zlib"),
    ("libwebp", features.version("webp"), "pillow", "BSD-3-Clause"),
    ("Little CMS", features.version("littlecms2"), "pillow", "MIT"),
    ("libtiff", features.version("libtiff"), "pillow", "libtiff"),
    ("OpenJPEG", features.version("jpg_2000"), "pillow", "BSD-2-Clause"),
    ("libpq", f"{postgres // 10000}.{postgres % 10000}", "psycopg-binary", "PostgreSQL"),
]
import pathlib
system = [path.name for path in pathlib.Path("/var/lib/dpkg/status.d").iterdir()]
json.dump({"packages": packages, "native": native, "system": system}, sys.stdout)
"""


@dataclass(frozen=True, order=True, kw_only=True)
class Content:
    """One thing in the image.

    Attributes:
        inside: the package that brings it, where it is no package of its own.
        licence: an SPDX expression where its maker gives one, otherwise the maker's words.
    """

    name: str
    version: str
    inside: str = ""
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything in an image that somebody else made.

    Attributes:
        packages: of Python, from the package index.
        native: libraries inside of them, which no package database lists, and Python itself.
        system: names of Debian packages.
    """

    packages: tuple[Content, ...]
    native: tuple[Content, ...]
    system: tuple[str, ...]


def contents_of(image: str) -> Contents:
    """Ask an image.

    Raises:
        ImageError: there is no engine, no such image, or it cannot answer.
    """
    inspect(image)
    isolated = ("--rm", "--network", "none", "--read-only", "--cap-drop", "ALL")
    said = json.loads(docker("run", *isolated, "--entrypoint", "python", image, "-c", _QUESTION))
    packages = sorted(
        Content(
            name=each["name"],
            version=each["version"],
            licence=_licence(each["expression"], each["licence"], each["classifiers"]),
        )
        for each in said["packages"]
    )
    native = tuple(
        Content(name=name, version=version or "", inside=inside, licence=licence)
        for name, version, inside, licence in said["native"]
    )
    return Contents(packages=tuple(packages), native=native, system=tuple(sorted(said["system"])))


def _licence(expression: str | None, text: str | None, classifiers: list[str]) -> str:
    """What a package says, the most exact first. A whole licence text is no name of one, and "Dual License" neither."""
    if expression:
        return expression
    names = [line.rpartition(" :: ")[2].removesuffix(" License") for line in classifiers]
    short = text if text and len(text) <= 60 and "\n" not in text and text != "Dual License" else None
    return short or " OR ".join(names)
