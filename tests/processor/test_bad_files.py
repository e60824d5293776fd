"""Every bad file is refused with its reason code, or found out after decoding; every good one is ok."""

from pathlib import Path

import pytest

from processor import integrity
from processor.decode import decode
from processor.errors import ImageError, ReasonCode
from processor.limits import Limits
from processor.original import open_original
from processor.types import ColourSpace, DecodePath, Verdict
from tests.processor.bad_files import BAD_FILES, GOOD_NAMES, BadFile, Sources, build_good_names


def _outcome(path: Path, decode_path: DecodePath) -> ReasonCode | Verdict:
    """What a pipeline would learn of a file: why it was refused, or the verdict on what it decoded to."""
    try:
        with open_original(path, limits=Limits()) as original:
            found = integrity.inspect(original, None)
            if found.verdict is Verdict.OK:
                found = integrity.inspect(original, decode(original, decode_path, ColourSpace.SRGB))
    except ImageError as error:
        assert path.name in str(error) or str(path) in str(error)
        return error.reason
    assert bool(found.evidence) == (found.verdict is not Verdict.OK)
    return found.reason or found.verdict


@pytest.mark.parametrize("decode_path", [DecodePath.HALF, DecodePath.AHD])
@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_a_bad_file_is_refused_with_its_reason(
    bad: BadFile, decode_path: DecodePath, sources: Sources, tmp_path: Path
) -> None:
    assert _outcome(bad.build(tmp_path, sources), decode_path) in bad.reasons


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_good_file_is_ok_under_any_name(name: str, sources: Sources, tmp_path: Path) -> None:
    build_good_names(tmp_path, sources)
    assert _outcome(tmp_path / name, DecodePath.HALF) is Verdict.OK


def test_the_names_in_the_table_differ() -> None:
    assert len({bad.name for bad in BAD_FILES}) == len(BAD_FILES)
