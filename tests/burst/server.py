"""The local AWS endpoints with more of ECS. `python -m tests.burst.server`, told by its environment.

Adds what the emulator leaves out of RunTask and the burst relies on: ECS's documented contract for `clientToken`, and
tasks that are not yet RUNNING when RunTask answers. A task's last status can be asked for by the tag `status`.
"""

import json
from threading import Lock
from typing import Any

from ministack import app
from ministack.core.responses import error_response_json, get_account_id, json_response
from ministack.services import ecs

_answers: dict[tuple[str, str], tuple[str, list[dict[str, Any]]]] = {}
"""What each client token of an account has stood for: the request, and the tasks that it started."""
_one_at_a_time = Lock()
_run_task = ecs._run_task


def _once(data: dict[str, Any]) -> Any:
    """RunTask that does a repeated request's work once, and refuses a token that stands for another request."""
    request = json.dumps(data, sort_keys=True)
    key = (get_account_id(), str(data.get("clientToken")))
    with _one_at_a_time:
        if data.get("clientToken") and key in _answers:
            former, tasks = _answers[key]
            if former == request:
                return json_response({"tasks": tasks, "failures": []})
            extra = {"resourceIds": [task["taskArn"] for task in tasks]}
            return error_response_json("ConflictException", "The client token is in use.", 400, extra)
        status, headers, body = _run_task(data)
        answer = json.loads(body)
        last_status = next((tag["value"] for tag in data.get("tags", []) if tag["key"] == "status"), "PROVISIONING")
        for task in answer.get("tasks", []):
            task["lastStatus"] = ecs._tasks[task["taskArn"]]["lastStatus"] = last_status
        _answers[key] = (request, answer.get("tasks", []))
        return status, headers, json.dumps(answer).encode()


assert ecs._ACTION_MAP["RunTask"] is _run_task, "this version of the emulator finds RunTask elsewhere"
ecs._ACTION_MAP["RunTask"] = _once
app.main()
