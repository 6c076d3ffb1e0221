"""What a fit leaves, in numpy alone: it predicts, and loads, without torch.

``layers`` has the arrays of each layer, in numpy what ``nn`` is in torch;
``retraction`` adds them up to the network that predicts, ``members`` makes one of several,
``forward`` runs it;
``network`` is all that as one object, and ``drawing`` a picture of it.
"""
