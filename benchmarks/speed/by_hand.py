"""The limit: loops in torch with the same products, written out by hand for one shape.

Nothing is validated, planned or reported, there is no autograd, and each handles only the
network it is written for: ReLU, cross-entropy, biases, eigenvalues of both sets.
"""

import time

import torch

BETA = (0.9, 0.999)


class Adamax:
    """Torch's own, over one vector that all parameters are views of."""

    def __init__(self, shapes, rate):
        is_cuda = torch.get_default_device().type == "cuda"
        sizes = [int(torch.Size(shape).numel()) for shape in shapes]
        self.vector = torch.nn.Parameter(torch.zeros(sum(sizes)))
        self.vector.grad = torch.zeros(sum(sizes))
        values = self.vector.detach().split(sizes)
        gradients = self.vector.grad.split(sizes)
        self.values = [v.view(shape) for v, shape in zip(values, shapes, strict=True)]
        self.gradients = [g.view(shape) for g, shape in zip(gradients, shapes, strict=True)]
        self.step = torch.optim.Adamax([self.vector], lr=rate, capturable=is_cuda).step


def frozen_phi(n_out, n_in):
    """Draw eigenvectors of variance 1 / n_in."""
    return (2 * torch.rand(n_out, n_in) - 1) * (3 / n_in) ** 0.5


def softmax_gradient(output, y):
    """Return the mean cross-entropy and its gradient in the output."""
    logarithms = torch.log_softmax(output, 1)
    label = y[:, None]
    loss = -logarithms.gather(1, label).mean()
    gradient = logarithms.exp_()
    gradient[torch.arange(len(y)), y] -= 1
    return loss, gradient.div_(len(y))


def loop(X, y, batch_size, n_epochs, step):
    """Call ``step`` on all batches; return the seconds per epoch.

    On a GPU it is one CUDA graph, captured before; the rows then have to fill all batches.
    """
    with torch.no_grad():
        take = as_it_is(step)
        if X.is_cuda:
            take = as_graph(X[:batch_size].clone(), y[:batch_size].clone(), step)
        start = time.perf_counter()
        for _ in range(n_epochs):
            order = torch.randperm(len(X))
            losses = []
            for first in range(0, len(X), batch_size):
                rows = order[first : first + batch_size]
                losses.append(take(X, y, rows))
            torch.stack(losses).mean().item()
    return (time.perf_counter() - start) / n_epochs


def as_it_is(step):
    """Return what calls a step on some rows."""
    return lambda X, y, rows: step(X.index_select(0, rows), y.index_select(0, rows))


def as_graph(x, target, step):
    """Capture a step on two tensors; return what fills them by rows and replays it."""
    for _ in range(3):
        step(x, target)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(x, target)

    def replay(X, y, rows):
        torch.index_select(X, 0, rows, out=x)
        torch.index_select(y, 0, rows, out=target)
        graph.replay()
        return loss.clone()

    return replay


def linear_expanded(X, y, n2, n3, batch_size, n_epochs):
    """784-n2(linear)-n3, contracted by thin products."""
    n1 = X.shape[1]
    phi, phi2 = frozen_phi(n2, n1), frozen_phi(n3, n2)
    solver = Adamax([(n1,), (n2,), (n2,), (n2,), (n3,), (n3,)], 0.03)
    a, d, b, a2, d2, b2 = solver.values
    da, dd, db, da2, dd2, db2 = solver.gradients
    a.fill_(1), a2.fill_(1)

    def step(x, target):
        weight2 = (a2 - d2[:, None]) * phi2
        both = torch.cat([weight2, weight2 * d]) @ phi
        p = both[:n3]
        weight = p * a - both[n3:]
        loss, g_out = softmax_gradient(torch.addmm(b2 + weight2 @ b, x, weight.T), target)
        g = g_out.T @ x
        both = torch.cat([g * a, g]) @ phi.T
        h = both[n3:]
        g_bias = g_out.sum(0)
        g2 = both[:n3] - h * d
        g2.addr_(g_bias, b).mul_(phi2)
        torch.sum(g * p, 0, out=da)
        torch.sum(weight2 * h, 0, out=dd).neg_()
        torch.mv(weight2.T, g_bias, out=db)
        torch.sum(g2, 0, out=da2)
        torch.sum(g2, 1, out=dd2).neg_()
        db2.copy_(g_bias)
        solver.step()
        return loss

    return loop(X, y, batch_size, n_epochs, step)


