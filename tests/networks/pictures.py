"""What the tests of picture networks share: made students, files of weights, and the exported graph's answers."""

import io
import warnings

import numpy as np
import onnxruntime
import torch
from safetensors.torch import save_file
from torch import nn

from limbeck.bundle.onnx.extent import extent
from limbeck.bundle.onnx.graph import read_graph
from limbeck.networks.image.base import PictureNetwork


def made(kind: type[PictureNetwork], classes: int = 3, seed: int = 0, **options) -> PictureNetwork:
    """Return a student at work whose batch norms have seen something."""
    torch.manual_seed(seed)
    network = kind(kind.parse(options), None, classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.uniform_(module.bias, -0.1, 0.1)
    return network.eval()


def write_weights(folder, weights, kind):
    """Write named tensors to a file of the given kind; returns its path as text."""
    path = folder / f"weights{kind}"
    if kind == ".safetensors":
        save_file(weights, path)
    elif kind == ".npz":
        np.savez(path, **{name: value.numpy() for name, value in weights.items()})
    else:
        torch.save(weights, path)
    return str(path)


def check_export(network, size, drawn=torch.randn, atol=1e-5):
    """The graph traced from two pictures answers one and three as torch does; ``drawn`` gives pixels of a shape."""
    memory = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (torch.randn(2, 3, size, size),), memory, dynamo=False, opset_version=18,
            input_names=["pixels"], output_names=["logits"],
            dynamic_axes={"pixels": {0: "batch"}, "logits": {0: "batch"}},
        )  # fmt: skip
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(memory.getvalue(), settings, providers=["CPUExecutionProvider"])
    assert extent(read_graph(memory.getvalue()), {"pixels": (3, 3, size, size)}).largest  # it can be followed
    for rows in (1, 3):
        pixels = drawn(rows, 3, size, size)
        with torch.no_grad():
            expected = network(pixels).numpy()
        np.testing.assert_allclose(session.run(None, {"pixels": pixels.numpy()})[0], expected, atol=atol)
        assert np.ptp(expected, axis=1).min() > 1e-3  # the classes do differ


def check_contract(network, size):
    """Features are the means of the maps, and the head over them is the answer, in either memory layout."""
    pixels = torch.randn(3, 3, size, size)
    with torch.no_grad():
        maps, features, logits = network.maps(pixels), network.features(pixels), network(pixels)
        assert features.shape == (3, network.width)
        torch.testing.assert_close(maps.mean(dim=(2, 3)), features)
        assert torch.equal(network.head(features), logits)
        last = network.to(memory_format=torch.channels_last)(pixels.to(memory_format=torch.channels_last))
        torch.testing.assert_close(last, logits, atol=1e-5, rtol=1e-4)


def check_lone_row(network, size):
    """A last batch of one row trains: finite gradients reach every weight, running figures stay."""
    before = {name: value.clone() for name, value in network.named_buffers()}
    network.train()
    loss = nn.functional.cross_entropy(network(torch.randn(1, 3, size, size)), torch.tensor([1]))
    loss.backward()
    assert all(weight.grad is not None and torch.isfinite(weight.grad).all() for weight in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())
