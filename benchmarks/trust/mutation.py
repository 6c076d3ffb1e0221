"""Change the maths of ``sklearn_spectral.nn`` in one place, and see that a test notices.

    python benchmarks/trust/mutation.py [--jobs 2]

Each mutant is a copy of the package with one expression replaced by a wrong one; the tests
in ``tests/nn`` and ``tests/spec`` are run on it, up to the first that fails. A mutant that
they pass is a hole in them. Equivalent changes are not among the mutants.
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
        "multiplication.py",
        "return scaled_in * row_of_members(self.eigenvalues_in) - scaled_out",
        "return scaled_in",
    ),
    ("multiplication.py", "return -product.mT", "return product.mT"),
    (
        "multiplication.py",
        "gains = self.eigenvalues_in[..., :1] - self.eigenvalues_out",
        "gains = self.eigenvalues_out - self.eigenvalues_in[..., :1]",
    ),
    (
        "multiplication.py",
        "output = scaled - row_of_members(self.eigenvalues_out) * plain",
        "output = scaled - plain",
    ),
    (
        "linear.py",
        "return _lower_left_block(-self.eigenvectors)",
        "return _lower_left_block(self.eigenvectors)",
    ),
    (
        "linear.py",
        "torch.cat([self.eigenvalues_in, self.eigenvalues_out], dim=-1)",
        "torch.cat([self.eigenvalues_out, self.eigenvalues_in], dim=-1)",
    ),
    (
        "linear.py",
        "ones = torch.ones_like(self.eigenvalues_in)",
        "ones = self.eigenvalues_in",
    ),
    (
        "linear.py",
        'yield "eigenvalues", trained - first * is_one',
        'yield "eigenvalues", trained * is_one',
    ),
    ("products.py", "d_in = d_gaps.sum(-2) if", "d_in = -d_gaps.sum(-2) if"),
    ("products.py", "d_out = -d_gaps.sum(-1) if", "d_out = d_gaps.sum(-1) if"),
    ("products.py", "return _times(left * gains, phi)", "return _times(left, phi)"),
    (
        "products.py",
        "d_out = -(left * h).sum(-2) if needs[2] else None",
        "d_out = (left * h).sum(-2) if needs[2] else None",
    ),
    ("products.py", "return (h.mul_(gains) if", "return (h if"),
    (
        "products.py",
        "gains = row_of_members(eigenvalues_in - eigenvalues_out[..., :1])",
        "gains = row_of_members(eigenvalues_in)",
    ),
    (
        "products.py",
        "d_left = _times_transposed(grad * gains, phi) if",
        "d_left = _times_transposed(grad, phi) if",
    ),
    (
        "products.py",
        "return p * row_of_members(eigenvalues_in) - q",
        "return p * row_of_members(eigenvalues_in) + q",
    ),
    (
        "products.py",
        "torch.addcmul(k, h, row_of_members(eigenvalues_out), value=-1)",
        "torch.addcmul(k, h, row_of_members(eigenvalues_out), value=1)",
    ),
    ("products.py", "d_out[rows] = -d_gaps.sum(1)", "d_out[rows] = d_gaps.sum(1)"),
    ("products.py", "d_in += d_gaps.sum(0)", "d_in = d_gaps.sum(0)"),
    (
        "products.py",
        "product.addmm_(left[:, cut:], phi[cut:])",
        "product",
    ),
    (
        "products.py",
        "torch.sub(row_of_members(eigenvalues_in), column, out=out)",
        "torch.add(row_of_members(eigenvalues_in), column, out=out)",
    ),
    (
        "trained_weights.py",
        "self.lambda_out.write_minus_sum(d_weight, -1)",
        "self.lambda_out.write_sum(d_weight, -1)",
    ),
    (
        "trained_weights.py",
        "self.lambda_out.write_minus_sum(d * plain, 0)",
        "self.lambda_out.write_sum(d * plain, 0)",
    ),
    ("backprop.py", "return inner.mul_(self.factor)", "return inner"),
    ("backprop.py", "grad_input(d, 1, 1, 1, True, y,", "grad_input(d, 1, 1, 1, False, y,"),
    ("backprop.py", "grad = _add_outer(grad, d_total, bias.values)", "pass"),
    ("backprop.py", "product[..., -1, :] += bias.values", "pass"),
    ("trained_weights.py", "signed = -grad if self.transposed else grad", "signed = grad"),
    (
        "trained_weights.py",
        "return product.neg_() if self.transposed else product",
        "return product",
    ),
    ("backprop.py", "  bias.write(grad[..., -1, :])", "  bias.write(grad[..., 0, :])"),
    (
        "telescope.py",
        "bias, None if layer.bias is None else times_vector(weight, layer.bias)",
        "bias, None",
    ),
    ("telescope.py", "bias = _add(layer.bias, onward)", "bias = _add(layer.bias, None)"),
    (
        "telescope.py",
        "x = layers.pop(0).from_projection(x)",
        "x = layers.pop(0).from_projection(-x)",
    ),
    (
        "network.py",
        "plain[-1] = weight * column.unsqueeze(-1), bias",
        "plain[-1] = weight, bias",
    ),
    ("network.py", "bias = None if bias is None else bias * column", "pass"),
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
    (
        "activations.py",
        "return torch.tanh(slope_of_each(self.slope) * x)",
        "return torch.tanh(x)",
    ),
    ("losses.py", "gradient *= of_row", "pass"),
    (
        "losses.py",
        "return shares, difference, 2 * difference.square().mean(dim=-1)",
        "return shares, difference, difference.square().mean(dim=-1)",
    ),
    (
        "losses.py",
        "return losses.mean(-1), gradients.div_(losses.shape[-1])",
        "return losses.mean(-1), gradients",
    ),
    (
        "losses.py",
        "return losses.mean(dim=-1)\n\n    def by_member",
        "return losses.sum(dim=-1)\n\n    def by_member",
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
    (
        "trained_weights.py",
        "self.phi.write_sum(gaps.mul_(d_weight), 0)",
        "self.phi.write_sum(d_weight, 0)",
    ),
    (
        "trained_weights.py",
        "whole.phi.write_columns(self.columns, of_members.sum(0))",
        "whole.phi.write_columns(self.columns, of_members[0])",
    ),
    (
        "trained_weights.py",
        "whole.lambda_in.write_columns(self.columns, d.sum(1))",
        "whole.lambda_in.write_columns(self.columns, -d.sum(1))",
    ),
    (
        "trained_weights.py",
        "self.gradient.zero_().index_copy_(-1, columns, gradient)",
        "self.gradient.index_copy_(-1, columns, gradient)",
    ),
    (
        "backprop_members.py",
        "gains = self.weight.lambda_in.values[:, :1] - lambda_out",
        "gains = lambda_out",
    ),
    (
        "backprop_members.py",
        "torch.addcmul(scaled_in, lambda_out, self.plain, value=-1, out=output)",
        "torch.addcmul(scaled_in, lambda_out, self.plain, value=1, out=output)",
    ),
    ("backprop_members.py", "now.ones.fill_(1.0)", "now.ones.fill_(0.0)"),
    (
        "backprop_members.py",
        "self.weight.lambda_out.write_minus_sum(columns.mul_(self.plain), -1)",
        "self.weight.lambda_out.write_sum(columns.mul_(self.plain), -1)",
    ),
    (
        "backprop_members.py",
        "seen = x.amax(0).ne(0).logical_or_(x.amin(0).ne(0))",
        "seen = x.amax(0).ne(0)",
    ),
    (
        "seen_columns.py",
        "values = rows.data / scale.numpy()[columns][rows.indices]",
        "values = rows.data / scale.numpy()[rows.indices]",
    ),
    (
        "network.py",
        "bias = -centre if bias is None else bias - centre",
        "bias = centre if bias is None else bias + centre",
    ),
    (
        "network.py",
        "scaled = 0.0 if bias is None else bias * self.output_scale",
        "scaled = 0.0 if bias is None else bias",
    ),
    (
        "losses.py",
        "slope = 2 * (moved - shares * moved.sum(dim=-1, keepdim=True))",
        "slope = 2 * moved",
    ),
    ("losses.py", "gradient -= share / output.shape[classes]", "gradient -= share"),
    ("losses.py", "slope = slope / self.scale.to(output)", "pass"),
    (
        "multiplication.py",
        "scaled = factor * self.eigenvalues_in.unsqueeze(-2)",
        "scaled = factor",
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
                "tests/spec",
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
