"""svcmgr print config: a spec as it is read on this node: scopes chosen, references filled in, older spellings replaced."""

from __future__ import annotations

import argparse

from reconciler.cli.display import say
from reconciler.cli.exits import Exit
from reconciler.cli.failures import Told
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of
from reconciler.cli.specs import refuse_invalid
from reconciler.core.secrets import HIDDEN
from reconciler.core.service import Service
from reconciler.engine.casefile import yaml_text
from reconciler.engine.codec import Codec
from reconciler.engine.config import Config, read_config
from reconciler.engine.session import Session
from reconciler.spec.render import render


class _Hiding(Codec):
    """Writes models without what is secret in them."""

    def mark(self, value: str) -> str:
        return HIDDEN


def run(options: argparse.Namespace) -> Exit:
    """Show each spec as YAML."""
    config = read_config()
    globs = globs_of(options)
    with Session.open(config, write=False) as session:
        loaded = known_specs(session, config, globs)
        if refuse_invalid(loaded, globs):
            raise Told(Exit.INVALID)
        targets = session.targets(loaded, globs)
    say("\n".join(_text(target.service, target.name, target.source, config) for target in targets))
    return Exit.OK


def _text(service: Service | None, name: str, source: str, config: Config) -> str:
    if service is None:
        return f"# {name}: its spec {source} is gone\n"
    here = "" if service.here else f"; {service.goal.reason}"
    return f"# {source}, as {config.node} reads it{here}\n{yaml_text(render(service, _Hiding(b'', brief=True).dump))}"
