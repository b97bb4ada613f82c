"""render: a service as a spec would say it: the way back from models to keywords, for what keeps a service without its file.

Aliases, references, run_args and inherited keywords have become plain keywords; comments and what has its default are left out.
"""

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.core.ids import group_of
from reconciler.core.model import Model
from reconciler.core.rules import keywords_of
from reconciler.core.service import Service
from reconciler.spec.vocabulary import HEAD, said_type


def render(service: Service, dump: Callable[[Model], Mapping[str, Any]]) -> dict[str, Any]:
    """The spec, as YAML data: loading it for the same node gives the same models.

    dump: a model as JSON data; what it leaves out has its default, and what it hides stays hidden.
    """
    own: dict[str, Any] = {"name": service.name}
    own |= {key: word for key, word in (("env", service.env), ("app", service.app), ("comment", service.comment)) if word}
    own |= {} if service.rollback else {"rollback": False}
    resources: dict[str, Any] = {}
    for rid, resource in service.resources.items():
        keywords = keywords_of(type(resource.desired))
        said = {name: value for name, value in dump(resource.desired).items() if not keywords[name].internal}
        own |= {name: value for name, value in said.items() if name in HEAD or "#" not in rid}
        if "#" in rid:
            word = said_type(group_of(rid), resource.type)
            first = {"type": word} if word else {}
            last = {"subset": resource.subset} if resource.subset else {}
            resources[rid] = {
                **first,
                **{name: value for name, value in said.items() if name not in HEAD},
                **dump(resource.common),
                **last,
            }
        else:
            own |= dump(resource.common)
    subsets = {"subsets": {name: {"parallel": True} for name in sorted(service.parallel)}} if service.parallel else {}
    return {**own, **({"resources": resources} if resources else {}), **subsets}
