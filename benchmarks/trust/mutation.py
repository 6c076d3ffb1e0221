"""Change the maths of ``sklearn_spectral.nn`` in one place, and see that a test notices.

    python benchmarks/trust/mutation.py [--jobs 2]

Each mutant is a copy of the package with one expression replaced by a wrong one; the tests
in ``tests/nn`` are run on it, up to the first that fails. A mutant that they pass is a hole
in them. Equivalent changes are not among the mutants.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from results import parser, save

ROOT = Path(__file__).parents[2]

# Of the file below sklearn_spectral/nn, what stands there, and what is put in its place.
MUTANTS = [
    ("linear.py", "lambda_out = fixed - gaps", "lambda_out = fixed + gaps"),
    (
        "linear.py",
        "return scaled_in * self.eigenvalues_in - scaled_out",
        "return scaled_in",
    ),
    ("linear.py", "return -product.T", "return product.T"),
    (
        "linear.py",
        "gains = self.eigenvalues_in[0] - self.eigenvalues_out",
        "gains = self.eigenvalues_out - self.eigenvalues_in[0]",
    ),
    (
        "linear.py",
        "output = scaled_in - self.eigenvalues_out * plain",
        "output = scaled_in - plain",
    ),
    (
        "linear.py",
        "return _lower_left_block(-self.eigenvectors)",
        "return _lower_left_block(self.eigenvectors)",
    ),
    (
        "linear.py",
        "torch.cat([self.eigenvalues_in, self.eigenvalues_out])",
        "torch.cat([self.eigenvalues_out, self.eigenvalues_in])",
    ),
    (
        "linear.py",
        "ones = torch.ones_like(self.eigenvalues_in)",
        "ones = self.eigenvalues_in",
    ),
    (
        "linear.py",
        'yield "eigenvalues", trained - other[0] * is_one',
        'yield "eigenvalues", trained',
    ),
    ("products.py", "d_in = d_gaps.sum(0) if", "d_in = -d_gaps.sum(0) if"),
    ("products.py", "d_out = -d_gaps.sum(1) if", "d_out = d_gaps.sum(1) if"),
    ("products.py", "return _times(left * gains, phi)", "return _times(left, phi)"),
    (
        "products.py",
        "d_out = -(left * h).sum(0) if needs[2] else None",
        "d_out = (left * h).sum(0) if needs[2] else None",
    ),
    ("products.py", "return (h.mul_(gains) if", "return (h if"),
    (
        "products.py",
        "gains = eigenvalues_in - eigenvalues_out[0]",
        "gains = eigenvalues_in",
    ),
    (
        "products.py",
        "d_left = _times_transposed(grad * gains, phi) if",
        "d_left = _times_transposed(grad, phi) if",
    ),
    ("products.py", "return p * eigenvalues_in - q", "return p * eigenvalues_in + q"),
    (
        "products.py",
        "d_left = torch.addcmul(k, h, eigenvalues_out, value=-1)",
        "d_left = torch.addcmul(k, h, eigenvalues_out, value=1)",
    ),
    ("products.py", "d_out[rows] = -d_gaps.sum(1)", "d_out[rows] = d_gaps.sum(1)"),
    ("products.py", "d_in += d_gaps.sum(0)", "d_in = d_gaps.sum(0)"),
    (
        "products.py",
        "return product if cut == phi.shape[0] else product.addmm_"
        "(left[:, cut:], phi[cut:])",
        "return product",
    ),
    (
        "products.py",
        "torch.sub(eigenvalues_in, column, out=out)",
        "torch.add(eigenvalues_in, column, out=out)",
    ),
    ("backprop.py", "            self.lambda_out.gradient.neg_()", "            pass"),
    (
        "backprop.py",
        "torch.sum(d * plain, 0, out=self.lambda_out.gradient).neg_()",
        "torch.sum(d * plain, 0, out=self.lambda_out.gradient)",
    ),
    ("backprop.py", "return inner.mul_(self.slope.values)", "return inner"),
    (
        "backprop.py",
        "_ATEN.elu_backward(d, 1, 1, 1, True, y)",
        "_ATEN.elu_backward(d, 1, 1, 1, False, y)",
    ),
    ("backprop.py", "grad = grad.addr_(d_total, bias.values)", "pass"),
    ("backprop.py", "product[-1] += bias.values", "pass"),
    ("backprop.py", "signed = -grad if self.transposed else grad", "signed = grad"),
    (
        "backprop.py",
        "return product.neg_() if self.transposed else product",
        "return product",
    ),
    ("backprop.py", "  bias.write(grad[-1])", "  bias.write(grad[0])"),
    (
        "telescope.py",
        "bias = _add(bias, None if layer.bias is None else weight @ layer.bias)",
        "bias = _add(bias, None)",
    ),
    ("telescope.py", "bias = _add(layer.bias, onward)", "bias = _add(layer.bias, None)"),
    (
        "telescope.py",
        "x = layers.pop(0).from_projection(x)",
        "x = layers.pop(0).from_projection(-x)",
    ),
    ("network.py", "parameter.mul_(slope)", "parameter.div_(slope)"),
    (
        "network.py",
        "for parameter in layers[-1].parameters():",
        "for parameter in [layers[-1].weight]:",
    ),
    ("network.py", "return x if factor is None else x @ factor.T", "return x"),
    (
        "cascade.py",
        "matrices.append(phi @ eigenvalues @ (2 * identity - phi))",
        "matrices.append(phi @ eigenvalues @ (identity - phi))",
    ),
    ("cascade.py", "product = matrix @ product", "product = product @ matrix"),
    (
        "../spec/parametrizations/factors.py",
        "orthogonal, triangle = linalg.qr(matrix if self.is_tall else matrix.T)",
        "orthogonal, triangle = linalg.qr(matrix)",
    ),
    (
        "../spec/parametrizations/factors.py",
        "return (left @ triangle.T) @ arrays.orthogonal.T",
        "return (left @ triangle) @ arrays.orthogonal.T",
    ),
    (
        "../spec/parametrizations/factors.py",
        "return ((left @ arrays.left) * arrays.singular_values) @ arrays.right",
        "return (left @ arrays.left) @ arrays.right",
    ),
    ("activations.py", "return torch.tanh(self.slope * x)", "return torch.tanh(x)"),
    ("losses.py", "gradient *= weight.unsqueeze(1)", "pass"),
    ("losses.py", "return 2 * (torch.sigmoid", "return (torch.sigmoid"),
    (
        "losses.py",
        "return losses.mean(), gradient.div_(len(label))",
        "return losses.mean(), gradient",
    ),
    (
        "losses.py",
        "return ((output - target) ** 2).mean(dim=1) / 2",
        "return ((output - target) ** 2).sum(dim=1) / 2",
    ),
    (
        "../spec/parametrizations/entries.py",
        "return arrays.gains[:, None] * (arrays.frozen @ right)",
        "return arrays.frozen @ right",
    ),
    (
        "../spec/parametrizations/entries.py",
        "return projected * arrays.gains",
        "return projected",
    ),
    (
        "../spec/parametrizations/kronecker.py",
        "apart.swapaxes(1, 2).reshape(self.n_out, self.n_in)",
        "apart.reshape(self.n_out, self.n_in)",
    ),
    (
        "../spec/parametrizations/shared.py",
        "np.concatenate([shared, -shared])",
        "np.concatenate([shared, shared])",
    ),
]


def verdict(mutant):
    """Run the tests on one mutant; return the test that noticed, or None."""
    file, before, after = mutant
    with tempfile.TemporaryDirectory() as folder:
        for name in ("sklearn_spectral", "tests"):
            shutil.copytree(
                ROOT / name,
                Path(folder) / name,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        shutil.copy(ROOT / "pyproject.toml", folder)
        path = Path(folder) / "sklearn_spectral" / "nn" / file
        if file:
            text = path.read_text()
            assert text.count(before) >= 1, f"{file} has no {before!r}"
            path.write_text(text.replace(before, after, 1))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-x",
                "-p",
                "no:cacheprovider",
                "tests/nn",
            ],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == 0:
        return None
    failed = [
        line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))
    ]
    assert failed, done.stdout + done.stderr
    return failed[0].split(" - ")[0][:150]


def main():
    """Run all mutants and print what noticed each."""
    arguments = parser(__doc__)
    arguments.add_argument("--jobs", type=int, default=2)
    options = arguments.parse_args()
    assert verdict(("", "", "")) is None, "the tests fail without any change"
    rows = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for mutant, noticed in zip(MUTANTS, pool.map(verdict, MUTANTS), strict=True):
            file, before, after = mutant
            print(f"{noticed or 'SURVIVED':<10} {file}: {before.strip()}", flush=True)
            rows.append(
                {"file": file, "before": before, "after": after, "noticed": noticed}
            )
    caught = sum(row["noticed"] is not None for row in rows)
    print(f"{caught} of {len(rows)} mutants noticed")
    save({"mutants": rows, "caught": caught}, options.out, "mutation")
    assert caught == len(rows)


if __name__ == "__main__":
    main()
