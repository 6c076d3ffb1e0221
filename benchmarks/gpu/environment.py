"""Write what a machine is: its GPU, its processor, and the versions of what is used."""

import json
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).parents[1] / "speed"))

from harness import environment

PACKAGES = ("pandas", "joblib", "safetensors", "pytest", "matplotlib")


def main(folder):
    """Write it, and print it."""
    facts = environment(torch.get_num_threads())
    facts["system"] = platform.platform()
    for package in PACKAGES:
        try:
            facts["versions"][package] = version(package)
        except PackageNotFoundError:
            facts["versions"][package] = "not installed"
    facts["cuda"] = torch.version.cuda
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        facts["gpu"] = {
            "name": properties.name,
            "memory": properties.total_memory,
            "multiprocessors": properties.multi_processor_count,
            "driver": _driver(),
        }
    text = json.dumps(facts, indent=1)
    (Path(folder) / "environment.json").write_text(text + "\n")
    print(text)


def _driver():
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return "not known"


if __name__ == "__main__":
    main(sys.argv[1])
