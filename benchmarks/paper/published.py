"""The figures that the paper and its supplement print, to stand beside ours.

Giambagli et al., Nature Communications 12, 1330 (2021): Table 1, the paragraphs on the
perceptron, and the means over 100 runs that are published for Fashion-MNIST.
"""

METHODS = {
    "constrained": "Constrained NN",
    "eigenvalues": "Train Λ",
    "full": "Unconstrained NN",
    "both": "Train Λ, Φ",
}
"""The rows of Table 1, by the names that methods have here."""

TABLE_1 = {
    "linear wide": {"constrained": 87.8, "eigenvalues": 90.9, "full": 91.0, "both": 92.2},
    "linear deep": {"constrained": 90.8, "eigenvalues": 91.5, "full": 91.2, "both": 91.8},
    "non-linear": {"constrained": 88.9, "eigenvalues": 93.5, "full": 96.4, "both": 97.3},
}
"""Best mean accuracy on MNIST over the explored range, in per cent."""

PERCEPTRON = {
    "eigenvalues": (82.0, 2.0),
    "constrained": (79.0, 3.0),
    "full": (92.7, 0.1),
    "both": (92.5, 0.2),
}
"""Mean and spread of the perceptron on MNIST, five runs, in per cent."""

FASHION = {
    "eigenvalues": {20: 56.3, 100: 69.1, 500: 77.6, 1000: 80.5, 2000: 82.5},
    "both": {20: 85.6, 100: 87.2, 500: 88.3, 1000: 88.7, 2000: 88.8},
    "full": {20: 86.3, 100: 87.5, 500: 87.9, 1000: 88.2, 2000: 88.4},
    "constrained": {20: 51.0, 100: 59.8, 500: 70.0, 1000: 73.7, 2000: 77.1},
}
"""Mean accuracy on Fashion-MNIST of 784-N2-128-10 by N2, in per cent."""

TARGETS = {
    ("mnist", "linear wide"): {"both sets": 92.5, "out": 92.0, "eigenvectors": 92.6},
    ("mnist", "linear deep"): {"both sets": 92.5, "out": 92.0, "eigenvectors": 92.6},
    ("mnist", "non-linear"): {"both sets": 97.3, "out": 96.3, "eigenvectors": 98.4},
    ("fashion_mnist", "non-linear"): {"both sets": 88.4, "eigenvectors": 90.0},
}
"""What the project set itself to reach with its own settings, in per cent."""
