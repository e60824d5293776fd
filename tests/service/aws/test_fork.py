"""A process that forks after it has talked to AWS: its children must not write into each other's requests."""

import os
import subprocess
import sys

from local.aws.endpoints import ROOT

_CHILDREN, _ROUNDS = 4, 5
_SCRIPT = """
import os, sys
from service.aws.clients import Clients

clients = Clients(region=os.environ["AWS_DEFAULT_REGION"])
arn, children, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def ask():
    return clients.secrets.get_secret_value(SecretId=arn)["SecretString"]

def child(told, wanted):
    os.read(told, 1)  # until all are there: they ask at the same moment
    try:
        os._exit(0 if ask() == wanted else 1)
    except BaseException as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(2)

for _ in range(rounds):
    wanted = ask()
    told, tell = os.pipe()
    pids = []
    for _ in range(children):
        pid = os.fork()
        if pid == 0:
            child(told, wanted)
        pids.append(pid)
    os.write(tell, bytes(children))
    if any([os.waitpid(pid, 0)[1] for pid in pids]):
        sys.exit(1)
"""


def test_children_do_not_share_the_connections_of_the_process_that_forked_them(
    service_environment: dict[str, str],
) -> None:
    arn = service_environment["RAWMILL_DJANGO_SECRET_ARN"]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, arn, str(_CHILDREN), str(_ROUNDS)],
        env={**os.environ, **service_environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
