"""A Python environment with PyTorch, which scripts share."""

import os
import subprocess
import sys
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVIRONMENT = f"{ROOT}/.build/pytorch"
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"


def install(environment, torch, *others):
    """Creates the environment. PyTorch's own index has a build without CUDA, which is smaller than that of PyPI."""
    command = [f"{environment}/bin/pip", "install", torch, *others]
    try:
        urllib.request.urlopen(f"{CPU_BUILDS}/torch/", timeout=10).close()
        command += ["--extra-index-url", CPU_BUILDS]
    except OSError as error:
        print(f"{CPU_BUILDS} cannot be reached ({error}): the build of the default index may include CUDA, several GB")
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run(command, check=True)
