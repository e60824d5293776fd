"""Objects that were deleted and overwritten, and images that failed for it."""

import re
import time

from chaos.drills import Drill, Rehearsal, drill
from chaos.drills.printed import maintenance_commands, marked, typed
from chaos.drills.station import Station, now, station
from chaos.errors import ChaosError
from chaos.field import wait_until
from chaos.judge import Expected, account
from chaos.shoot import RENDITIONS
from chaos.suites import Workshop

_LETTER = re.compile(r"original_missing\b.*?([0-9a-f-]{36})\s+([0-9a-f-]{36})")
"""Job and image in a line of the list."""
_IMAGES = {"full": 60, "small": 6}


@drill
class BucketRestore(Drill):
    name = "bucket-restore"
    runbook = "bucket-restore"
    what = "results are deleted, others overwritten; the bucket goes back to the second before"

    def run(self, workshop: Workshop) -> Rehearsal:
        with station(workshop.folder / self.name) as place:
            submission, names = place.submit(_IMAGES[workshop.size.name])
            job = submission.job.job_id
            bucket = place.told["RAWMILL_RESULTS_BUCKET"]
            s3 = place.clients.s3
            before = _contents(place, bucket)
            moment = now()
            for number, key in enumerate(sorted(before)):
                if number % 3 == 0:
                    s3.delete_object(Bucket=bucket, Key=key)
                elif number % 3 == 1:
                    s3.put_object(Bucket=bucket, Key=key, Body=b"spoilt")
            spoilt = sum(_contents(place, bucket).get(key) != body for key, body in before.items())
            began_s = time.monotonic()
            filled = {"PORT": str(place.aws_port), "BUCKET": bucket, "TIME": moment}
            for script in marked(self.runbook, self.name):
                typed(script, data=place.data, filled=filled)
            took_s = time.monotonic() - began_s
            expected = Expected(jobs={job: names}, renditions=RENDITIONS)
            broken = place.wait_kept(expected, within_s=120.0)
            after = _contents(place, bucket)
            broken += [f"{key} is not what it was" for key, body in before.items() if after.get(key) != body]
            back = account(place.facts([job]), expected).accounted
        came = f"{spoilt} of {len(before)} objects spoilt, all as they were, byte by byte"
        return Rehearsal(images=len(names), back=back, took_s=took_s, came=came, broken=tuple(broken))


@drill
class Redrive(Drill):
    name = "redrive"
    runbook = "dead-letters"
    what = "originals are deleted before any worker sees them: images fail, the originals come back, all is redriven"

    def run(self, workshop: Workshop) -> Rehearsal:
        with station(workshop.folder / self.name) as place:
            bucket = place.told["RAWMILL_UPLOADS_BUCKET"]
            with place.no_work():
                submission, names = place.submit(_IMAGES[workshop.size.name], wait=False)
                moment = now()
                for key in _contents(place, bucket):
                    place.clients.s3.delete_object(Bucket=bucket, Key=key)
            job = submission.job.job_id
            wait_until(
                lambda: place.facts([job]).dead_letters == len(names), within_s=600.0, what="every image is given up"
            )
            began_s = time.monotonic()
            filled = {"PORT": str(place.aws_port), "BUCKET": bucket, "TIME": moment}
            typed(marked("bucket-restore", "bucket-restore")[0], data=place.data, filled=filled)
            listed, shown, redriven = self._commands()
            images = _LETTER.findall(typed(listed, data=place.data, filled={}))
            if len(images) != len(names):
                raise ChaosError(f"{len(images)} of {len(names)} images are listed among the dead letters")
            typed(shown, data=place.data, filled={"IMAGE_ID": images[0][1]})
            for _, image in images:
                typed(redriven, data=place.data, filled={"IMAGE_ID": image})
            expected = Expected(jobs={job: names}, renditions=RENDITIONS)
            broken = place.wait_kept(expected)
            took_s = time.monotonic() - began_s
            back = account(place.facts([job]), expected).accounted
        came = f"{len(images)} images failed as `original_missing`, all completed after the redrive"
        return Rehearsal(images=len(names), back=back, took_s=took_s, came=came, broken=tuple(broken))

    def _commands(self) -> list[str]:
        commands = maintenance_commands(self.runbook)
        wanted = [next((each for each in commands if word in each), None) for word in (" list", " show", " redrive")]
        found = [each for each in wanted if each is not None]
        if len(found) != len(wanted):
            raise ChaosError("the runbook of dead letters does not list, show and redrive")
        return found


def _contents(place: Station, bucket: str) -> dict[str, bytes]:
    s3 = place.clients.s3
    keys = [
        entry["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for entry in page.get("Contents", [])
    ]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
