"""The paper's generator in whole numbers of eight bits, computed by OpenVINO: an extra for
processors.

Which numbers they are is found out in `rounding`. Where a layer adds its input to what it makes,
it adds it in full: only what is multiplied is in eight bits, and the last convolution, of one
place, in which each step would show, is not.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from media.errors import NamedError
from wav2lip.networks import LOWER_STARTS, Conv, Upsample, Wav2Lip
from wav2lip.quantization import Rounded, rounded

# Maps between the encoder and the decoder, from 96 pixels down to 1: their channels.
MAPS = (16, 32, 64, 128, 256, 512, 512)
# Faces at a time, as quick as 16 in a quarter of the memory, and how many times as many at once,
# each on its share of the cores: those that share a layer wait for each other at its end.
PIECE, STREAMS = 4, 2


class Quantised:
    """Stands where `precision.Generator` stands; on a processor, whatever else there is.

    What it knows of faces is in whole numbers too: `encode` gives uint8. It works on as many cores
    as torch had when this was made, and for any number of threads at once.
    """

    device = "cpu"
    dtype = torch.int8

    def __init__(self, network: Wav2Lip) -> None:
        """`network` is in eval mode, on the CPU, in float32, its batch norms folded, and is used
        up: its weights do not stay.

        Raises NamedError `openvino-missing` where the extra is not installed.
        """
        _openvino()
        threads = torch.get_num_threads()
        graphs = _Graphs(network)
        self._encoder = _Ready(graphs.encoder, threads)
        self._lower = _Ready(partial(graphs.decoder, LOWER_STARTS), threads)
        self._whole = _Ready(partial(graphs.decoder, (0,) * len(LOWER_STARTS)), threads)

    def encode(self, faces: Tensor) -> list[Tensor]:
        """As `Wav2Lip.encode`, but in steps."""
        return self._encoder.run(faces)

    def draw(self, mel: Tensor, known: Sequence[Tensor], lower: bool = False) -> Tensor:
        """As `Wav2Lip.draw`."""
        (drawn,) = (self._lower if lower else self._whole).run(mel, *known)
        return drawn


class _Ready:
    """A graph that is compiled when it is first run, by any number of threads at once."""

    def __init__(self, graph: Callable[[], Any], threads: int) -> None:
        self._graph, self._threads = graph, threads
        self._compiling = Lock()
        self._compiled: Any = None
        self._idle: list[Any] = []  # requests, which have memory of their own
        self._workers = ThreadPoolExecutor(min(STREAMS, threads), "int8")

    def run(self, *given: Tensor) -> list[Tensor]:
        pieces = zip(*(each.split(PIECE) for each in given), strict=True)
        answers = self._workers.map(self._run, pieces)
        return [torch.cat(each) for each in zip(*answers, strict=True)]

    def _run(self, given: tuple[Tensor, ...]) -> list[Tensor]:
        with self._compiling:
            self._compiled = self._compiled or _compiled(self._graph(), self._threads)
            request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
        request.infer([np.ascontiguousarray(each.numpy()) for each in given], share_inputs=True)
        # The next run writes over what this one gave.
        answer = [torch.from_numpy(each.data.copy()) for each in request.output_tensors]
        self._idle.append(request)
        return answer


class _Graphs:
    """OpenVINO's graphs of a generator's two halves."""

    def __init__(self, network: Wav2Lip) -> None:
        last = cast(nn.Conv2d, network.output_block[1])
        numbers = last.weight, cast(Tensor, last.bias)[None, :, None, None]
        self._colours = [each.detach().numpy().copy() for each in numbers]
        self._layers = rounded(network)
        # Only the geometry is left; one number more would keep the file of weights in memory.
        self._network = network.to("meta")
        self._ops = _openvino().opset15

    def encoder(self) -> Any:
        ops = self._ops
        faces = x = ops.parameter([-1, 6, 96, 96], np.float32)
        known = []
        for block, reader in zip(self._network.face_encoder_blocks, self._readers(), strict=True):
            x = self._block(x, block)
            least, largest = self._layers[reader].ends
            ends = [np.float32(end) for end in (least, largest, 0, 255)]
            known.append(ops.convert(ops.fake_quantize(x, *ends, levels=256), "u8"))
        return _openvino().Model(known, [faces], "encoder")

    def decoder(self, starts: Sequence[int]) -> Any:
        """From the sound and what is known of the faces; `starts` as in `Wav2Lip.draw`."""
        ops = self._ops
        mel = ops.parameter([-1, 1, 80, 16], np.float32)
        sides = [96 >> at for at in range(len(MAPS) - 1)] + [1]
        known = [
            ops.parameter([-1, channels, side, side], np.uint8)
            for channels, side in zip(MAPS, sides, strict=True)
        ]
        x, first = self._block(mel, self._network.audio_encoder), 0
        blocks = zip(self._network.face_decoder_blocks, reversed(self._readers()), strict=True)
        for (block, reader), skip, start in zip(blocks, reversed(known), starts, strict=True):
            x = self._in_steps(self._block(x, block), reader)
            step = np.float32(self._layers[reader].ends[1] / 255)
            skip = self._below(ops.multiply(ops.convert(skip, np.float32), step), start)
            x = ops.concat([self._below(x, start - 2 * first), skip], 1)
            first = start
        x = self._layer(x, self._network.output_block[0])
        weight, bias = (ops.constant(each) for each in self._colours)
        x = ops.add(ops.convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1]), bias)
        return _openvino().Model([ops.sigmoid(x)], [mel, *known], "decoder")

    def _readers(self) -> list[nn.Module]:
        """The decoder's layers that read the encoder's maps, from 96 pixels down."""
        blocks = [cast(nn.Sequential, each) for each in self._network.face_decoder_blocks]
        after = [block[0] for block in blocks[1:]]
        return [self._network.output_block[0], *reversed(after)]

    def _block(self, x: Any, layers: Any) -> Any:
        for layer in layers:
            x = self._layer(x, layer)
        return x

    def _layer(self, x: Any, layer: nn.Module) -> Any:
        ops, convolution = self._ops, cast(Any, layer).conv_block[0]
        given = self._in_steps(x, layer), self._weight(self._layers[layer])
        stride = list(convolution.stride)
        geometry = [
            list(each) for each in (convolution.padding, convolution.padding, convolution.dilation)
        ]
        if isinstance(layer, Upsample):
            added = list(convolution.output_padding)
            out = ops.convolution_backprop_data(
                *given, stride, None, *geometry, output_padding=added
            )
        else:
            out = ops.convolution(*given, stride, *geometry)
        out = ops.add(out, ops.constant(self._layers[layer].bias))
        residual = isinstance(layer, Conv) and layer.residual
        return ops.relu(ops.add(out, x) if residual else out)

    def _weight(self, layer: Rounded) -> Any:
        whole = self._ops.convert(self._ops.constant(layer.weight), np.float32)
        return self._ops.multiply(whole, self._ops.constant(layer.step))

    def _in_steps(self, x: Any, layer: nn.Module) -> Any:
        ends = [np.float32(end) for end in self._layers[layer].ends]
        return self._ops.fake_quantize(x, *ends, *ends, levels=256)

    def _below(self, x: Any, row: int) -> Any:
        return self._ops.slice(x, [row], [np.iinfo(np.int32).max], [1], [2]) if row else x


def _compiled(model: Any, threads: int) -> Any:
    settings = {
        "NUM_STREAMS": min(STREAMS, threads),
        "INFERENCE_NUM_THREADS": threads,
        # Decoders and encoders run on the same cores.
        "ENABLE_CPU_PINNING": False,
        # What is not in eight bits; half precision would save 4 % and double the error.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return _openvino().Core().compile_model(model, "CPU", settings)


def _openvino() -> Any:
    try:
        import openvino
        import openvino.opset15
    except ModuleNotFoundError as error:
        raise NamedError(
            "openvino-missing",
            "The precision int8 needs OpenVINO, which is not installed.",
            "Run `pip install --no-deps -r requirements-openvino.txt`, or use the precision half.",
        ) from error
    return openvino
