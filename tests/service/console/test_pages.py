"""The pages: what they show, to whom, and how many questions they ask the database for it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from service.accounts.models import User
from service.aws.clients import Clients
from service.aws.queue import Queue
from service.config import WebConfig
from service.console import words
from service.console.views import jobs as jobs_view
from service.jobs import api_keys, transitions
from service.jobs.dead_letters import looked_at
from service.jobs.models import ApiKey, Image, Job, Tenant
from service.jobs.records import NewFile
from tests.service.console.conftest import FORM, Browser

RECIPE = {"name": "studio", "renditions": [{"name": "thumb", "long_edge_px": 320}]}
OUTPUTS = [
    {"rendition": "thumb", "key": "results/acme/x/thumb.jpg", "width_px": 320, "height_px": 213, "size_bytes": 9000}
]
Queries = Callable[[], int]


def make_job(images: int, *, tenant: str = "acme", name: str = "IMG_{:04d}.dng") -> Job:
    """A job whose images are uploaded."""
    Tenant.objects.get_or_create(slug=tenant, defaults={"name": tenant})
    created = transitions.create_job(
        tenant=tenant,
        recipe=RECIPE,
        recipe_digest="0" * 64,
        files=[NewFile(name=name.format(number), size_bytes=1000) for number in range(images)],
        lifetime=timedelta(days=7),
    )
    transitions.mark_uploaded(created.job.job_id, [(image_id, 1000) for image_id in created.image_ids])
    return created.job


def settle(job: Job, *, completed: int = 0, failed: int = 0, code: str = "damaged") -> None:
    """Lets the first images end; written directly, for workers are tested elsewhere."""
    done = list(Image.objects.filter(job=job).order_by("position").values_list("pk", flat=True)[: completed + failed])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE images SET status = 'completed', verdict = 'ok', outputs = %s, settled_at = now(), worker = 'w/1'"
            " WHERE image_id = ANY(%s)",
            [json.dumps(OUTPUTS), done[:completed]],
        )
        cursor.execute(
            "UPDATE images SET status = 'failed', error_code = %s, error_message = 'strip 3 ends early',"
            " settled_at = now() WHERE image_id = ANY(%s)",
            [code, done[completed:]],
        )
        cursor.execute(
            "UPDATE jobs SET status = 'processing', images_completed = %s, images_failed = %s,"
            " settled_at = CASE WHEN images_total = %s THEN now() END WHERE job_id = %s",
            [completed, failed, completed + failed, job.job_id],
        )


def text(browser: Browser, path: str, status: int = 200) -> str:
    """A page."""
    answer = browser.get(path)
    assert answer.status_code == status, answer.content
    return answer.content.decode()


PAGES = ("/jobs/", "/jobs/new/", "/keys/", "/account/", "/operation/", "/operation/dead-letters/")


@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_for_strangers(service: WebConfig, path: str) -> None:
    assert Browser().get(path)["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("path", ["/operation/", "/operation/dead-letters/"])
def test_the_operators_pages_are_not_there_for_members(ada: Browser, operator: Browser, path: str) -> None:
    text(ada, path, 404)
    text(operator, path)
    assert "/operation/" not in text(ada, "/jobs/")


@pytest.mark.parametrize("action", ["redrive", "delete"])
def test_members_redrive_and_delete_nothing(ada: Browser, action: str) -> None:
    assert ada.submit(f"/operation/dead-letters/{action}/", {"code": "unknown"}).status_code == 404


def test_nothing_of_another_tenant_is_on_any_page(ada: Browser, rival: Browser) -> None:
    job = make_job(2)
    settle(job, completed=1, failed=1)
    image = Image.objects.filter(job=job).first()
    assert image is not None
    key = api_keys.create(tenant="acme", name="importer")
    assert str(job.job_id) not in text(rival, "/jobs/")
    assert "No job matches" in text(rival, "/jobs/?q=IMG_")
    for path in (f"/jobs/{job.job_id}/", f"/jobs/{job.job_id}/images/{image.pk}/"):
        text(rival, path, 404)
        text(ada, path)
    assert rival.get(f"/jobs/{job.job_id}/images/{image.pk}/camera.jpg").status_code == 404
    for path in (
        f"/jobs/{job.job_id}/cancel/",
        f"/jobs/{job.job_id}/retry/",
        f"/keys/{key.prefix}/revoke/",
        f"/keys/{key.prefix}/rotate/",
    ):
        assert rival.submit(path).status_code == 404, path
    job.refresh_from_db()
    assert job.images_failed == 1
    assert ApiKey.objects.get(pk=key.prefix).revoked_at is None
    assert ApiKey.objects.count() == 1
    assert key.prefix not in text(rival, "/keys/")


def test_an_image_is_found_in_its_own_job_alone(ada: Browser) -> None:
    one, other = make_job(1), make_job(1)
    image = Image.objects.get(job=one)
    text(ada, f"/jobs/{other.job_id}/images/{image.pk}/", 404)


@pytest.mark.parametrize("path", ["cancel", "retry"])
def test_actions_need_the_token_of_a_page(ada: Browser, path: str) -> None:
    job = make_job(1)
    assert ada.post(f"/jobs/{job.job_id}/{path}/", "", content_type=FORM).status_code == 403
    assert ada.get(f"/jobs/{job.job_id}/{path}/").status_code == 405


def test_the_history_finds_jobs_by_file_recipe_number_and_status(ada: Browser) -> None:
    cats, dogs = make_job(3, name="cat{:04d}.nef"), make_job(2, name="dog{:04d}.nef")
    transitions.cancel(dogs.job_id)

    def found(query: str) -> set[UUID]:
        page = text(ada, f"/jobs/?{query}")
        return {job.job_id for job in (cats, dogs) if f"/jobs/{job.job_id}/" in page}

    assert found("") == {cats.job_id, dogs.job_id}
    assert found("q=CAT0002") == {cats.job_id}
    assert found("q=studio") == {cats.job_id, dogs.job_id}
    assert found(f"q={dogs.job_id}") == {dogs.job_id}
    assert found("status=cancelled") == {dogs.job_id}
    assert found("q=cat&status=cancelled") == set()
    assert found("q=100%25_") == set()


def test_the_history_has_pages(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_view, "PAGE", 2)
    made = [make_job(1).job_id for _ in range(5)]
    pages, path = [], "/jobs/"
    for _ in range(3):
        page = text(ada, path)
        pages.append([job for job in made if f"/jobs/{job}/" in page])
        after = page.partition("&amp;after=")[2].partition('"')[0]
        path = f"/jobs/?after={after}"
    assert pages == [[made[3], made[4]], [made[1], made[2]], [made[0]]]
    assert after == "", "the last page leads nowhere"
    text(ada, "/jobs/?after=nonsense", 404)


def test_a_search_that_takes_too_long_is_given_up(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    make_job(2000)
    monkeypatch.setattr(jobs_view, "SEARCH_MS", 1)
    page = text(ada, "/jobs/?q=nothing-has-this-name")
    assert "too much to look through" in page or "No job matches" in page
    assert text(ada, "/jobs/"), "and the connection is as before"


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_jobs_page_asks_as_little_for_ten_thousand_images(ada: Browser, queries: Queries, size: int) -> None:
    job = make_job(size)
    settle(job, completed=min(size, 200))
    text(ada, f"/jobs/{job.job_id}/")
    before = queries()
    page = text(ada, f"/jobs/{job.job_id}/")
    assert queries() - before == 3, "the user, the job, a page of its images"
    assert page.count('class="tile"') == min(size, jobs_view.IMAGES)
    assert len(page) < 250_000


@pytest.mark.parametrize("jobs", [1, 20])
def test_the_history_asks_as_little_for_many_jobs(ada: Browser, queries: Queries, jobs: int) -> None:
    for _ in range(jobs):
        settle(make_job(5), completed=4)
    text(ada, "/jobs/")
    before = queries()
    page = text(ada, "/jobs/")
    assert queries() - before == 3, "the user, the jobs, their first pictures"
    assert page.count("<img src=") == 4 * jobs + 1


@pytest.mark.parametrize(("path", "most"), [("/keys/", 2), ("/operation/", 4), ("/jobs/new/", 1), ("/account/", 1)])
def test_other_pages_ask_as_little(operator: Browser, queries: Queries, path: str, most: int) -> None:
    for number in range(20):
        api_keys.create(tenant="acme", name=f"key {number}")
    settle(make_job(30), completed=20, failed=10)
    text(operator, path)
    before = queries()
    text(operator, path)
    assert queries() - before == most


def test_the_light_box_asks_as_little(ada: Browser, queries: Queries) -> None:
    job = make_job(50)
    settle(job, completed=50)
    image = Image.objects.get(job=job, position=25)
    before = queries()
    page = text(ada, f"/jobs/{job.job_id}/images/{image.pk}/")
    assert queries() - before == 4, "the user, the image with its job, and its two neighbours"
    for position in (24, 26):
        assert str(Image.objects.get(job=job, position=position).pk) in page


def test_reasons_and_verdicts_are_told_in_words(ada: Browser) -> None:
    job = make_job(3)
    settle(job, completed=1, failed=1, code="truncated")
    Image.objects.filter(job=job, position=0).update(verdict="suspect", evidence=["the frame is constant"])
    page = text(ada, f"/jobs/{job.job_id}/")
    assert "The end of the file is missing." in page
    assert "Look at it: the frame is constant" in page
    assert "Waiting" in page
    failed = Image.objects.get(job=job, position=1)
    large = text(ada, f"/jobs/{job.job_id}/images/{failed.pk}/")
    assert "Copy it from the card again" in large
    assert "strip 3 ends early" in large


def test_what_customers_call_their_files_is_text_and_nothing_else(ada: Browser) -> None:
    job = make_job(1, name='"><script>alert(1)</script>.dng')
    settle(job, completed=1)
    image = Image.objects.get(job=job)
    for path in (f"/jobs/{job.job_id}/", f"/jobs/{job.job_id}/images/{image.pk}/", "/jobs/?q=%22%3E%3Cscript%3E"):
        assert "<script>alert" not in text(ada, path)


def test_only_what_is_shown_of_a_job_that_goes_is_sent_again(ada: Browser) -> None:
    job = make_job(2)
    part = ada.get(f"/jobs/{job.job_id}/", headers={"X-Part": "live"}).content.decode()
    assert "<html" not in part
    assert part.count('class="tile"') == 2
    failed = ada.get(f"/jobs/{job.job_id}/?show=failed", headers={"X-Part": "live"}).content.decode()
    assert 'class="tile"' not in failed


def test_failed_images_are_retried_and_nothing_else(ada: Browser, service: WebConfig) -> None:
    queue = Queue(Clients(region=service.region).sqs, service.queue_url)
    _empty(queue)
    job = make_job(5)
    settle(job, completed=3, failed=2)
    assert ada.submit(f"/jobs/{job.job_id}/retry/")["Location"] == f"/jobs/{job.job_id}/"
    job.refresh_from_db()
    assert (job.status, job.images_completed, job.images_failed, job.settled_at) == ("processing", 3, 0, None)
    assert Image.objects.filter(job=job, status="pending", enqueued_at__isnull=False, error_code=None).count() == 2
    assert len(_empty(queue)) == 2


def test_a_cancelled_job_is_not_retried(ada: Browser) -> None:
    job = make_job(2)
    transitions.cancel(job.job_id)
    ada.submit(f"/jobs/{job.job_id}/retry/")
    job.refresh_from_db()
    assert (job.status, job.images_failed) == ("cancelled", 2)


def test_a_job_is_cancelled(ada: Browser) -> None:
    job = make_job(2)
    ada.submit(f"/jobs/{job.job_id}/cancel/")
    job.refresh_from_db()
    assert job.status == "cancelled"


def test_a_key_is_shown_once_and_belongs_to_the_tenant(ada: Browser) -> None:
    made = ada.submit("/keys/", {"name": "importer", "days": "30"}).content.decode()
    token = made.partition('id="token">')[2].partition("<")[0]
    assert api_keys.authenticate(token) == api_keys.Principal(tenant="acme", key_prefix=token.split("_")[1])
    assert token not in text(ada, "/keys/")
    key = ApiKey.objects.get()
    assert key.expires_at is not None


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
def test_a_key_needs_a_name(ada: Browser, name: str) -> None:
    assert ada.submit("/keys/", {"name": name}).status_code == 400
    assert not ApiKey.objects.exists()


def test_a_key_is_rotated_and_revoked(ada: Browser) -> None:
    old = api_keys.create(tenant="acme", name="importer")
    page = ada.submit(f"/keys/{old.prefix}/rotate/").content.decode()
    new = page.partition('id="token">')[2].partition("<")[0]
    assert api_keys.authenticate(new) is not None
    assert api_keys.authenticate(old.token) is not None, "for another day"
    ada.submit(f"/keys/{old.prefix}/revoke/")
    assert api_keys.authenticate(old.token) is None
    assert ada.submit(f"/keys/{old.prefix}/revoke/").status_code == 404


def test_the_operator_sees_failures_by_reason_and_workers(operator: Browser) -> None:
    settle(make_job(10), completed=6, failed=3, code="timed_out")
    settle(make_job(2, tenant="rival"), failed=1, code="damaged")
    page = text(operator, "/operation/")
    assert "timed_out" in page
    assert "damaged" in page
    assert "<code>w/1</code>" in page


def test_the_operators_page_works_while_the_queue_does_not_answer(
    operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.aws.errors import AwsError

    def gone(_self: Queue) -> None:
        raise AwsError("gone")

    monkeypatch.setattr(Queue, "depth", gone)
    assert "does not answer" in text(operator, "/operation/")


def test_dead_letters_are_listed_and_redriven(operator: Browser, service: WebConfig) -> None:
    sqs = Clients(region=service.region).sqs
    queue, letters = Queue(sqs, service.queue_url), Queue(sqs, service.dead_letter_queue_url)
    for each in (queue, letters):
        _empty(each)
    job = make_job(2)
    settle(job, failed=2, code="store_failed")
    images = list(Image.objects.filter(job=job).order_by("position"))
    for image in images:
        body = json.dumps({"job_id": str(job.job_id), "image_id": str(image.pk)})
        letters.send(body, attributes={"reason_code": "store_failed"})
    page = text(operator, "/operation/dead-letters/")
    assert page.count('name="letter"') == 2
    assert "The result could not be stored." in page
    first = page.partition('name="letter" value="')[2].partition('"')[0]
    done = operator.submit("/operation/dead-letters/redrive/", {"letter": first})
    assert done["Location"].endswith("?sent=1&stale=0&left=0")
    assert "1 sent again" in text(operator, done["Location"])
    assert Image.objects.filter(job=job, status="pending").count() == 1
    operator.submit("/operation/dead-letters/redrive/", {"code": "store_failed"})
    assert Image.objects.filter(job=job, status="pending").count() == 2
    with looked_at(letters) as left:
        assert left == []
    assert len(_empty(queue)) == 2


def test_every_reason_and_status_has_words() -> None:
    from processor.errors import ReasonCode
    from processor.types import Verdict
    from service.jobs.models import ImageStatus, JobStatus
    from service.jobs.reasons import ServiceReason

    assert set(words.REASONS) == set(ReasonCode) | set(ServiceReason)
    assert set(words.VERDICTS) == set(Verdict)
    assert set(words.JOB_STATUS) == set(JobStatus)
    assert set(words.IMAGE_STATUS) == {*ImageStatus, "missing"}


def test_a_user_of_no_consequence_is_not_logged_with_a_password(
    make_user: Callable[..., User], caplog: pytest.LogCaptureFixture
) -> None:
    user = make_user(f"ada-{uuid4().hex[:8]}@acme.test")
    Browser().sign_in(user.email, "my secret pass phrase")
    assert "my secret pass phrase" not in caplog.text


def _empty(queue: Queue) -> list[Any]:
    found = []
    while messages := queue.receive(wait_s=0):
        for message in messages:
            queue.delete(message)
            found.append(message)
    return found
