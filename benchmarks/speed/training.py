"""What an epoch costs, beside the bare products and beside the rivals.

    python benchmarks/speed/training.py --mnist mnist.npz \\
        [--spectraltools tensorflow-env/bin/python]

MNIST, float32. Expanded networks with eigenvalues trained are measured against a loop with
the same products written by hand (the limit) and against passing layer by layer; 784-120-10
with eigenvectors trained against these, skorch's default loader, `MLPClassifier`, and the
authors' spectraltools, if the Python of its environment is given (see
spectraltools_rival.py). Every figure is seconds per epoch of a whole fit.
"""

import argparse

import by_hand
import harness
import rivals
import torch

EXPANDED = {
    "784-1000(linear)-10": ((), 1000),
    "784-4000(linear)-10": ((), 4000),
    "784-2000(linear)-120-10": (120, 2000),
}
HAND, LAYERS = "by hand in torch", "layer by layer in torch"


def expanded(X, y, question, n_epochs, batch_size, rounds):
    """Compare on one expanded network, with eigenvalues trained."""
    hidden, width = EXPANDED[question]
    tensors = torch.from_numpy(X), torch.from_numpy(y)
    n_features, n_classes = X.shape[1], 10
    if hidden:
        linear, rest = (n_features, width, hidden), (hidden, n_classes)
        hand = (by_hand.expanded, width, hidden, n_classes)
    else:
        linear, rest = (n_features, width, n_classes), ()
        hand = (by_hand.linear_expanded, width, n_classes)
    seconds = harness.take_turns(
        {
            "ours": lambda: rivals.ours(
                X,
                y,
                batch_size,
                n_epochs,
                hidden_layer_sizes=hidden,
                linear_expansion=width,
            ),
            HAND: lambda: hand[0](*tensors, *hand[1:], batch_size, n_epochs),
            # Its epochs are all alike, and long.
            LAYERS: lambda: rivals.layer_by_layer(*tensors, linear, rest, batch_size, 1),
        },
        rounds,
    )
    return harness.row(f"{question}, eigenvalues, batch {batch_size}", "ours", seconds)


def eigenvectors_too(X, y, n_epochs, batch_size, options):
    """Compare on 784-120-10 with eigenvectors trained."""
    tensors = torch.from_numpy(X), torch.from_numpy(y)
    contestants = {
        "ours": lambda: rivals.ours(
            X, y, batch_size, n_epochs, hidden_layer_sizes=120, train_eigenvectors=True
        ),
        HAND: lambda: by_hand.eigenvectors_too(*tensors, 120, 10, batch_size, n_epochs),
        "skorch, default loader": lambda: rivals.skorch_default(
            X,
            y,
            batch_size,
            n_epochs,
            hidden_layer_sizes=120,
            train_eigenvectors=True,
        ),
        "MLPClassifier": lambda: rivals.perceptron(X, y, (120,), batch_size, n_epochs),
    }
    facts = {}
    if options.spectraltools:
        tools = rivals.SpectralTools(
            options.spectraltools, options.mnist, 120, batch_size, n_epochs, options.threads
        )
        contestants["spectraltools"] = tools
        facts["spectraltools"] = tools.versions
    seconds = harness.take_turns(contestants, options.rounds)
    if options.spectraltools:
        tools.close()
    return harness.row(
        f"784-120-10, eigenvectors too, batch {batch_size}", "ours", seconds, **facts
    )


def main():
    """Run all comparisons and save them."""
    parser = harness.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--spectraltools", help="the Python of its environment")
    parser.add_argument("--only", default="", help="questions that hold this text")
    options: argparse.Namespace = parser.parse_args()
    harness.set_threads(options.threads)
    X, y, _, _ = harness.load_mnist(options.mnist)
    rows = []
    for question in EXPANDED:
        if options.only in question:
            rows.append(expanded(X, y, question, options.epochs, 500, options.rounds))
    for batch_size in (500, 200):
        if options.only in f"784-120-10 {batch_size}":
            rows.append(eigenvectors_too(X, y, options.epochs, batch_size, options))
    harness.save(rows, options, "training")


if __name__ == "__main__":
    main()
