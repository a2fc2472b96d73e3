"""Every order of steps of the protocol, by spin: the whole of a small world, not a sample."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from variants import VARIANTS, Variant

MODEL = Path(__file__).with_name("protocol.pml")
REMEDY = "spin and a C compiler are needed: apt-get install spin gcc libc6-dev"
_ERRORS = re.compile(r"errors: (\d+)")
_STATES = re.compile(r"(\d+) states, stored")


def carried_out(folder: Path, *command: str) -> str:
    assert shutil.which(command[0]) or command[0].startswith("./"), REMEDY
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-800:]}{done.stderr[-800:]}"
    return done.stdout


def checked(folder: Path, variant: Variant) -> tuple[int, int]:
    """How many errors were found, and in how many states."""
    switches = [f"-D{switch}" for switch in variant.switches]
    carried_out(folder, "spin", "-a", *switches, str(MODEL))
    carried_out(
        folder, "cc", "-O2", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=3000", "-o", "pan", "pan.c"
    )
    told = carried_out(folder, "./pan", "-m1000000")
    assert "max search depth too small" not in told
    errors, states = _ERRORS.search(told), _STATES.search(told)
    assert errors is not None, told[-800:]
    assert states is not None, told[-800:]
    return int(errors[1]), int(states[1])


def test_every_switch_of_the_model_is_told_of() -> None:
    """A guard that can be taken away is taken away."""
    named = {switch for variant in VARIANTS for switch in variant.switches if "=" not in switch}
    in_model = set(re.findall(r"^#ifn?def ([A-Z_]+)$", MODEL.read_text(), re.MULTILINE))
    sizes = {"RUNNERS", "CRASHES", "LAPSES", "TOKENS", "SERVICE"}
    assert named == in_model - sizes
    assert len([variant for variant in VARIANTS if not variant.holds]) >= 11


@pytest.mark.prove("model of the protocol", whole=True)
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_protocol_holds_and_each_broken_one_breaks(variant: Variant, tmp_path: Path) -> None:
    errors, states = checked(tmp_path, variant)
    print(f"{variant.name}: {states} states")
    if variant.holds:
        assert errors == 0, f"{variant.story}: broken"
        assert states > 10_000
    else:
        assert errors > 0, f"{variant.story}: nobody noticed in {states} states"
