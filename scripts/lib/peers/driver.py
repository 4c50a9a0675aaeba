"""Microsoft's ODBC driver, and its BCP as the judges drive it."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "judge"))
from bcp import Bcp, path  # noqa: E402, F401
