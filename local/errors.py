"""What the local platform refuses or cannot do, each with a reason and the next action."""

from enum import StrEnum


class LocalReason(StrEnum):
    """Why the local platform did not start, or stopped."""

    NOT_INSTALLED = "not_installed"
    ALREADY_RUNNING = "already_running"
    NOT_RUNNING = "not_running"
    PORT_TAKEN = "port_taken"
    NO_SPACE = "no_space"
    NOT_REACHABLE = "not_reachable"
    NOT_READY = "not_ready"
    PROCESS_ENDED = "process_ended"
    DEPLOYMENT_FAILED = "deployment_failed"
    TEMPLATE_REFUSED = "template_refused"
    JOB_FAILED = "job_failed"
    NO_BACKUP = "no_backup"


class LocalError(Exception):
    """One sentence on what is wrong, with what to do about it, and a reason code."""

    def __init__(self, reason: LocalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.reason})"
