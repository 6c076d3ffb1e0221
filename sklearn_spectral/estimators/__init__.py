"""scikit-learn's side: check what is given, have it trained, keep what is left.

``classifier``, ``regressor`` and ``direct_estimators`` are what a user reads and sets;
``spectral`` and ``direct`` what the two kinds of network add, ``classification`` and
``regression`` the two kinds of target; ``base`` is ``fit``, for all. ``validation`` and
``calls`` check what is given.
"""
