"""Rows from anywhere, and which of them count.

Arrays in pieces (``arrays``), files by slices (``row_source``), data sets of torch
(``torch_data``); what would become numbers without a word (``refused``); rows, targets
and weights of a fit (``training_data``); orders that read a file block by block
(``blocks``); and how the input varies (``covariance``).
"""
