"""What the command line says to wrong usage: one sentence that names the thing, exit code 2, nothing written."""

from pathlib import Path

import pytest

from processor.cli.main import main


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and standard error."""
    try:
        code = main(arguments)
    except SystemExit as end:  # argparse ends by itself
        code = int(str(end.code))
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "COMMAND"),
        (["run"], "INPUT"),
        (["run", "x", "--out", "OUT", "--jobs", "0"], "jobs is 0; it must be 1 or more"),
        (["run", "x", "--out", "OUT", "--jobs", "many"], "invalid int value: 'many'"),
        (["run", "x", "--out", "OUT", "--limit", "-1"], "limit is -1"),
        (["run", "x", "--out", "OUT", "--timeout", "0"], "the time limit is 0.0 s"),
        (["run", "x", "--out", "OUT", "--timeout", "nan"], "the time limit is nan s; it must be above 0"),
        (["run", "x", "--out", "OUT", "--memory", "lots"], "'lots': write a size such as 800M or 8G"),
        (["run", "x", "--out", "OUT", "--memory", "inf"], "'inf': write a size such as 800M or 8G"),
        (["run", "x", "--out", "OUT", "--max-megapixels", "inf"], "'inf': write a number of megapixels above 0"),
        (["run", "x", "--out", "OUT", "--max-megapixels", "0"], "'0': write a number of megapixels above 0"),
        (
            ["run", "x", "--out", "OUT", "--licence", "filter_license=1", "--licence-timeout", "nan"],
            "licence timeout is nan s; it must be above 0",
        ),
        (["run", "x", "--out", "OUT", "--licence", "filter_license"], "write NAME=SEATS"),
        (["run", "x", "--out", "OUT", "--licence", "filter_license=²"], "write NAME=SEATS"),
        (["run", "x", "--out", "OUT", "--licence", "filter_license=0"], "has 0 seats; it needs 1 or more"),
        (["run", "x", "--out", "OUT", "--tier", "ultra"], "invalid choice: 'ultra'"),
        (["run", "x", "--out", "OUT", "--recipe", "nonesuch"], "the presets are"),
        (["run", "x", "--out", "OUT", "--recipe", "none.toml"], "none.toml: cannot be read: No such file"),
        (["run", "x", "--out", "OUT", "--filters", "no_such_module"], "--filters no_such_module: ModuleNotFoundError"),
        (["run", "EMPTY", "--out", "OUT"], "no input found"),
        (["run", "x", "--out", "FILE"], "FILE"),
        (["sample", "OUT", "--count", "0"], "--count 0: it must be 1 or more"),
        (["sample", "OUT", "--width", "100"], "--width and --height go together"),
        (["sample", "OUT", "--width", "3", "--height", "3"], "3"),
        (["sample", "OUT", "--width", "0", "--height", "0"], "width_px is 0"),
        (["sample", "FILE"], "cannot be used as a folder"),
        (["demo", "--out", "FILE"], "FILE: cannot be used: Not a directory"),
        (["recipe", "check", "FILE.toml"], "not valid TOML"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_2(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "FILE").write_text("here already")
    (tmp_path / "FILE.toml").write_text("= =")
    places = {"OUT": "out", "EMPTY": "empty", "FILE": "FILE", "FILE.toml": "FILE.toml"}
    code, words = run([str(tmp_path / places[a]) if a in places else a for a in arguments], capsys)
    assert code == 2
    assert says in words
    assert "Traceback" not in words
    assert not (tmp_path / "out").exists() or not any(
        path.is_file() for path in (tmp_path / "out").rglob("*") if ".rawmill" not in path.parts
    )


def test_recipe_check_says_what_a_preset_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "check", "default"]) == 0
    words = capsys.readouterr().out
    assert "recipe 'default' is valid" in words
    assert "3840 px" in words


def test_recipe_show_prints_a_recipe_that_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "show", "default"]) == 0
    (tmp_path / "shown.json").write_text(capsys.readouterr().out)
    assert main(["recipe", "check", str(tmp_path / "shown.json")]) == 0


def test_recipe_check_knows_the_filters_of_a_plugin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = tmp_path / "warm.py"
    plugin.write_text(
        "from processor.filters import register\n\n@register('warmth')\ndef warmth(pixels):\n    return pixels\n"
    )
    recipe = tmp_path / "r.toml"
    recipe.write_text("filters = [{kind = 'custom', name = 'warmth'}]\n[[renditions]]\nname = 'a'\nlong_edge_px = 99\n")
    assert main(["recipe", "check", str(recipe)]) == 2
    assert "filter 'warmth' is not registered" in capsys.readouterr().err
    assert main(["recipe", "check", str(recipe), "--filters", str(plugin)]) == 0
