"""Where the recipes and the trained generators are: at the top of a checkout, or inside the installed package."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def shipped(in_package: str, in_checkout: str) -> Path:
    """The folder `in_package` inside the package if it exists, otherwise `in_checkout` at the top of the checkout."""
    inside = PACKAGE / in_package
    return inside if inside.is_dir() else PACKAGE.parent / in_checkout


def recipes_folder() -> Path:
    """The folder of recipes, zoo_configs/<model>/<preset>.toml."""
    return shipped("zoo_configs", "zoo_configs")


def pretrained_folder() -> Path:
    """The folder of trained generators, export/<name>/<version>/, as TF Serving lays them out."""
    return shipped("pretrained", "export")
