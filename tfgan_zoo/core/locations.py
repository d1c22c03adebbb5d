"""Where the recipes and the trained generators lie: at the top of a checkout, or inside the installed package."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def shipped(in_package, in_checkout):
    """The folder called `in_package` inside the package, or `in_checkout` at the top of the checkout."""
    inside = PACKAGE / in_package
    return inside if inside.is_dir() else PACKAGE.parent / in_checkout


def recipes_folder():
    """zoo_configs: <model>/<preset>.toml."""
    return shipped("zoo_configs", "zoo_configs")


def pretrained_folder():
    """export: <name>/<version>/, TF Serving's layout."""
    return shipped("pretrained", "export")
