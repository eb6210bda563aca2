"""The paper's generator quantized to int8 and run by OpenVINO: an extra for CPUs.

`quantization` finds the weights and the ranges. Residual sums are computed in float32, only the
inputs of convolutions are quantized, and the last convolution (1x1), where every step would show in
the picture, is not.
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
from wav2lip.quantization import QuantizedLayer, quantize

# Channels of the skip connections between encoder and decoder, from 96 pixels down to 1.
MAP_CHANNELS = (16, 32, 64, 128, 256, 512, 512)
# Faces per inference request (as fast as 16, in a quarter of the memory), and concurrent requests,
# each on its own cores: cores that work on one layer together wait for each other at its end.
CHUNK, STREAMS = 4, 2


class OpenVinoGenerator:
    """A `GeneratorBackend` on the CPU, whatever other device there is.

    The features of `encode` are quantized, too, to uint8. It uses as many cores as torch had when
    it was made, and may be called by any number of threads.
    """

    device = "cpu"
    dtype = torch.int8

    def __init__(self, network: Wav2Lip) -> None:
        """Quantize `network`: in eval mode, on the CPU, float32, its batch norms folded.

        It is consumed, as by `quantization.quantize`. Raises NamedError `openvino-missing` where
        the extra is not installed.
        """
        _openvino()
        threads = torch.get_num_threads()
        graphs = _Graphs(network)
        self._encoder = _CompiledGraph(graphs.encoder, threads)
        self._lower = _CompiledGraph(partial(graphs.decoder, LOWER_STARTS), threads)
        self._whole = _CompiledGraph(partial(graphs.decoder, (0,) * len(LOWER_STARTS)), threads)

    def encode(self, faces: Tensor) -> list[Tensor]:
        """As `Wav2Lip.encode`, but quantized: uint8."""
        return self._encoder.run(faces)

    def draw(self, mel: Tensor, features: Sequence[Tensor], lower: bool = False) -> Tensor:
        """As `Wav2Lip.draw`."""
        (drawn,) = (self._lower if lower else self._whole).run(mel, *features)
        return drawn


class _CompiledGraph:
    """A graph that is compiled when it is first run; any number of threads may run it."""

    def __init__(self, graph: Callable[[], Any], threads: int) -> None:
        self._graph, self._threads = graph, threads
        self._compiling = Lock()
        self._compiled: Any = None
        self._idle: list[Any] = []  # inference requests, which have memory of their own
        self._workers = ThreadPoolExecutor(min(STREAMS, threads), "int8")

    def run(self, *inputs: Tensor) -> list[Tensor]:
        """The outputs for a batch of inputs, which is split into chunks."""
        chunks = zip(*(each.split(CHUNK) for each in inputs), strict=True)
        outputs = self._workers.map(self._run, chunks)
        return [torch.cat(each) for each in zip(*outputs, strict=True)]

    def _run(self, inputs: tuple[Tensor, ...]) -> list[Tensor]:
        with self._compiling:
            self._compiled = self._compiled or _compiled(self._graph(), self._threads)
            request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
        request.infer([np.ascontiguousarray(each.numpy()) for each in inputs], share_inputs=True)
        # The next run overwrites these outputs.
        outputs = [torch.from_numpy(each.data.copy()) for each in request.output_tensors]
        self._idle.append(request)
        return outputs


class _Graphs:
    """OpenVINO's graphs of the encoder and the decoder of a generator."""

    def __init__(self, network: Wav2Lip) -> None:
        last = cast(nn.Conv2d, network.output_block[1])
        parameters = last.weight, cast(Tensor, last.bias)[None, :, None, None]
        self._last_convolution = [each.detach().numpy().copy() for each in parameters]
        self._layers = quantize(network)
        # Only the geometry is needed; a single tensor would keep the file of weights mapped.
        self._network = network.to("meta")
        self._ops = _openvino().opset15

    def encoder(self) -> Any:
        ops = self._ops
        faces = x = ops.parameter([-1, 6, 96, 96], np.float32)
        features = []
        for block, consumer in zip(
            self._network.face_encoder_blocks, self._skip_consumers(), strict=True
        ):
            x = self._block(x, block)
            least, largest = self._layers[consumer].input_range
            input_range = [np.float32(end) for end in (least, largest, 0, 255)]
            features.append(ops.convert(ops.fake_quantize(x, *input_range, levels=256), "u8"))
        return _openvino().Model(features, [faces], "encoder")

    def decoder(self, starts: Sequence[int]) -> Any:
        """From mel windows and features to pictures; `starts` as in `Wav2Lip.draw`."""
        ops = self._ops
        mel = ops.parameter([-1, 1, 80, 16], np.float32)
        sides = [96 >> at for at in range(len(MAP_CHANNELS) - 1)] + [1]
        features = [
            ops.parameter([-1, channels, side, side], np.uint8)
            for channels, side in zip(MAP_CHANNELS, sides, strict=True)
        ]
        x, first = self._block(mel, self._network.audio_encoder), 0
        blocks = zip(
            self._network.face_decoder_blocks, reversed(self._skip_consumers()), strict=True
        )
        for (block, consumer), skip, start in zip(blocks, reversed(features), starts, strict=True):
            x = self._fake_quantized(self._block(x, block), consumer)
            step = np.float32(self._layers[consumer].input_range[1] / 255)
            skip = self._rows_from(ops.multiply(ops.convert(skip, np.float32), step), start)
            x = ops.concat([self._rows_from(x, start - 2 * first), skip], 1)
            first = start
        x = self._layer(x, self._network.output_block[0])
        weight, bias = (ops.constant(each) for each in self._last_convolution)
        x = ops.add(ops.convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1]), bias)
        return _openvino().Model([ops.sigmoid(x)], [mel, *features], "decoder")

    def _skip_consumers(self) -> list[nn.Module]:
        """The decoder's layers that consume the skip connections, from 96 pixels down."""
        blocks = [cast(nn.Sequential, each) for each in self._network.face_decoder_blocks]
        after = [block[0] for block in blocks[1:]]
        return [self._network.output_block[0], *reversed(after)]

    def _block(self, x: Any, layers: Any) -> Any:
        for layer in layers:
            x = self._layer(x, layer)
        return x

    def _layer(self, x: Any, layer: nn.Module) -> Any:
        ops, convolution = self._ops, cast(Any, layer).conv_block[0]
        operands = self._fake_quantized(x, layer), self._weight(self._layers[layer])
        stride = list(convolution.stride)
        geometry = [
            list(each) for each in (convolution.padding, convolution.padding, convolution.dilation)
        ]
        if isinstance(layer, Upsample):
            added = list(convolution.output_padding)
            out = ops.convolution_backprop_data(
                *operands, stride, None, *geometry, output_padding=added
            )
        else:
            out = ops.convolution(*operands, stride, *geometry)
        out = ops.add(out, ops.constant(self._layers[layer].bias))
        residual = isinstance(layer, Conv) and layer.residual
        return ops.relu(ops.add(out, x) if residual else out)

    def _weight(self, layer: QuantizedLayer) -> Any:
        weight = self._ops.convert(self._ops.constant(layer.weight), np.float32)
        return self._ops.multiply(weight, self._ops.constant(layer.scale))

    def _fake_quantized(self, x: Any, layer: nn.Module) -> Any:
        input_range = [np.float32(end) for end in self._layers[layer].input_range]
        return self._ops.fake_quantize(x, *input_range, *input_range, levels=256)

    def _rows_from(self, x: Any, row: int) -> Any:
        return self._ops.slice(x, [row], [np.iinfo(np.int32).max], [1], [2]) if row else x


def _compiled(model: Any, threads: int) -> Any:
    settings = {
        "NUM_STREAMS": min(STREAMS, threads),
        "INFERENCE_NUM_THREADS": threads,
        # Decoder and encoder run on the same cores.
        "ENABLE_CPU_PINNING": False,
        # For all that is not int8: half precision would save 4 % and double the error.
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
