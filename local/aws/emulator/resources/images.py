"""Machine images: the public parameters that name them exist on AWS only, and no machine is ever made from one."""

from ministack.services import ssm

PUBLIC_PREFIX = "/aws/service/"
_IMAGE = "ami-0123456789abcdef0"


def install() -> None:
    """Answer a public parameter that names an image with an image id; every other name as before."""
    stock = ssm.resolve_parameter_value

    def resolve(name: str, version: str | None = None, decrypt: bool = False) -> str | None:
        value: str | None = stock(name, version, decrypt)
        if value is None and name.startswith(PUBLIC_PREFIX) and ("ami" in name or "image_id" in name):
            return _IMAGE
        return value

    ssm.resolve_parameter_value = resolve
