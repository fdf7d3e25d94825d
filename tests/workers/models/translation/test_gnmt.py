"""GNMT: its sizes, and its parts against the formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from workers.errors import InputError
from workers.models.translation.attention import NormedAttention
from workers.models.translation.gnmt import GNMT, gnmt
from workers.models.translation.lstm import LSTM


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _double(module: torch.nn.Module) -> dict[str, np.ndarray]:
    """Random parameters in float64, by name."""
    torch.manual_seed(1)
    for parameter in module.double().parameters():
        torch.nn.init.uniform_(parameter, -1, 1)
    return {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}


@pytest.fixture(scope="module")
def small() -> GNMT:
    torch.manual_seed(0)
    return gnmt(vocabulary=11, units=8, layers=3)


@pytest.mark.parametrize(("shared", "tensors", "weights"), [(False, 25, 197_879_808), (True, 24, 164_788_224)])
def test_it_has_the_weights_that_the_study_masks(shared: bool, tensors: int, weights: int) -> None:
    with torch.device("meta"):
        network = gnmt(vocabulary=32_316, shared_embedding=shared)
    sizes = [parameter.numel() for name, parameter in network.named_parameters() if name != "decoder.attention.scale"]
    assert (len(sizes), sum(sizes)) == (tensors, weights)
    assert sum(parameter.numel() for parameter in network.parameters()) == weights + 1
    assert {module.p for module in network.modules() if isinstance(module, torch.nn.Dropout)} == {0.2}


def test_initial_weights_are_those_of_the_study() -> None:
    torch.manual_seed(0)
    network = gnmt(vocabulary=50, units=16, layers=4)
    parameters = dict(network.named_parameters())
    assert parameters.pop("decoder.attention.scale").item() == 0.25  # √(1/16)
    for name, parameter in parameters.items():
        if name.endswith("bias"):
            assert not parameter.any()
        else:
            assert parameter.abs().max() <= 0.1
            assert parameter.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.35)


def test_a_cell_is_the_formula() -> None:
    cell = LSTM(inputs=3, units=2, dropout=0.0)
    weights = _double(cell)
    x, h, c = (np.random.RandomState(0).normal(size=(1, size)) for size in (3, 2, 2))
    gates = np.concatenate([x, h], 1) @ weights["gates.weight"].T + weights["gates.bias"]
    enter, keep, candidate, leave = np.split(gates, 4, 1)
    memory = _sigmoid(keep) * c + _sigmoid(enter) * np.tanh(candidate)
    hidden = _sigmoid(leave) * np.tanh(memory)
    result = cell(*(torch.from_numpy(x),), tuple(map(torch.from_numpy, (h, c))))
    for tensor, expected in zip(result, (hidden, memory), strict=True):
        np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=1e-12)


def test_a_step_of_attention_is_the_formula() -> None:
    attention = NormedAttention(units=3)
    weights = _double(attention)
    values, query = np.random.RandomState(0).normal(size=(1, 4, 3)), np.array([[0.3, -0.2, 0.9]])
    values[:, 3:] = 0
    v = weights["scale"] * weights["v"] / np.sqrt((weights["v"] ** 2).sum())
    scores = []
    for value in values[0, :3]:
        key = weights["memory.weight"] @ value + weights["query.weight"] @ query[0] + weights["bias"]
        scores.append(v @ np.tanh(key))
    expected = np.exp(scores) / np.exp(scores).sum()
    memory = attention.remember(torch.from_numpy(values), torch.tensor([[True, True, True, False]]))
    context, probabilities = attention(torch.from_numpy(query), memory)
    np.testing.assert_allclose(probabilities[0].detach().numpy(), [*expected, 0], rtol=1e-6)  # a softmax in float32
    np.testing.assert_allclose(context[0].detach().numpy(), expected @ values[0, :3], rtol=1e-6)


def test_a_cell_along_sentences_takes_the_same_steps_in_both_directions() -> None:
    cell = LSTM(inputs=3, units=2, dropout=0.0)
    _double(cell)
    inputs = torch.randn((2, 4, 3), dtype=torch.float64)
    present = torch.tensor([[True] * 4, [True, True, False, False]])
    for backwards in (False, True):
        outputs, state = cell.over(inputs, present, backwards)
        for sentence, length in ((0, 4), (1, 2)):
            tokens = list(range(length))
            one = cell.initial(inputs[:1])
            for token in reversed(tokens) if backwards else tokens:
                one = cell(inputs[sentence, token].unsqueeze(0), one)
                torch.testing.assert_close(outputs[sentence, token], one[0][0])
            torch.testing.assert_close((state[0][sentence], state[1][sentence]), (one[0][0], one[1][0]))
    assert not outputs[1, 2:].any()


def test_the_inputs_of_each_step_are_dropped_apart() -> None:
    cell, inputs = LSTM(inputs=20, units=2, dropout=0.5), torch.ones((2, 3, 20))
    present, state = torch.ones((2, 3), dtype=torch.bool), (torch.ones((2, 2)), torch.ones((2, 2)))
    torch.manual_seed(0)
    along, step = cell.over(inputs, present)[0], cell(inputs[:, 0], state)
    torch.manual_seed(0)
    dropped, first = F.dropout(inputs), F.dropout(inputs[:, 0])
    cell.eval()
    assert torch.equal(along, cell.over(dropped, present)[0])
    assert torch.equal(step[0], cell(first, state)[0])
    assert not torch.equal(dropped[:, 0], dropped[:, 1])


def test_the_layers_are_connected_as_in_the_study(small: GNMT) -> None:
    """One decoder step, from the encoder's last states, with the context of this step above the bottom cell."""
    small.eval()
    source, lengths = torch.tensor([[3, 4, 5]]), torch.tensor([3])
    memory, state = small.encode(source, lengths)
    encoder, decoder = small.encoder, small.decoder
    present = torch.ones((1, 3), dtype=torch.bool)
    embedded = small.source_embedding(source)
    forwards, _ = encoder.forwards.over(embedded, present)
    backwards, last = encoder.backwards.over(embedded, present, backwards=True)
    middle, second = encoder.upper[0].over(torch.cat((forwards, backwards), 2), present)
    top, third = encoder.upper[1].over(middle, present)
    torch.testing.assert_close(memory.values, top + middle, rtol=0, atol=0)
    for cell, expected in zip(state.cells, (last, second, third), strict=True):
        torch.testing.assert_close(cell, expected, rtol=0, atol=0)
    word = small.target_embedding(torch.tensor([1]))
    bottom = decoder.cells[0](torch.cat((word, torch.zeros_like(word)), 1), last)
    context, _ = decoder.attention(bottom[0], memory)
    above = decoder.cells[1](torch.cat((bottom[0], context), 1), second)
    highest = decoder.cells[2](torch.cat((above[0], context), 1), third)
    logits, _, following = small.step(torch.tensor([1]), state, memory)
    torch.testing.assert_close(logits, small.projection(highest[0] + above[0]), rtol=0, atol=0)
    torch.testing.assert_close(following.context, context, rtol=0, atol=0)


