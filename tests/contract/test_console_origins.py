"""What pages of the console may do with the buckets: the same on one machine as in a deployment."""

from collections.abc import Callable
from typing import Any

import pytest

from local import console
from tests.stacks.template import Template

TemplateOf = Callable[[str, str], Template]


@pytest.mark.parametrize(("bucket", "local"), [("UploadsBucket", console.UPLOADS), ("ResultsBucket", console.RESULTS)])
def test_the_local_buckets_have_the_rules_of_the_deployed_ones(
    template_of: TemplateOf, bucket: str, local: dict[str, Any]
) -> None:
    (resource,) = [
        each for name, each in template_of("Data", "prod").all("AWS::S3::Bucket").items() if name.startswith(bucket)
    ]
    (rule,) = resource["CorsConfiguration"]["CorsRules"]
    deployed = {
        "AllowedMethods": rule["AllowedMethods"],
        "AllowedHeaders": rule["AllowedHeaders"],
        "ExposeHeaders": rule["ExposedHeaders"],
        "MaxAgeSeconds": rule["MaxAge"],
    }
    assert deployed == {name: value for name, value in local.items() if name != "AllowedOrigins"}
