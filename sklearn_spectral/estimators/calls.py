"""Calls of public methods: parameters validated, wrong arguments said in users' words."""

from __future__ import annotations

import difflib
import inspect
from functools import wraps
from numbers import Real
from typing import Any

from sklearn.base import _fit_context

from .typing import Method

OTHER_NAMES = {
    **dict.fromkeys(
        ("epochs", "n_epochs", "num_epochs", "max_epochs", "n_iter", "n_estimators"),
        ("max_iter", "The number of epochs is max_iter."),
    ),
    **dict.fromkeys(
        ("lr", "eta", "eta0"),
        ("learning_rate_init", "The learning rate is learning_rate_init."),
    ),
    **dict.fromkeys(("seed", "random_seed"), ("random_state", "The seed is random_state.")),
    **dict.fromkeys(
        ("weight_decay", "l2", "reg_lambda"),
        ("alpha", "The strength of the penalty is alpha."),
    ),
    **dict.fromkeys(
        ("layers", "hidden_layers", "hidden_units", "n_hidden", "layer_sizes"),
        ("hidden_layer_sizes", "The widths of the layers are hidden_layer_sizes."),
    ),
    **dict.fromkeys(
        ("patience", "early_stopping_rounds"),
        ("n_iter_no_change", "It is n_iter_no_change here."),
    ),
    **dict.fromkeys(("optimizer", "optim"), ("solver", "The optimizer is solver.")),
    "n_jobs": ("solver", "A fit takes the threads of torch: torch.set_num_threads."),
}
"""What a parameter of others is called here: where there is the first, say the second."""

OF_FIT = {
    **dict.fromkeys(
        ("eval_set", "validation_data", "X_valid", "eval_X"),
        "Validation data are X_val and y_val of fit, with early_stopping=True.",
    ),
    **dict.fromkeys(
        ("callbacks", "callback"),
        "Callbacks are those of scikit-learn: set_callbacks, from its version 1.9 on.",
    ),
}
"""The same of arguments of ``fit``."""

OTHER_VALUES: dict[str, dict[Any, str]] = {
    "activation": {
        **dict.fromkeys(("sigmoid", "expit"), "It is 'logistic' here."),
        **dict.fromkeys((None, "linear", "none"), "It is 'identity' here."),
    },
    "loss": {
        **dict.fromkeys(
            ("mse", "l2", "squared_loss", "rmse"), "It is 'squared_error' here."
        ),
        **dict.fromkeys(("mae", "l1"), "It is 'absolute_error' here."),
        "pinball": "It is 'quantile' here.",
        **dict.fromkeys(
            ("cross_entropy", "crossentropy", "logloss", "binary_crossentropy"),
            "It is 'log_loss' here.",
        ),
    },
    "learning_rate": dict.fromkeys(
        ("adaptive", "invscaling"), "MLPClassifier's {value!r} does not exist here."
    ),
}
"""What a value of other packages is called here."""


def advice_on_values(parameters: dict[str, Any], error: str) -> str:
    """Say what is meant by a value of another package, if the error is about one."""
    for name, value in parameters.items():
        if f"The {name!r} parameter" not in error:
            continue
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if name == "learning_rate" and is_number:
            return f" It is the schedule; the rate itself is learning_rate_init={value!r}."
        if name == "activation" and isinstance(value, int | list | tuple):
            return f" Linear layers are given by name: linear_expansion={value!r}."
        if isinstance(value, str | None):
            advice = OTHER_VALUES.get(name, {}).get(value, "").format(value=value)
            return f" {advice}" if advice else ""
    return ""


def explained(method: Method) -> Method:
    """Have a call with wrong arguments name the estimator, and say what may be meant.

    Python names the class in which a method happens to be written, which may be a mixin.
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
                cls = self if isinstance(self, type) else type(self)
                name = method.__name__
                if _defines(cls, name, call):
                    shown = cls.__name__
                else:  # a subclass has its own, which calls this one
                    shown = method.__qualname__.split(".")[0]
                if name != "__init__":
                    shown += f".{name}"
                known = list(signature.parameters)
                wrong = next((each for each in kwargs if each not in known), "")
                advice = _advice(cls, name, wrong, known)
                if "too many positional" in str(error):
                    advice = (
                        f" By position it takes {' and '.join(_positional(signature))}."
                    )
                raise TypeError(f"{shown}() {error}.{advice}") from None
        return method(self, *args, **kwargs)

    return call  # type: ignore[return-value]


def fitting(method: Method) -> Method:
    """Validate the parameters of an estimator before a method that trains it."""
    return explained(_fit_context(prefer_skip_nested_validation=True)(method))


def fitting_another(method: Method) -> Method:
    """Do what `fitting` does, and let the estimator inside validate its own parameters."""
    return explained(_fit_context(prefer_skip_nested_validation=False)(method))


def _defines(cls: type, name: str, call: Any) -> bool:
    """Tell whether a call of a class's method by this name comes to ``call`` at once."""
    found = inspect.getattr_static(cls, name)
    while found is not None and found is not call:
        found = getattr(found, "__func__", getattr(found, "fn", None))
    return found is call


def _positional(signature: inspect.Signature) -> list[str]:
    """Name the arguments that may be given by position, without ``self``."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [name for name, each in signature.parameters.items() if each.kind is kind][1:]


def _advice(cls: Any, method: str, wrong: str, known: list[str]) -> str:
    """Say what is meant by the name of an argument, if that can be guessed."""
    parameters = cls._get_param_names()
    if method == "fit" and wrong in OF_FIT:
        return f" {OF_FIT[wrong]}"
    if method != "__init__" and wrong in parameters:
        return f" It is a parameter of {cls.__name__} itself: set it there."
    meant, advice = OTHER_NAMES.get(wrong, ("", ""))
    if meant in parameters:
        return f" {advice}"
    near = difflib.get_close_matches(wrong, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