def expanded(X, y, n2, n3, n4, batch_size, n_epochs):
    """784-n2(linear)-n3-n4, the first gap contracted with its weight formed."""
    n1 = X.shape[1]
    phi, phi2, phi3 = frozen_phi(n2, n1), frozen_phi(n3, n2), frozen_phi(n4, n3)
    shapes = [(n1,), (n2,), (n2,), (n2,), (n3,), (n3,), (n3,), (n4,), (n4,)]
    solver = Adamax(shapes, 0.03)
    a, d, b, a2, d2, b2, a3, d3, b3 = solver.values
    da, dd, db, da2, dd2, db2, da3, dd3, db3 = solver.gradients
    a.fill_(1), a2.fill_(1), a3.fill_(1)
    first, shares = torch.empty(n2, n1), torch.empty(n2, n1)

    def step(x, target):
        torch.sub(a, d[:, None], out=first).mul_(phi)
        weight2 = (a2 - d2[:, None]).mul_(phi2)
        weight3 = (a3 - d3[:, None]).mul_(phi3)
        weight = weight2 @ first
        hidden = torch.addmm(b2 + weight2 @ b, x, weight.T).relu_()
        loss, g_out = softmax_gradient(torch.addmm(b3, hidden, weight3.T), target)
        g3 = (g_out.T @ hidden).mul_(phi3)
        g_hidden = (g_out @ weight3).mul_(hidden > 0)
        g, g_bias = g_hidden.T @ x, g_hidden.sum(0)
        g2 = g @ first.T
        g2.addr_(g_bias, b).mul_(phi2)
        torch.mm(weight2.T, g, out=shares).mul_(phi)
        torch.sum(shares, 0, out=da)
        torch.sum(shares, 1, out=dd).neg_()
        torch.mv(weight2.T, g_bias, out=db)
        torch.sum(g2, 0, out=da2)
        torch.sum(g2, 1, out=dd2).neg_()
        db2.copy_(g_bias)
        torch.sum(g3, 0, out=da3)
        torch.sum(g3, 1, out=dd3).neg_()
        torch.sum(g_out, 0, out=db3)
        solver.step()
        return loss

    return loop(X, y, batch_size, n_epochs, step)


def eigenvectors_too(X, y, n2, n3, batch_size, n_epochs):
    """784-n2-n3 with all that there is trained."""
    n1 = X.shape[1]
    solver = Adamax([(n1,), (n2,), (n2, n1), (n2,), (n2,), (n3,), (n3, n2), (n3,)], 0.003)
    a, d, phi, b, a2, d2, phi2, b2 = solver.values
    da, dd, dphi, db, da2, dd2, dphi2, db2 = solver.gradients
    a.fill_(1), a2.fill_(1)
    phi.copy_(frozen_phi(n2, n1))
    phi2.copy_(frozen_phi(n3, n2))

    def step(x, target):
        weight = (a - d[:, None]).mul_(phi)
        weight2 = (a2 - d2[:, None]).mul_(phi2)
        hidden = torch.addmm(b, x, weight.T).relu_()
        loss, g_out = softmax_gradient(torch.addmm(b2, hidden, weight2.T), target)
        g_hidden = (g_out @ weight2).mul_(hidden > 0)
        for g, of_in, of_out, values, d_in, d_out, d_phi in (
            (g_out.T @ hidden, a2, d2, phi2, da2, dd2, dphi2),
            (g_hidden.T @ x, a, d, phi, da, dd, dphi),
        ):
            torch.sub(of_in, of_out[:, None], out=d_phi).mul_(g)
            g.mul_(values)
            torch.sum(g, 0, out=d_in)
            torch.sum(g, 1, out=d_out).neg_()
        torch.sum(g_hidden, 0, out=db)
        torch.sum(g_out, 0, out=db2)
        solver.step()
        return loss

    return loop(X, y, batch_size, n_epochs, step)
