"""3D rotary embedding: its tables and its rotation."""

from __future__ import annotations

import pytest
import torch

from hopeworld.models.rotary import rotary_tables, rotate

CPU = torch.device("cpu")
GRID = (2, 3)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("rope", ["meta", "standard"])
def test_tables_of_later_steps_continue_those_of_a_whole_clip(rope):
    whole, later = (rotary_tables(*steps, GRID, 24, rope, CPU) for steps in ((0, 5), (3, 2)))
    assert all(torch.equal(a[3:], b) for a, b in zip(whole, later, strict=True))


def test_tokens_before_the_patches_have_a_time_position_only():
    one = rotary_tables(2, 4, GRID, 24, "meta", CPU)
    three = rotary_tables(2, 4, GRID, 24, "meta", CPU, 3)
    for single, several in zip(one, three, strict=True):
        assert several.shape == (4, 3 + 6, 24)
        assert torch.equal(several[:, :3], single[:, :1].expand(-1, 3, -1))
        assert torch.equal(several[:, 3:], single[:, 1:])
        assert (single[:, 0, 8:].abs() == single[:1, 0, 8:].abs()).all()


def test_standard_rotations_keep_norms_and_depend_on_distance_alone():
    tables = rotary_tables(0, 6, (1, 1), 24, "standard", CPU)
    q, k = draw(2, 24)
    turned_q, turned_k = (rotate(x.expand(6, 2, 24), tables)[:, 0] for x in (q, k))
    assert torch.allclose(turned_q.norm(dim=-1), q.norm().expand(6), atol=1e-6)
    products = (turned_q[2:] * turned_k[:-2]).sum(-1)
    assert torch.allclose(products, products[:1].expand(4), atol=1e-6)


@pytest.mark.parametrize("width", [1, 5, 7, 13, 24, 32])
def test_channels_beyond_three_axes_stay(width):
    x = draw(2, 7, width)
    rotated = 3 * 2 * ((width // 3) // 2)
    turned = rotate(x, rotary_tables(1, 2, GRID, width, "meta", CPU))
    assert torch.equal(turned[..., rotated:], x[..., rotated:])
    assert rotated == 0 or not torch.equal(turned, x)


@pytest.mark.parametrize("width", [13, 24])
def test_gradients_are_exact(width):
    tables = tuple(t.double() for t in rotary_tables(1, 2, GRID, width, "meta", CPU))
    x = draw(2, 2, 7, width).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: rotate(x, tables), x)
    assert torch.autograd.gradgradcheck(lambda x: rotate(x, tables), x)


def test_tables_broadcast():
    tables = rotary_tables(0, 3, GRID, 24, "meta", CPU)
    x = draw(3, 2, 4, 7, 24)
    together = rotate(x, tuple(table[:, None, None] for table in tables))
    alone = [rotate(part, step) for part, *step in zip(x, *tables, strict=True)]
    assert torch.equal(together, torch.stack(alone))


def test_bfloat16_is_rotated_in_float32():
    tables = rotary_tables(40, 2, GRID, 24, "meta", CPU)
    x = draw(2, 7, 24).bfloat16().requires_grad_()
    turned = rotate(x, tables)
    assert torch.equal(turned, rotate(x.float(), tables).bfloat16())
    turned.sum().backward()
    assert x.grad.dtype == torch.bfloat16
