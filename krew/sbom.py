"""Puts the release's version into an SBOM, and takes the folder out that it was made in: sbom.py FOLDER VERSION < IN > OUT"""

import json
import sys

folder, version = sys.argv[1:]


def without_folder(value):
    if isinstance(value, dict):
        return {key: without_folder(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_folder(item) for item in value]
    return value.replace(folder, "") if isinstance(value, str) else value


document = without_folder(json.load(sys.stdin))
plugin = document["metadata"]["component"]
for component in [plugin, *plugin["components"]]:
    component["version"] = version.removeprefix("v")
    # Not a crate of a registry, as the tool takes it for, but this repository's release.
    component["purl"] = f"pkg:github/kubectl-mesh/kubectl-mesh@{version}"
json.dump(document, sys.stdout, indent=2)
print()
