"""20 epochs of MNIST on a GPU, beside the rivals on the same one and the CPU next to it.

    python benchmarks/speed/gpu.py --mnist mnist.npz [--matmul-precision high]

784-2000(linear)-120-10 by its eigenvalues, and 784-120-10 with eigenvectors too: batch 500,
float32, in seconds per epoch of a whole fit. ``--device cpu`` tries it without a GPU, and
keeps no figures.
"""

import by_hand
import harness
import rivals
import torch

BATCH = 500
FEW = 2
"""Epochs of what takes long: they are all alike."""

NETWORKS = {
    "784-2000(linear)-120-10, eigenvalues": {"linear_expansion": 2000},
    "784-120-10, eigenvectors too": {"linear_expansion": None, "train_eigenvectors": True},
}


def compare(question, X, y, options):
    """Compare on one network."""
    device, n_epochs = options.device, options.epochs
    network = {"hidden_layer_sizes": 120, **NETWORKS[question]}
    is_expanded = network["linear_expansion"] is not None
    tensors = [torch.from_numpy(array).to(device) for array in (X, y)]
    widths = (784, 2000, 120) if is_expanded else (784, 120)

    def ours(device, n_epochs):
        return rivals.ours(
            X,
            y,
            BATCH,
            n_epochs,
            device=device,
            **network,
        )

    def hand():
        with torch.device(device):
            if is_expanded:
                return by_hand.expanded(*tensors, 2000, 120, 10, BATCH, n_epochs)
            return by_hand.eigenvectors_too(*tensors, 120, 10, BATCH, n_epochs)

    seconds = harness.take_turns(
        {
            "ours": lambda: ours(device, n_epochs),
            "by hand in torch": hand,
            "layer by layer in torch": lambda: rivals.layer_by_layer(
                *tensors,
                widths,
                (120, 10),
                BATCH,
                n_epochs,
                device,
                train_eigenvectors=not is_expanded,
            ),
            "skorch, default loader": lambda: rivals.skorch_default(
                X, y, BATCH, FEW, device, **network
            ),
            f"ours on the CPU, {options.threads} threads": lambda: ours("cpu", FEW),
        },
        options.rounds,
    )
    where = torch.cuda.get_device_name() if device == "cuda" else "the CPU, a rehearsal"
    precision = f"{options.matmul_precision} precision"
    facts = {"device": where, "epochs": n_epochs}
    return harness.row(f"{question}, on {where}, {precision}", "ours", seconds, **facts)


def main():
    """Run the comparison and save it."""
    parser = harness.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--rows", type=int, help="of the training set; all by default")
    parser.add_argument(
        "--matmul-precision", choices=("highest", "high"), default="highest"
    )
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device here; the rows stay as not measured.")
    harness.set_threads(options.threads)
    torch.set_float32_matmul_precision(options.matmul_precision)
    X, y, _, _ = harness.load_mnist(options.mnist)
    X, y = X[: options.rows], y[: options.rows]
    rows = [compare(question, X, y, options) for question in NETWORKS]
    if options.device == "cuda":
        harness.save(rows, options, f"gpu_{options.matmul_precision}")


if __name__ == "__main__":
    main()
