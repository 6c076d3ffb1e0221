"""What can be chosen, in numpy alone: sizes, activations, starts, parametrizations.

Each has a registry, which estimators and layers read: ``activations.ACTIVATIONS``,
``parametrizations.PARAMETRIZATIONS``, ``starts.SCHEMES``. ``architecture`` turns the
sizes that a user writes into layers, ``random_bits`` draws what is the same in every
version of numpy, and ``plan`` describes how a stack of linear layers is computed.
"""
