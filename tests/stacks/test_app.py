"""`python app.py` as people and the CDK command line run it."""

import filecmp
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import aws_cdk as cdk
import pytest

import app as entry
from stacks.assembly import write_assembly
from stacks.base import PlatformStack
from stacks.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that synthesis needs and no others: above all no repository."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    in_the_image = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    for name in ("stacks", "environments", "lambda", "app.py", "cdk.json", ".dockerignore", *in_the_image):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def _run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python app.py` with nothing of this shell: no credentials, no git, and no network where we may take it away."""
    unshare = shutil.which("unshare")
    without_network = [unshare, "-rn"] if unshare else []
    if subprocess.run([*without_network, sys.executable, "-V"], check=False, capture_output=True).returncode != 0:
        without_network = []
    return subprocess.run(
        [*without_network, sys.executable, "app.py", *arguments],
        cwd=checkout,
        env={
            "PATH": "/nowhere",
            "HOME": str(checkout / "home"),
            # CDK unpacks itself once per machine; doing it again in the new home would prove nothing.
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path.home() / ".cache" / "aws" / "jsii" / "package-cache"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _same_files(one: Path, other: Path) -> bool:
    names, others = (
        sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) for folder in (one, other)
    )
    assert names == others
    return filecmp.cmpfiles(one, other, names, shallow=False) == (names, [], [])


def test_without_credentials_network_or_git_it_makes_the_same_bytes_in_another_place(
    checkout: Path, assemblies: Path
) -> None:
    done = _run(checkout, "prod")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert _same_files(checkout / "cdk.out" / "prod", assemblies / "prod")


def test_two_syntheses_in_one_process_are_identical(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_assembly(load_settings("prod"), entry.wire, tmp_path / name)
    assert _same_files(tmp_path / "one", tmp_path / "two")


def test_the_command_line_names_environment_and_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assemblies: Path
) -> None:
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path))
    monkeypatch.setenv("CDK_CONTEXT_JSON", json.dumps({"env": "dev"}))
    assert entry.main([]) == 0
    made, expected = (
        json.loads((folder / "Network.template.json").read_text(encoding="utf-8"))
        for folder in (tmp_path, assemblies / "dev")
    )
    assert made == expected


def test_the_command_line_is_told_when_it_names_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path))
    assert entry.main([]) == 2
    assert capsys.readouterr().err == "context: env: missing: allowed one of dev, prod, staging: -c env=NAME\n"


def test_an_unknown_environment_ends_with_2_one_line_and_nothing_made(checkout: Path) -> None:
    done = _run(checkout, "production")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ENV: value 'production': allowed dev, prod or staging, after the files in environments/\n"
    assert not (checkout / "cdk.out").exists()


def test_a_wrong_setting_ends_with_2_one_line_and_what_was_there_before(checkout: Path) -> None:
    before = checkout / "cdk.out" / "prod" / "manifest.json"
    before.parent.mkdir(parents=True)
    before.write_text("{}", encoding="utf-8")
    file = checkout / "environments" / "prod.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"per-zone"', '"single"'), encoding="utf-8")
    done = _run(checkout)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "environments/prod.toml: network.nat: value 'single': allowed 'per-zone' because high_availability = true\n"
    )
    assert [path.name for path in (checkout / "cdk.out").rglob("*")] == ["prod", "manifest.json"]


def _wire_and_fail(app: cdk.App, settings: Settings) -> list[PlatformStack]:
    entry.wire(app, settings)
    raise RuntimeError("a construct failed")


def test_a_synthesis_that_fails_leaves_the_assembly_that_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "cdk.out" / "prod"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RuntimeError, match="a construct failed"):
        write_assembly(load_settings("prod"), _wire_and_fail, folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cdk.out", "manifest.json", "prod"]


def test_a_synthesis_that_fails_the_first_time_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a construct failed"):
        write_assembly(load_settings("prod"), _wire_and_fail, tmp_path / "cdk.out" / "prod")
    assert not list(tmp_path.iterdir())


def test_a_new_assembly_takes_the_place_of_the_old_one_whole(tmp_path: Path) -> None:
    folder = tmp_path / "prod"
    folder.mkdir()
    (folder / "Retired.template.json").write_text("{}", encoding="utf-8")
    write_assembly(load_settings("prod"), entry.wire, folder)
    assert not (folder / "Retired.template.json").exists()
    assert (folder / "Network.template.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["prod"]


def test_the_feature_flags_are_those_that_cdk_recommends_but_for_strong_references() -> None:
    """A flag that CDK recommends and `cdk.json` lacks gives new resources their old shape.

    References between stacks are exports: a value in use cannot vanish, and every tool over templates resolves them.
    """
    package = next((Path(cdk.__file__).parent / "_jsii").glob("aws-cdk-lib@*.jsii.tgz"))
    with tarfile.open(package) as archive:
        file = archive.extractfile("package/recommended-feature-flags.json")
        assert file is not None
        recommended = json.load(file)
    assert json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"] == {
        **recommended,
        "@aws-cdk/core:defaultCrossStackReferences": "strong",
    }


def test_every_reference_between_stacks_is_an_export(assemblies: Path) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in assemblies.rglob("*.template.json")}
    assert not [str(path) for path, text in texts.items() if "Fn::GetStackOutput" in text]
    assert any("Fn::ImportValue" in text for text in texts.values())


def test_an_assembly_does_not_know_where_it_was_made(assemblies: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in assemblies.rglob("*.json")]
    assert not any(str(assemblies) in text for text in texts)
