"""register: registers the model with all that explains it, and brings the champion's bundle to models/champion.

The receipt models/registered.json says which inputs are registered: where it is missing (a fresh clone) or tells of
others, DVC runs this stage. The store is the project's own, in the temporary copy of `dvc exp run --temp` too.
`python -m pipelines.register --champion` registers nothing and only brings the champion's bundle (`make champion`).
"""

import pathlib
import sys

from pipelines.stage import run
from promotion_gate import bundle, params
from promotion_gate.registry.promotion import resolve_champion
from promotion_gate.registry.register import register
from promotion_gate.registry.store import project_root, store_at
from promotion_gate.reporting import json_text


def main() -> None:
    read = params.load()
    root = project_root()
    store = store_at(root)
    if "--champion" not in sys.argv[1:]:
        done = register(pathlib.Path(), read, store)
        print(f"registered {done.version}: {done.verdict}")
        print(f"its review is stored with its run, SHA-256 {done.review:.12}; see it: `promotion-gate review`")
        json_text.write(pathlib.Path("models/registered.json"), done.inputs)
    champion = bundle.read_manifest(resolve_champion(root / "models", read.register_.model, store))
    print(f"champion {champion.model_version}, policy {champion.policy_version}, data {champion.data_hash:.12}")


if __name__ == "__main__":
    run(main)
