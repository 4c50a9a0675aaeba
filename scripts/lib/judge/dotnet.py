"""Starts .NET Core in this process and makes Microsoft's assemblies loadable; imported before them.

The environment is set by scripts/judge: JUDGE_HOME, and where OpenSSL and ICU are."""
import os
import sys

import pythonnet
from clr_loader import get_coreclr

HOME = os.environ["JUDGE_HOME"]
pythonnet.set_runtime(get_coreclr(runtime_config=f"{HOME}/runtime.json", dotnet_root=f"{HOME}/dotnetcore2/bin"))
import clr  # noqa: E402  after the runtime is set

sys.path.append(f"{HOME}/mssqlcli/mssqltoolsservice/bin")


def load(*assemblies):
    for assembly in assemblies:
        clr.AddReference(assembly)
