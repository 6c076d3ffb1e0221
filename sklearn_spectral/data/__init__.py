"""Rows from anywhere, and which of them count.

One interface for all sources (``rows``), data sets of torch among them (``torch_data``);
what would become numbers without a word (``refused``); rows, targets and weights of a fit
(``training_data``); which members of a population leave a row out (``bags``); orders that
read a file block by block (``blocks``); and how the input varies (``covariance``).
"""
