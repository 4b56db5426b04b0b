"""The guide, built as `make guide` builds it."""

from pathlib import Path

import pytest

from paytrust.localstack import image


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that PayTrust serves from its root; the guide is in `guide/`."""
    root = tmp_path_factory.mktemp("site")
    image.build_guide(root / "guide")
    return root
