"""20 epochs of MNIST on a GPU, beside the rivals on the same one.

    python benchmarks/speed/gpu.py --mnist mnist.npz [--matmul-precision high]

784-2000(linear)-120-10, eigenvalues, batch 500, float32, in seconds per epoch of a whole
fit. It refuses to run without a CUDA device.
"""

import by_hand
import harness
import rivals
import torch


def main():
    """Run the comparison and save it."""
    parser = harness.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--matmul-precision", choices=("highest", "high"), default="highest"
    )
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device here; the rows stay as not measured.")
    torch.set_float32_matmul_precision(options.matmul_precision)
    X, y, _, _ = harness.load_mnist(options.mnist)
    tensors = torch.from_numpy(X).cuda(), torch.from_numpy(y).cuda()
    network = {"hidden_layer_sizes": 120, "linear_expansion": 2000, "device": "cuda"}

    def hand():
        with torch.device("cuda"):
            return by_hand.expanded(*tensors, 2000, 120, 10, 500, options.epochs)

    seconds = harness.take_turns(
        {
            "ours": lambda: rivals.ours(
                X,
                y,
                500,
                options.epochs,
                matmul_precision=options.matmul_precision,
                **network,
            ),
            "by hand in torch": hand,
            "layer by layer in torch": lambda: rivals.layer_by_layer(
                *tensors, (784, 2000, 120), (120, 10), 500, options.epochs, "cuda"
            ),
            "skorch, default loader": lambda: rivals.skorch_default(
                X, y, 120, 500, 2, "cuda", linear_expansion=2000
            ),
        },
        options.rounds,
    )
    name = torch.cuda.get_device_name()
    question = f"784-2000(linear)-120-10 on {name}, {options.matmul_precision} precision"
    rows = [harness.row(question, "ours", seconds, device=name)]
    harness.save(rows, options, f"gpu_{options.matmul_precision}")


if __name__ == "__main__":
    main()
