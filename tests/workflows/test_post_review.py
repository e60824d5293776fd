"""The script that posts the review, run by Node.js against a GitHub that only takes notes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audit.review.comment import LONGEST, MARKER

SCRIPT = Path(__file__).resolve().parents[2] / ".github" / "scripts" / "post-review.cjs"
NODE = Path(sys.executable).parent / "node"

DRIVER = """
const post = require(process.argv[1]);
const { pulls, comments, run, path } = JSON.parse(process.argv[2]);
const calls = [];
const note = (name, answer) => async (asked) => { calls.push({ name, ...asked }); return answer; };
const github = {
  rest: {
    pulls: { list: note('pulls', { data: pulls }) },
    issues: { listComments: 'listComments', createComment: note('create'), updateComment: note('update') },
  },
  paginate: async () => comments,
};
const say = (name) => (text) => calls.push({ name, text });
const core = { info: say('info'), setFailed: say('failed') };
const context = { repo: { owner: 'studio', repo: 'photos' }, payload: { workflow_run: run } };
post({ github, context, core, path }).then(() => console.log(JSON.stringify(calls)));
"""
RUN = {
    "head_sha": "abc",
    "head_branch": "topic",
    "head_repository": {"owner": {"login": "studio"}, "full_name": "studio/photos"},
}
FORK = {**RUN, "head_repository": {"owner": {"login": "stranger"}, "full_name": "stranger/photos"}}
PULL = {"number": 7, "head": {"sha": "abc"}}
BOT = "github-actions[bot]"


def posted(folder: Path, text: str | None = f"{MARKER}\nnothing changes\n", **given: Any) -> list[dict[str, Any]]:
    path = folder / "comment.md"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    scenario = {"pulls": [PULL], "comments": [], "run": RUN, "path": str(path), **given}
    done = subprocess.run(
        [NODE, "-e", DRIVER, SCRIPT, json.dumps(scenario)], capture_output=True, text=True, check=True, timeout=60
    )
    calls: list[dict[str, Any]] = json.loads(done.stdout)
    return calls


def test_the_first_review_becomes_a_comment(tmp_path: Path) -> None:
    asked, made = posted(tmp_path)
    assert (asked["head"], asked["state"]) == ("studio:topic", "open")
    assert (made["name"], made["issue_number"], made["body"]) == ("create", 7, f"{MARKER}\nnothing changes\n")


def test_the_next_one_is_written_over_it(tmp_path: Path) -> None:
    comments = [
        {"id": 1, "user": {"login": "somebody"}, "body": f"{MARKER} quoted"},
        {"id": 2, "user": {"login": BOT}, "body": "another bot's"},
        {"id": 3, "user": {"login": BOT}, "body": f"{MARKER}\nformer"},
    ]
    _, made = posted(tmp_path, comments=comments)
    assert (made["name"], made["comment_id"]) == ("update", 3)


def test_the_same_again_is_left_alone(tmp_path: Path) -> None:
    comments = [{"id": 3, "user": {"login": BOT}, "body": f"{MARKER}\nnothing changes\n"}]
    assert [call["name"] for call in posted(tmp_path, comments=comments)] == ["pulls"]


def test_a_push_that_came_since_is_not_overwritten_with_an_older_review(tmp_path: Path) -> None:
    calls = posted(tmp_path, pulls=[{"number": 7, "head": {"sha": "newer"}}])
    assert [call["name"] for call in calls] == ["pulls", "info"]


@pytest.mark.parametrize("text", [None, "", "no marker", f"{MARKER}\n" + "x" * LONGEST, f"text before {MARKER}"])
def test_what_is_no_review_is_refused(tmp_path: Path, text: str | None) -> None:
    (call,) = posted(tmp_path, text)
    assert call["name"] == "failed"


def test_a_link_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{MARKER} secret")
    (tmp_path / "comment.md").symlink_to(secret)
    (call,) = posted(tmp_path, None)
    assert call["name"] == "failed"


def test_a_review_from_a_fork_says_so_and_calls_nobody(tmp_path: Path) -> None:
    asked, made = posted(tmp_path, f"{MARKER}\nlook @everyone and @team/admins\n", run=FORK)
    assert asked["head"] == "stranger:topic"
    assert "From a fork" in made["body"]
    assert "@everyone" not in made["body"]
    assert "@team" not in made["body"]


def test_the_longest_review_of_a_fork_still_fits(tmp_path: Path) -> None:
    text = f"{MARKER}\n"
    _, made = posted(tmp_path, text + "x" * (LONGEST - len(text)), run=FORK)
    assert len(made["body"]) == LONGEST
