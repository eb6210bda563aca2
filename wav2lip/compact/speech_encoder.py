"""The speech encoder: a student network from the mel spectrogram of a voice to mouth shapes.

It also detects bilabials (p, b, m), for which lips close: a regression of mouth shapes blurs them.

It is distilled from the first layers of a speech recogniser (`wav2lip.training.train_student`), so
that it responds to speech sounds, whatever else is in the mel. It has two exits: the live one has
0.09 s of look-ahead, the offline one 0.29 s. `Stream` runs either of them piece by piece.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from wav2lip.audio import HOP, N_FFT, N_MELS, SAMPLE_RATE, SILENCE
from wav2lip.compact import mouth_shape
from wav2lip.compact.voice_net import STRIDE

WIDTH = 192
KERNEL = 3
HEAD_WIDTH, CLOSURE_WIDTH = 96, 64
# What the encoder gives for an instant: a mouth shape, then the log odds that the lips are closed.
OUTPUTS = mouth_shape.COUNT + 1
# Columns of the mel that the strided stem covers: two before its output, its own, one after.
STEM_KERNEL = 4
# Dilation and look-ahead, in outputs, of each residual block.
TRUNK = ((1, 1), (2, 1), (4, 0), (8, 0), (1, 0), (2, 0))
REFINEMENT = ((1, 2), (2, 3), (4, 3))


@dataclass(frozen=True)
class ReceptiveField:
    """Columns of the mel before and after that of an output which the output depends on."""

    before: int
    after: int

    @property
    def look_ahead(self) -> float:
        """Seconds of sound after the instant of an output, with half a window of the STFT."""
        return (self.after * HOP + N_FFT // 2) / SAMPLE_RATE


def _receptive_field(blocks: tuple[tuple[int, int], ...]) -> ReceptiveField:
    after = sum(ahead for _, ahead in blocks)
    before = sum((KERNEL - 1) * dilation for dilation, _ in blocks) - after
    return ReceptiveField(STRIDE * before + STEM_KERNEL // 2, STRIDE * after + STEM_KERNEL // 2 - 1)


LIVE, OFFLINE = _receptive_field(TRUNK), _receptive_field(TRUNK + REFINEMENT)


@dataclass(frozen=True)
class ExitOutput:
    """Of an exit, for n instants: `hidden` (b, WIDTH, n), and what its heads make of it."""

    hidden: Tensor
    shapes: Tensor  # (b, 8, n) mouth shapes
    closure: Tensor  # (b, 1, n) log odds that the lips are closed

    @property
    def outputs(self) -> Tensor:
        """Mouth shapes and log odds of closed lips, (b, OUTPUTS, n)."""
        return torch.cat((self.shapes, self.closure), 1)


class SpeechEncoder(nn.Module):
    """Mel (b, 80, T) in -4..4 -> (b, OUTPUTS, ceil(T / 2)), one for every other column.

    They are mouth shapes, in the units of `voice_net.VoiceNet`, and the log odds of closed lips;
    before and after the mel is silence. Pre-activation residual blocks (He et al., Identity
    Mappings in Deep Residual Networks, 2016) of dilated convolutions along time, with little
    look-ahead.
    """

    # As `voice_net.CONTEXT`: columns on either side that an output may depend on.
    context = max(OFFLINE.before, OFFLINE.after + 1)

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.stem = nn.Conv1d(N_MELS, WIDTH, STEM_KERNEL, stride=STRIDE)
        self.trunk = nn.ModuleList(_Block(*block) for block in TRUNK)
        self.refinement = nn.ModuleList(_Block(*block) for block in REFINEMENT)
        self.live = _Exit(dropout)
        self.offline = _Exit(dropout)

    def forward(self, mel: Tensor) -> Tensor:
        """The outputs of the offline exit; see the class."""
        after = OFFLINE.after - (mel.shape[2] + 1) % STRIDE
        _, offline = self.exits(functional.pad(mel, (OFFLINE.before, after), value=SILENCE))
        return offline.outputs

    def exits(self, mel: Tensor) -> tuple[ExitOutput, ExitOutput]:
        """The outputs of the (live, offline) exits without padding.

        They are those for every other column of `mel` that has its whole receptive field, the first
        being column LIVE.before for the live exit and OFFLINE.before for the offline one.
        """
        x = self.stem(mel / 4)
        for block in self.trunk:
            x = block(x)
        live = self.live(x)
        for block in self.refinement:
            x = block(x)
        return live, self.offline(x)


class Stream:
    """One exit of an encoder, run piece by piece; the state is what each layer needs again.

    The outputs of all pieces together are those for the whole mel, with silence before it. An
    output comes as soon as the columns are there that it depends on: `LIVE.after` (or
    `OFFLINE.after`) columns late.
    """

    def __init__(self, encoder: SpeechEncoder, live: bool = True) -> None:
        """`encoder` must be in evaluation mode; without `live` the offline exit is run."""
        self._encoder = encoder
        self._exit = encoder.live if live else encoder.offline
        self._blocks = [*encoder.trunk, *([] if live else encoder.refinement)]
        before = (LIVE if live else OFFLINE).before
        self._columns = torch.full((1, N_MELS, before), SILENCE)
        self._inputs = [torch.zeros(1, WIDTH, 0)] * len(self._blocks)

    @torch.inference_mode()
    def push(self, mel: Tensor) -> Tensor:
        """The outputs (OUTPUTS, n) that the columns `mel` (80, t) complete; n may be 0."""
        columns = torch.cat((self._columns, mel[None]), 2)
        outputs = max(columns.shape[2] - STEM_KERNEL, -STRIDE) // STRIDE + 1
        self._columns = columns[:, :, STRIDE * outputs :]
        if not outputs:
            return torch.zeros(OUTPUTS, 0)
        x = self._encoder.stem(columns / 4)
        for number, block in enumerate(self._blocks):
            x = torch.cat((self._inputs[number], x), 2)
            self._inputs[number] = x[:, :, max(x.shape[2] - block.span, 0) :]
            if x.shape[2] <= block.span:
                return torch.zeros(OUTPUTS, 0)
            x = block(x)
        return self._exit(x).outputs[0]


class _Block(nn.Module):
    """Residual block of one dilated convolution: (b, WIDTH, n) -> (b, WIDTH, n - span)."""

    def __init__(self, dilation: int, ahead: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH)
        self.convolution = nn.Conv1d(WIDTH, WIDTH, KERNEL, dilation=dilation)
        self.span, self.ahead = (KERNEL - 1) * dilation, ahead

    def forward(self, x: Tensor) -> Tensor:
        kept = x[:, :, self.span - self.ahead : x.shape[2] - self.ahead]
        return kept + self.convolution(functional.silu(self.norm(x)))


class _Exit(nn.Module):
    """The hidden state, and the heads on it."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH)
        self.head = nn.Sequential(
            nn.Conv1d(WIDTH, HEAD_WIDTH, 1),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Conv1d(HEAD_WIDTH, mouth_shape.COUNT, 1),
        )
        self.closure = nn.Sequential(
            nn.Conv1d(WIDTH, CLOSURE_WIDTH, 1),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Conv1d(CLOSURE_WIDTH, 1, 1),
        )

    def forward(self, x: Tensor) -> ExitOutput:
        hidden = functional.silu(self.norm(x))
        return ExitOutput(hidden, self.head(hidden), self.closure(hidden))
