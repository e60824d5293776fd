"""How policies see requests: over TLS, those of tasks through the endpoint of their network, batches as single calls.

On one machine everything is plain HTTP over loopback. Policies that refuse plain HTTP, and the vault's, which refuses
whoever does not come through the endpoint, would refuse everybody. A link in a browser comes from outside: it counts as
over TLS, and not as through the endpoint. And the platform, which starts the tasks here, stands for ECS: what a role's
trust policy says of ECS is said of it.

Every refusal is written to the log, with what was asked for: whoever asked may have swallowed the answer.
"""

import logging
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import ministack.app
from ministack.core import iam_evaluator
from ministack.services import ec2

_ACTION_OF_BATCH = {
    f"sqs:{action}Batch": f"sqs:{action}" for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}
"""A batch needs the permission of its single call; there is no action of its own name to grant."""

_is_link: ContextVar[bool] = ContextVar("rawmill_is_link", default=False)

_log = logging.getLogger("policies")


def install() -> None:
    """Teach the evaluation of policies these things."""
    pin, pin_signature = ministack.app.pin_request_origin, ministack.app.pin_signed_request
    enforce = iam_evaluator.enforce
    resolve, trusts = iam_evaluator._resolve_condition_key, iam_evaluator.evaluate_trust_policy

    def pin_over_tls(source_ip: str, _secure_transport: bool) -> None:
        pin(source_ip, True)

    def pin_link(method: str, path: str, query: dict[str, Any], *rest: Any, **named: Any) -> None:
        _is_link.set("X-Amz-Signature" in query)
        pin_signature(method, path, query, *rest, **named)

    def enforce_single(access_key: str, action: str, *rest: Any, **named: Any) -> Any:
        asked = _ACTION_OF_BATCH.get(action, action)
        refusal = enforce(access_key, asked, *rest, **named)
        if isinstance(refusal, iam_evaluator.EvalResult):
            _log.warning("refused %s on %s to %s", asked, named.get("resource_arn", "*"), refusal.principal_arn)
        return refusal

    def resolve_endpoint(key: str, context: Any) -> Any:
        if key.lower() == "aws:sourcevpce":
            return None if _is_link.get() else _gateway_endpoint()
        return resolve(key, context)

    def trusts_ecs(document: Any, caller: str, context: Any = None) -> bool:
        if context is not None and caller.endswith(":root"):
            # The principal of a service lets root pass there; the conditions ask for whom the service acts.
            account = context.principal_account
            task = f"arn:aws:ecs:{context.region}:{account}:task/local"
            source = {"aws:sourceaccount": account, "aws:sourcearn": task}
            context = replace(context, service_context={**context.service_context, **source})
        return bool(trusts(document, caller, context))

    ministack.app.pin_request_origin = pin_over_tls
    ministack.app.pin_signed_request = pin_link
    iam_evaluator.enforce = enforce_single
    iam_evaluator._resolve_condition_key = resolve_endpoint
    iam_evaluator.evaluate_trust_policy = trusts_ecs


def _gateway_endpoint() -> str | None:
    endpoints = ec2._vpc_endpoints.items()
    return next((str(name) for name, record in endpoints if record["VpcEndpointType"] == "Gateway"), None)
