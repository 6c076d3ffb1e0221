"""scikit-learn's side: check what is given, have it trained, store what is left.

``classifier``, ``regressor`` and ``direct_*`` are what a user reads and sets;
``spectral`` and ``direct`` add what the two types of network need, ``classification`` and
``regression`` what the two types of target need. ``base`` is ``fit``, for all, and
``fit_run`` its steps; ``fitted_attributes`` and ``portable`` are what it leaves.
``validation``, ``constraints`` and ``calls`` check what is given.
"""
