"""What both OpenAI backends share: the SDK's client, and OpenAI's own words for troubles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bydawn.backends.managed.troubles import Row
from bydawn.backends.managed.vendor import Vendor, VendorBackend
from bydawn.core.sightings import FailureClass

_TRANSIENT, _PERMANENT = FailureClass.TRANSIENT, FailureClass.PERMANENT
_AUTH, _HELD = FailureClass.AUTH, FailureClass.HELD

OPENAI = Vendor(
    package="openai",
    module="openai",
    extra="openai",
    keys=("OPENAI_API_KEY",),
    base_urls=("OPENAI_BASE_URL",),
    rows=(
        Row(429, _AUTH, "billing", ("insufficient_quota",)),
        Row(429, _AUTH, "billing", ("billing",)),
        Row(429, _AUTH, "billing", ("spend_limit",)),
    ),
)

# What a response or a turn that failed says of itself; whatever is not here is tried again.
KINDS: Mapping[str, FailureClass] = {
    "invalid_prompt": _PERMANENT,
    "data_residency_mismatch": _PERMANENT,
    "bio_policy": _PERMANENT,
    "cyber_policy": _PERMANENT,
    "misalignment_policy_violation": _PERMANENT,
    "invalid_image": _PERMANENT,
    "invalid_image_format": _PERMANENT,
    "invalid_base64_image": _PERMANENT,
    "invalid_image_url": _PERMANENT,
    "image_too_large": _PERMANENT,
    "image_too_small": _PERMANENT,
    "image_parse_error": _PERMANENT,
    "image_content_policy_violation": _PERMANENT,
    "invalid_image_mode": _PERMANENT,
    "image_file_too_large": _PERMANENT,
    "unsupported_image_media_type": _PERMANENT,
    "empty_image_file": _PERMANENT,
    "image_file_not_found": _PERMANENT,
    "context_length_exceeded": _PERMANENT,
    "max_output_tokens": _PERMANENT,
    "invalid_request": _PERMANENT,
    "resource_not_found": _PERMANENT,
    "executor_version_incompatible": _PERMANENT,
    "active_turn_not_steerable": _PERMANENT,
    "authentication_error": _AUTH,
    "billing_not_active": _AUTH,
    "credit_balance_exhausted": _AUTH,
    "usage_limit_exceeded": _AUTH,
    "project_spend_limit_exceeded": _AUTH,
    "organization_spend_limit_exceeded": _AUTH,
    "organization_usage_limit_exceeded": _AUTH,
    "rate_limit_exceeded": _HELD,
}


class OpenAIBackend(VendorBackend):
    """Has the client of the OpenAI SDK."""

    vendor = OPENAI

    def open_client(self, key: str, base_url: str | None, http: Any) -> Any:
        import openai

        return openai.OpenAI(**self.client_terms(key, base_url, http))

    def questions(self, model: str | None) -> Iterator[Callable[[Any], Any]]:
        if model:
            yield lambda it: it.models.with_raw_response.retrieve(model)
        else:
            yield lambda it: it.models.with_raw_response.list()