def test_training_takes_the_steps_of_decoding(small: GNMT) -> None:
    small.eval()
    source, lengths = torch.tensor([[3, 4, 5], [6, 7, 2]]), torch.tensor([3, 2])
    target = torch.tensor([[1, 8, 9], [1, 3, 2]])
    logits = small(source, lengths, target, torch.tensor([3, 2]))
    memory, state = small.encode(source, lengths)
    for position in range(3):
        expected, _, state = small.step(target[:, position], state, memory)
        torch.testing.assert_close(logits[:, position], expected)


def _loss_and_gradients(network: GNMT, padding: int) -> tuple[Tensor, list[Tensor]]:
    """Of two sentence pairs, padded with as many tokens more."""
    source = F.pad(torch.tensor([[3, 4, 5], [6, 7, 2]]), (0, padding), value=2)
    target = F.pad(torch.tensor([[1, 8, 9, 4], [1, 3, 2, 2]]), (0, padding), value=2)
    network.train()
    network.zero_grad()
    torch.manual_seed(0)  # dropout
    logits = network(source, torch.tensor([3, 2]), target, torch.tensor([4, 2]))
    following = torch.tensor([[8, 9, 4, 2], [3, 2, -100, -100]])
    loss = F.cross_entropy(logits.flatten(0, 1), following.flatten(), reduction="sum")
    loss.backward()
    return loss.detach(), [parameter.grad.clone() for parameter in network.parameters()]


def test_padding_changes_no_bit_of_the_loss_and_of_its_gradient(small: GNMT) -> None:
    loss, gradients = _loss_and_gradients(small, padding=0)
    for padding in (1, 5, 13):
        other, others = _loss_and_gradients(small, padding)
        assert torch.equal(other, loss)
        assert all(torch.equal(*pair) for pair in zip(gradients, others, strict=True))
    embedding = small.source_embedding.weight.grad
    assert not embedding[2].any()  # the padding of the shorter source
    assert embedding[7].any()


def test_what_one_sentence_gets_is_not_changed_by_a_longer_one(small: GNMT) -> None:
    small.eval()
    source, target = torch.tensor([[6, 7, 2, 2], [3, 4, 5, 6]]), torch.tensor([[1, 3], [1, 4]])
    lengths = torch.tensor([2, 4]), torch.tensor([2, 2])
    together = small(source, lengths[0], target, lengths[1])[0]
    alone = small(source[:1], lengths[0][:1], target[:1], lengths[1][:1])[0]
    torch.testing.assert_close(together, alone)


def test_without_its_attention_vector_nothing_is_infinite() -> None:
    """Pruning may remove all of it; the normalized vector is then 0 / 0."""
    attention = NormedAttention(units=3)
    torch.nn.init.zeros_(attention.v)
    memory = attention.remember(torch.ones((1, 2, 3)), torch.ones((1, 2), dtype=torch.bool))
    context, weights = attention(torch.ones((1, 3)), memory)
    context.sum().backward()
    assert weights.tolist() == [[0.5, 0.5]]
    assert torch.isfinite(attention.v.grad).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": 0}, "`units` must be at least 1: 0"),
        ({"layers": 1}, "`layers` must be at least 2: 1"),
        ({"dropout": 1.0}, r"`dropout` must be at least 0 and below 1: 1\.0"),
    ],
)
def test_impossible_sizes_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gnmt(vocabulary=5, **arguments)


def test_a_translation_of_one_beam_is_the_most_probable_token_each_time(small: GNMT) -> None:
    small.eval()
    source, lengths = torch.tensor([[3, 4, 5], [6, 7, 2]]), torch.tensor([3, 2])
    translations = small.translate(source, lengths, beams=1, longest=6)
    for sentence, translation in enumerate(translations):
        memory, state = small.encode(source[sentence : sentence + 1], lengths[sentence : sentence + 1])
        tokens = [1]
        while len(tokens) < 7 and (tokens[-1] != 2):
            logits, _, state = small.step(torch.tensor(tokens[-1:]), state, memory)
            tokens.append(int(logits.argmax()))
        assert translation == [token for token in tokens if token not in (1, 2)]
    assert len(small.translate(source, lengths, beams=3, longest=6)) == 2
