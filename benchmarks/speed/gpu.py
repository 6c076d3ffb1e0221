"""What fits take on a GPU, beside the rivals on the same one and the CPU next to it.

    python benchmarks/speed/gpu.py --mnist mnist.npz [--only rivals members ...]

Batches of 500, float32, in seconds per epoch of a whole fit. ``--device cpu`` tries it
without a GPU, and keeps no figures.
"""

import time
import warnings

import by_hand
import harness
import rivals
import torch
from plain import PLAIN
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.model_selection import SpectralSearchCV
from sklearn_spectral.training import device as _device

BATCH = 500
FEW = 2
"""Epochs of what takes long: they are all alike."""

NETWORKS = {
    "784-2000(linear)-120-10, eigenvalues": {
        "hidden_layer_sizes": 120,
        "linear_expansion": 2000,
    },
    "784-120-10, eigenvectors too": {
        "hidden_layer_sizes": 120,
        "linear_expansion": None,
        "train_eigenvectors": True,
    },
}


class Comparisons:
    """The questions, each of which returns rows of figures."""

    def __init__(self, options):
        self.options, self.device = options, options.device
        X, y, self.X_test, self.y_test = harness.load_mnist(options.mnist)
        self.X, self.y = X[: options.rows], y[: options.rows]
        self.where = (
            torch.cuda.get_device_name()
            if self.device == "cuda"
            else "the CPU, a rehearsal"
        )

    def ours(self, network, n_epochs=None, device=None, **parameters):
        """Fit, and return the seconds per epoch."""
        n_epochs, device = n_epochs or self.options.epochs, device or self.device
        how = {"device": device, **network, **parameters}
        return rivals.ours(self.X, self.y, BATCH, n_epochs, **how)

    def row(self, question, ours, seconds, **facts):
        """Return a row of figures."""
        facts = {"device": self.where, "epochs": self.options.epochs, **facts}
        return harness.row(f"{question}, on {self.where}", ours, seconds, **facts)

    def take_turns(self, contestants):
        """Time contestants in turn."""
        return harness.take_turns(contestants, self.options.rounds)

    def rivals(self):
        """Ask how long others take for the same network."""
        tensors = [torch.from_numpy(array).to(self.device) for array in (self.X, self.y)]
        n_epochs = self.options.epochs
        on_cpu = f"ours on the CPU, {self.options.threads} threads"
        for question, network in NETWORKS.items():
            is_expanded = network["linear_expansion"] is not None
            widths = (784, 2000, 120) if is_expanded else (784, 120)

            def hand(is_expanded=is_expanded):
                with torch.device(self.device):
                    how = (120, 10, BATCH, n_epochs)
                    if is_expanded:
                        return by_hand.expanded(*tensors, 2000, *how)
                    return by_hand.eigenvectors_too(*tensors, *how)

            contestants = {
                "ours": lambda network=network: self.ours(network),
                "by hand in torch, as a CUDA graph": hand,
                "layer by layer in torch": lambda w=widths, e=is_expanded: (
                    rivals.layer_by_layer(
                        *tensors,
                        w,
                        (120, 10),
                        BATCH,
                        FEW,
                        self.device,
                        train_eigenvectors=not e,
                    )
                ),
                "skorch, default loader": lambda network=network: rivals.skorch_default(
                    self.X, self.y, BATCH, FEW, self.device, **network
                ),
                on_cpu: lambda network=network: self.ours(network, FEW, "cpu"),
            }
            yield self.row(question, "ours", self.take_turns(contestants))

    def members(self):
        """Ask how much longer 16 members take than one."""
        for question, network in NETWORKS.items():
            contestants = {
                f"{n_members} members": lambda n=n_members, network=network: self.ours(
                    network, FEW + 3, n_members=n
                )
                for n_members in (16, 1)
            }
            seconds = self.take_turns(contestants)
            yield self.row(f"{question}, members", "16 members", seconds)

    def search(self):
        """Ask how long 64 fits of a search take, beside one after the other."""
        X, y = load_digits(return_X_y=True)
        X = X.astype("float32")
        plain = {**PLAIN, "max_iter": 30, "linear_expansion": None, **rivals.NEVER}
        model = SpectralClassifier(100, random_state=0, device=self.device, **plain)
        grid = {"learning_rate_init": [0.001 * 1.3**k for k in range(16)]}

        def fit(kind):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                start = time.perf_counter()
                kind(model, grid, cv=4, refit=False).fit(X, y)
                return time.perf_counter() - start

        contestants = {
            "SpectralSearchCV": lambda: fit(SpectralSearchCV),
            "GridSearchCV": lambda: fit(GridSearchCV),
        }
        seconds = harness.take_turns(contestants, 1)
        yield self.row(
            "digits, 64 fits of 64-100-10", "SpectralSearchCV", seconds, epochs=30
        )

    def precision(self):
        """Ask what products in TF32, or in bfloat16 where torch takes it, save and cost."""
        for question, network in NETWORKS.items():
            seconds, scores = {}, {}
            for precision in ("highest", "high", "medium"):
                torch.set_float32_matmul_precision(precision)
                how = {**PLAIN, "max_iter": self.options.epochs, **rivals.NEVER, **network}
                model = SpectralClassifier(
                    random_state=0, device=self.device, batch_size=BATCH, **how
                )
                times = []
                for _ in range(self.options.rounds + 1):
                    times.append(
                        rivals.seconds_per_epoch(model, self.X, self.y, self.options.epochs)
                    )
                seconds[precision] = times[1:]
                chances = model.predict_proba(self.X_test)
                scores[precision] = {
                    "accuracy": float((chances.argmax(1) == self.y_test).mean()),
                    "log_loss": float(log_loss(self.y_test, chances)),
                }
            torch.set_float32_matmul_precision("highest")
            print(scores)
            yield self.row(f"{question}, precision", "high", seconds, scores=scores)

    def streamed(self):
        """Ask how long rows take that a GPU has no room for."""
        for question, network in NETWORKS.items():

            def streamed(network=network):
                before, _device.RESIDENT_SHARE = _device.RESIDENT_SHARE, 0.0
                try:
                    return self.ours(network)
                finally:
                    _device.RESIDENT_SHARE = before

            contestants = {
                "streamed": streamed,
                "resident": lambda network=network: self.ours(network),
            }
            seconds = self.take_turns(contestants)
            yield self.row(f"{question}, rows streamed", "streamed", seconds)


QUESTIONS = ("rivals", "members", "streamed", "precision", "search")


def main():
    """Run the comparisons and save them."""
    parser = harness.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--rows", type=int, help="of the training set; all by default")
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=QUESTIONS)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device here; the rows stay as not measured.")
    harness.set_threads(options.threads)
    comparisons, rows = Comparisons(options), []
    for question in options.only:
        for row in getattr(comparisons, question)():
            rows.append(row)
            if options.device == "cuda":  # at once: a time limit keeps what there is
                harness.save(rows, options, "gpu")


if __name__ == "__main__":
    main()
