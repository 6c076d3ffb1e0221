"""What tests of networks share."""

import pytest
import torch


@pytest.fixture(scope="session")
def randomise():
    """Return a function that gives all parameters of a module random values."""

    def fill(module, frozen_too=True):
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter.requires_grad or frozen_too:
                    values = torch.randn(
                        parameter.shape, dtype=parameter.dtype, generator=generator
                    )
                    parameter.copy_(values / 2)

    return fill
