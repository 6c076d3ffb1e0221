"""Calls of public methods: parameters validated, wrong arguments said in users' words."""

from __future__ import annotations

import difflib
import inspect
from functools import wraps
from numbers import Real
from typing import Any

from sklearn.base import _fit_context

from .typing import Method

_VALIDATION = "Validation data are X_val and y_val of fit, with early_stopping=True."
_CALLBACKS = "Callbacks are those of scikit-learn: set_callbacks, from its version 1.9 on."

OTHER_NAMES = {
    **dict.fromkeys(("eval_set", "validation_data", "X_valid", "eval_X"), _VALIDATION),
    **dict.fromkeys(
        ("epochs", "n_epochs", "num_epochs", "max_epochs", "n_iter", "n_estimators"),
        "The number of epochs is max_iter.",
    ),
    **dict.fromkeys(("lr", "eta", "eta0"), "The learning rate is learning_rate_init."),
    **dict.fromkeys(("seed", "random_seed"), "The seed is random_state."),
    **dict.fromkeys(
        ("weight_decay", "l2", "C", "reg_lambda"), "The strength of the penalty is alpha."
    ),
    **dict.fromkeys(
        ("layers", "hidden_layers", "hidden_units", "n_hidden", "layer_sizes"),
        "The widths of the layers are hidden_layer_sizes.",
    ),
    **dict.fromkeys(("patience", "early_stopping_rounds"), "It is n_iter_no_change here."),
    **dict.fromkeys(("optimizer", "optim"), "The optimizer is solver."),
    **dict.fromkeys(("callbacks", "callback"), _CALLBACKS),
    "loss": "The loss of a regressor is the squared error.",
    "n_jobs": "A fit takes the threads of torch: torch.set_num_threads.",
}
"""What an argument of other packages is called here."""


OTHER_VALUES: dict[str, dict[Any, str]] = {
    "activation": {
        **dict.fromkeys(("sigmoid", "expit"), "It is 'logistic' here."),
        **dict.fromkeys((None, "linear", "none"), "It is 'identity' here."),
    },
    "learning_rate": dict.fromkeys(
        ("adaptive", "invscaling"), "MLPClassifier's {value!r} is not there."
    ),
}
"""What a value of other packages is called here."""


def advice_on_values(parameters: dict[str, Any], error: str) -> str:
    """Say what is meant by the value of a parameter that was refused, if that is known.

    Parameters
    ----------
    parameters : dict of str to object
        Those of the estimator.
    error : str
        What scikit-learn says of one of them.

    Returns
    -------
    str
        A sentence after a space, or nothing.
    """
    for name, value in parameters.items():
        if f"The {name!r} parameter" not in error:
            continue
        if name == "learning_rate" and isinstance(value, Real):
            return f" It is the schedule; the rate itself is learning_rate_init={value!r}."
        if isinstance(value, str | None):
            advice = OTHER_VALUES.get(name, {}).get(value, "").format(value=value)
            return f" {advice}" if advice else ""
    return ""


def explained(method: Method) -> Method:
    """Have a call with wrong arguments name the estimator, and say what is meant if known.

    Python names the class in which a method happens to be written, which may be a mixin.

    Parameters
    ----------
    method : function
        A public method, or ``__init__``.

    Returns
    -------
    function
        The same, with other errors.
    """
    signature = inspect.signature(method)
    n_needed = sum(
        parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        for parameter in signature.parameters.values()
    )

    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != n_needed - 1:
            try:
                signature.bind(self, *args, **kwargs)
            except TypeError as error:
                name = type(self).__name__
                if method.__name__ != "__init__":
                    name += f".{method.__name__}"
                wrong = next(
                    (each for each in kwargs if each not in signature.parameters), ""
                )
                raise TypeError(
                    f"{name}() {error}.{_advice(wrong, list(signature.parameters))}"
                ) from None
        return method(self, *args, **kwargs)

    return call  # type: ignore[return-value]


def fitting(method: Method) -> Method:
    """Validate the parameters of an estimator before a method that trains it."""
    return explained(_fit_context(prefer_skip_nested_validation=True)(method))


def fitting_another(method: Method) -> Method:
    """Do what `fitting` does, and let the estimator inside validate its own parameters."""
    return explained(_fit_context(prefer_skip_nested_validation=False)(method))


def _advice(wrong: str, known: list[str]) -> str:
    """Say what is meant by the name of an argument, if that can be guessed."""
    if wrong in OTHER_NAMES:
        return f" {OTHER_NAMES[wrong]}"
    near = difflib.get_close_matches(wrong, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
