"""Hold each object in deploy/kubernetes to Kubernetes's own schema: `make check-kubernetes`.

The schemas come with the package kubernetes-validate, so nothing is asked from outside. The kinds
of CloudNativePG have none there: those are named and left out.
"""

import sys
from pathlib import Path

import kubernetes_validate  # type: ignore[import-not-found]  # in an environment of its own
import yaml

FOLDER = Path(__file__).parent / "kubernetes"
VERSION = "1.34"
WITHOUT_SCHEMA = ("postgresql.cnpg.io/", "kustomize.config.k8s.io/")


def main() -> int:
    """Print what is wrong and return 1, or 0 if nothing is."""
    checked, left_out, wrong = 0, 0, 0
    for path in sorted(FOLDER.rglob("*.yaml")):
        for one in yaml.safe_load_all(path.read_text()):
            if one["apiVersion"].startswith(WITHOUT_SCHEMA):
                left_out += 1
                continue
            checked += 1
            try:
                kubernetes_validate.validate(one, VERSION, strict=True)
            except kubernetes_validate.ValidationError as error:
                wrong += 1
                name = f"{one['kind']} {one['metadata']['name']}"
                sys.stdout.write(f"{path.name}: {name}: {error.message}\n")
    sys.stdout.write(
        f"{checked - wrong} of {checked} objects hold to Kubernetes {VERSION};"
        f" {left_out} have no schema.\n"
    )
    return 1 if wrong or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
