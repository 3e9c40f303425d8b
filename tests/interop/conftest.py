"""Fixtures: a laboratory for each test, everything in it real."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "lab"))

from gateway import Settings  # noqa: E402
from lab import Lab, reserve_hugepages  # noqa: E402

PSK_USER, PSK = "branch.lab.example", "a pre-shared key of the lab"


@pytest.fixture
def lab_with(tmp_path):
    """Call it with the Settings of this test (and whether to start everything); it gives a running Lab."""
    labs = []

    def make(settings: Settings | None = None, start: bool = True) -> Lab:
        reserve_hugepages()
        settings = settings or Settings()
        settings.psk_users.setdefault(PSK_USER, PSK)
        lab = Lab(tmp_path / "lab", settings, prefix="pci").__enter__()
        labs.append(lab)
        lab.radius.set_user("alice", 'Cleartext-Password := "wonderland"')
        lab.radius.set_user("carol@lab.example", 'Cleartext-Password := "cisco"')
        lab.radius.set_user(PSK_USER, 'Cleartext-Password := "cisco"')
        if start:
            lab.radius.start()
            lab.gateway.start()
        return lab

    yield make
    for lab in labs:
        lab.close()
