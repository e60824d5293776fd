"""The permission to start one kind of task in one cluster, and to give it its roles."""

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs

from stacks.constructs.roles import Permission
from stacks.constructs.task import Task


def run_task(task: Task, *, cluster: ecs.CfnCluster) -> list[Permission]:
    """Permissions of a role that starts tasks of a definition."""
    stack = cdk.Stack.of(task)
    family = f"arn:{stack.partition}:ecs:{stack.region}:{stack.account}:task-definition/{task.family}"
    return [
        Permission(
            sid="StartTasks",
            actions=["ecs:RunTask"],
            resources=[f"{family}:*"],
            conditions={"ArnEquals": {"ecs:cluster": cluster.attr_arn}},
            because="the revisions of one task definition, in one cluster: a deployment makes a new one",
        ),
        Permission(
            sid="GiveThemTheirRoles",
            actions=["iam:PassRole"],
            resources=[task.task_role.role_arn, task.execution_role.arn],
            conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
    ]
