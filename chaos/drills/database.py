"""The database goes back in time, while storage and queue stay where they are."""

import time

from chaos.drills import Drill, Rehearsal, drill
from chaos.drills.printed import marked, typed
from chaos.drills.station import now, station
from chaos.judge import Expected, account
from chaos.shoot import RENDITIONS
from chaos.suites import Workshop

_IMAGES = {"full": 40, "small": 4}


@drill
class DatabaseRestore(Drill):
    name = "database-restore"
    runbook = "database-restore"
    what = "the database goes back to a moment at which one job was done, one had just been uploaded, one did not exist"

    def run(self, workshop: Workshop) -> Rehearsal:
        count = _IMAGES[workshop.size.name]
        beside, stopped, after = marked(self.runbook, self.name)
        with station(workshop.folder / self.name) as place:
            early, early_names = place.submit(count)
            typed(beside, data=place.data, filled={})
            done, done_names = place.submit(count)
            with place.no_work():
                waiting, waiting_names = place.submit(count, wait=False)
                moment = now()
            late, _ = place.submit(count)
            expected = Expected(
                jobs={
                    early.job.job_id: early_names,
                    done.job.job_id: done_names,
                    waiting.job.job_id: waiting_names,
                },
                renditions=RENDITIONS,
            )
            broken = place.wait_kept(expected)
            began_s = time.monotonic()
            typed(stopped, data=place.data, filled={"TIME": moment})
            place.stopped()
            place.up()
            rows = {job["job_id"]: job for job in place.facts([]).jobs}
            if late.job.job_id in rows or rows[waiting.job.job_id]["images_completed"]:
                broken.append(f"the database is not as it was at {moment}")
            said = typed(after, data=place.data, filled={})
            # Files of the job that is gone stay, as the runbook says; everything else is as it should be.
            broken += place.wait_kept(expected, but=["no object without a row"])
            took_s = time.monotonic() - began_s
            facts = place.facts(list(expected.jobs))
            back = account(facts, expected).accounted
        came = f"restored to the second; {said.strip().splitlines()[-1]}; nothing that was done is done twice"
        return Rehearsal(images=3 * count, back=back, took_s=took_s, came=came, broken=tuple(broken))
