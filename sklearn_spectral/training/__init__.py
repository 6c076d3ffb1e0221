"""One run of training: a network, its batches, and what happens between epochs.

``run`` puts a network into a net and trains it. ``net`` is the skorch net,
``full_batch`` that of L-BFGS; ``batches`` and ``stream_dataset`` are what they read,
``callbacks`` and ``checkpoints`` what happens between epochs, ``processes`` those that
train together, and ``outcome`` what a user is told. ``members`` has what the members of a
population have of their own, ``out_of_bag`` what they predict of rows that they left out.
``convert`` turns torch into numpy and back; ``device`` says where all this happens.
"""
