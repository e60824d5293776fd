"""What the console says, in both languages."""

from typing import Any

import pytest
from django.utils import translation

from service.config import WebConfig
from service.console import words
from tests.console import catalogue
from tests.service.console.conftest import Browser


def ids(found: Any) -> set[Any]:
    return {message.id for message in found if message.id}


def test_the_korean_is_complete_and_has_nothing_that_nobody_says(service: WebConfig) -> None:
    said, known = ids(catalogue.said()), ids(catalogue.known())
    assert said - known == set(), "run `make console-words` and translate"
    assert known - said == set(), "run `make console-words`"
    assert [message.id for message in catalogue.known() if message.id and (not message.string or message.fuzzy)] == []


def test_every_placeholder_is_in_the_korean_too(service: WebConfig) -> None:
    import re

    for message in catalogue.known():
        if message.id:
            places = [sorted(re.findall(r"%\(\w+\)s|\{\w+\}|%%", str(text))) for text in (message.id, message.string)]
            assert places[0] == places[1], message.id


def test_the_compiled_catalogue_is_that_of_the_sentences() -> None:
    assert catalogue.MO.read_bytes() == catalogue.compiled(catalogue.known()), "run `make console-words`"


def test_pages_are_korean_for_korean_readers(ada: Browser) -> None:
    page = ada.get("/keys/", headers={"Accept-Language": "ko"}).content.decode()
    assert "API 키" in page
    assert "Make a key" not in page
    with translation.override("ko"):
        assert str(words.REASONS["truncated"].what) == "파일의 끝부분이 없습니다."


@pytest.mark.parametrize("language", ["ko", "en"])
def test_programs_are_answered_in_english(ada: Browser, language: str) -> None:
    answer = ada.get("/v1/nothing", headers={"Accept-Language": language, "Accept": "*/*"})
    assert answer.json()["title"] == "There is no such thing"
