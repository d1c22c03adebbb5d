"""A deprecated call from our own code fails its test; one that a library makes does not."""

import pytest
from tensorflow.python.util import deprecation

CALL = """
def library():
    import warnings
    warnings.warn("use something else", {category}, stacklevel=2)
library()
"""


def call_from(module, code, **names):
    """Runs code as if it stood in a module."""
    exec(compile(code, f"/somewhere/{module.replace('.', '/')}.py", "exec"), {"__name__": module, **names})


@pytest.mark.parametrize("module", ["tfgan_zoo.core.game", "benchmarks.zoo", "test_zoo", "conftest"])
@pytest.mark.parametrize("category", [DeprecationWarning, PendingDeprecationWarning])
def test_a_deprecated_call_of_ours_is_an_error(module, category):
    with pytest.raises(category, match="use something else"):
        call_from(module, CALL.format(category=category.__name__))


@pytest.mark.parametrize("category", ["DeprecationWarning", "PendingDeprecationWarning"])
def test_a_deprecated_call_of_a_library_is_not(category):
    call_from("keras.src.layers", CALL.format(category=category))


def test_a_call_that_tensorflow_logs_as_deprecated_is_an_error_where_it_is_ours():
    def deprecated():
        return deprecation.deprecated("2099-01-01", "use something else")(lambda: 1)

    with pytest.raises(DeprecationWarning, match="use something else"):
        call_from("tfgan_zoo.core.game", "call()", call=deprecated())
    call_from("keras.src.layers", "call()", call=deprecated())
