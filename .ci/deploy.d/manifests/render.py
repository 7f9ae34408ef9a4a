"""Builds every kustomization under a folder into one file each. A component builds only with what uses it, so that an
example has to."""

import pathlib
import subprocess
import sys

import yaml

root, rendered = (pathlib.Path(argument) for argument in sys.argv[1:])
folders = {path.parent.resolve(): yaml.safe_load(path.read_text()) for path in root.rglob("kustomization.yaml")}
misnamed = [str(path) for name in ("kustomization.yml", "Kustomization") for path in root.rglob(name)]


def uses(folder):
    """The kustomizations that one is made of, itself among them."""
    content = folders.get(folder, {})
    parts = [(folder / part).resolve() for part in content.get("resources", []) + content.get("components", [])]
    return {folder}.union(*(uses(part) for part in parts if part in folders))


components = {folder for folder, content in folders.items() if content.get("kind") == "Component"}
examples = {folder for folder in folders if (root / "examples").resolve() in folder.parents}
unused = set(folders) - set().union(*(uses(example) for example in examples))
if not examples or misnamed or unused:
    sys.exit(f"no examples, misnamed: {misnamed}, or used by no example: {sorted(map(str, unused))}")

for folder in sorted(set(folders) - components):
    name = folder.relative_to(root.resolve())
    built = subprocess.run(["kubectl", "kustomize", folder], stdout=subprocess.PIPE)
    if built.returncode:
        sys.exit(f"{folder} does not build")
    path = rendered / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(built.stdout)
    print(f"built {name}")
