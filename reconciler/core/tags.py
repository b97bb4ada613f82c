"""tags: the labels by which osvc knows again what it made inside an engine, and those that are left to users."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator

from reconciler.core.values import PAIRS_INPUT, to_pairs

SERVICE: Final = "osvc.service"
RID: Final = "osvc.rid"
STORE: Final = "osvc.store"
"""The uuid of the state folder that owns it: on an engine that several may use."""
_OURS: Final = "osvc."


def tags(service: str, rid: str, store: str) -> dict[str, str]:
    """What is written on what a resource makes. store: "" for none yet."""
    return {SERVICE: service, RID: rid} | ({STORE: store} if store else {})


def belongs(labels: Mapping[str, str], service: str, rid: str, store: str | None) -> bool:
    """Whether labels are the resource's. store: None on a private engine, where the data root decides."""
    mine = labels.get(SERVICE) == service and labels.get(RID) == rid
    return mine and (store is None or labels.get(STORE, "") == store)


def others(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that a user gave, sorted."""
    return {name: labels[name] for name in sorted(labels) if not name.startswith(_OURS)}


def to_labels(value: Any) -> dict[str, str]:
    """Labels that a user gives, sorted by name. Raises ValueError for one of osvc's own."""
    pairs = to_pairs(value)
    for name in pairs:
        if name.startswith(_OURS):
            raise ValueError(f"label {name!r} is osvc's own; choose another name")
    return pairs


Labels: TypeAlias = Annotated[dict[str, str], BeforeValidator(to_labels, json_schema_input_type=PAIRS_INPUT)]
