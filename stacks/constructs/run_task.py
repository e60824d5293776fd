"""The permission to start one kind of task in one cluster, and to give it its roles."""

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam

from stacks.constructs.roles import allow
from stacks.constructs.task import Task


def run_task(task: Task, *, cluster: ecs.CfnCluster) -> list[iam.PolicyStatement]:
    """Statements for a role that starts tasks of a definition, whatever its revision."""
    stack = cdk.Stack.of(task)
    family = f"arn:{stack.partition}:ecs:{stack.region}:{stack.account}:task-definition/{task.family}"
    return [
        allow(
            ["ecs:RunTask"],
            [f"{family}:*"],
            sid="StartTasks",
            conditions={"ArnEquals": {"ecs:cluster": cluster.attr_arn}},
        ),
        allow(
            ["iam:PassRole"],
            [task.task_role.role_arn, task.execution_role.arn],
            sid="GiveThemTheirRoles",
            conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
    ]
