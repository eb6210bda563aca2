"""The three networks of Wav2Lip as plain modules (Prajwal et al., ACM MM 2020).

State-dict keys, shapes and call order (sound first) are those of the original, so that official
checkpoints and every fine-tune of them load with `load_state_dict`. Pictures are BGR in 0..1, as
the original read them; a mel window is 80x16 in -4..4.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

Size = int | tuple[int, int]

# Of each feature map between the decoder's stages, 1 to 96 pixels high, the first row that the
# lower part of a face depends on. A stage doubles the rows, and each of its residual convolutions
# reads one row further up: what it computes from the missing row above is never read.
LOWER_STARTS = (0, 0, 0, 3, 9, 20, 40)
LOWER_TOP = LOWER_STARTS[-1]
LOWER_EXACT = LOWER_TOP + 3  # from this row on the lower part is as in the whole


class Conv(nn.Module):
    """Convolution, batch norm, ReLU; `residual` adds the input before the ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: Size = 1,
        padding: int = 1,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.BatchNorm2d(outputs)
        )
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv_block(x)
        return functional.relu(out + x if self.residual else out)


class Upsample(nn.Module):
    """Transposed convolution, batch norm, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, stride: int = 2, padding: int = 1, output_padding: int = 1
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ConvTranspose2d(inputs, outputs, 3, stride, padding, output_padding),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv_block(x))


class PlainConv(nn.Module):
    """Convolution and leaky ReLU: the discriminator has no batch norm."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: Size = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, padding))

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.conv_block(x), 0.01)


def _residuals(channels: int, count: int) -> list[nn.Module]:
    return [Conv(channels, channels, residual=True) for _ in range(count)]


class Wav2Lip(nn.Module):
    """The generator: draws the lower half of a face anew so that it fits the sound.

    `forward(mel, faces)`: mel (n, 1, 80, 16) and faces (n, 6, 96, 96), the masked target's three
    channels followed by the reference's, give (n, 3, 96, 96) in 0..1. With time, mel
    (n, t, 1, 80, 16) and faces (n, 6, t, 96, 96) give (n, 3, t, 96, 96).
    """

    def __init__(self) -> None:
        super().__init__()
        self.face_encoder_blocks = nn.ModuleList(
            [
                nn.Sequential(Conv(6, 16, 7, padding=3)),
                nn.Sequential(Conv(16, 32, stride=2), *_residuals(32, 2)),
                nn.Sequential(Conv(32, 64, stride=2), *_residuals(64, 3)),
                nn.Sequential(Conv(64, 128, stride=2), *_residuals(128, 2)),
                nn.Sequential(Conv(128, 256, stride=2), *_residuals(256, 2)),
                nn.Sequential(Conv(256, 512, stride=2), *_residuals(512, 1)),
                nn.Sequential(Conv(512, 512, padding=0), Conv(512, 512, 1, padding=0)),
            ]
        )
        self.audio_encoder = nn.Sequential(
            *[Conv(1, 32), *_residuals(32, 2)],
            *[Conv(32, 64, stride=(3, 1)), *_residuals(64, 2)],
            *[Conv(64, 128, stride=3), *_residuals(128, 2)],
            *[Conv(128, 256, stride=(3, 2)), *_residuals(256, 1)],
            *[Conv(256, 512, padding=0), Conv(512, 512, 1, padding=0)],
        )
        self.face_decoder_blocks = nn.ModuleList(
            [
                nn.Sequential(Conv(512, 512, 1, padding=0)),
                nn.Sequential(Upsample(1024, 512, 1, 0, 0), *_residuals(512, 1)),
                nn.Sequential(Upsample(1024, 512), *_residuals(512, 2)),
                nn.Sequential(Upsample(768, 384), *_residuals(384, 2)),
                nn.Sequential(Upsample(512, 256), *_residuals(256, 2)),
                nn.Sequential(Upsample(320, 128), *_residuals(128, 2)),
                nn.Sequential(Upsample(160, 64), *_residuals(64, 2)),
            ]
        )
        self.output_block = nn.Sequential(Conv(80, 32), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, mel: Tensor, faces: Tensor) -> Tensor:
        if faces.dim() == 4:
            return self.draw(mel, self.encode(faces))
        drawn = self.draw(mel.transpose(0, 1).flatten(0, 1), self.encode(_frames_first(faces)))
        return drawn.unflatten(0, (faces.shape[2], faces.shape[0])).permute(1, 2, 0, 3, 4)

    def encode(self, faces: Tensor) -> list[Tensor]:
        """The feature maps of the faces (n, 6, 96, 96): seven, from 96 pixels down to 1.

        They depend on nothing else, so that those of a still serve all its frames.
        """
        features = []
        for encode in self.face_encoder_blocks:
            faces = encode(faces)
            features.append(faces)
        return features

    def draw(self, mel: Tensor, features: Sequence[Tensor], lower: bool = False) -> Tensor:
        """The faces redrawn to fit the mel windows: (n, 3, 96, 96) in 0..1.

        `mel` is (n, 1, 80, 16), `features` those of `encode`. With `lower` only the rows 40..96 are
        drawn, (n, 3, 56, 96); of these 40..43 are wrong at the cut and must not be used, all others
        equal those of the whole face. That takes a quarter less work: the rows that the next
        convolutions do not read are left out at every stage.
        """
        x, first = self.audio_encoder(mel), 0
        starts = LOWER_STARTS if lower else (0,) * len(LOWER_STARTS)
        stages = zip(self.face_decoder_blocks, reversed(features), starts, strict=True)
        for decode, skip, start in stages:
            x = decode(x)
            x = torch.cat((x[:, :, start - 2 * first :], skip[:, :, start:]), dim=1)
            first = start
        return self.output_block(x)


class SyncNet(nn.Module):
    """The lip-sync expert: embeddings of sound and mouth, compared by their cosine similarity.

    `forward(mel, faces)`: mel (n, 1, 80, 16) and the lower halves of five frames, stacked to
    (n, 15, 48, 96), give two (n, 512).
    """

    def __init__(self) -> None:
        super().__init__()
        self.face_encoder = nn.Sequential(
            Conv(15, 32, 7, padding=3),
            *[Conv(32, 64, 5, stride=(1, 2)), *_residuals(64, 2)],
            *[Conv(64, 128, stride=2), *_residuals(128, 3)],
            *[Conv(128, 256, stride=2), *_residuals(256, 2)],
            *[Conv(256, 512, stride=2), *_residuals(512, 2)],
            *[Conv(512, 512, stride=2), Conv(512, 512, padding=0), Conv(512, 512, 1, padding=0)],
        )
        self.audio_encoder = nn.Sequential(
            *[Conv(1, 32), *_residuals(32, 2)],
            *[Conv(32, 64, stride=(3, 1)), *_residuals(64, 2)],
            *[Conv(64, 128, stride=3), *_residuals(128, 2)],
            *[Conv(128, 256, stride=(3, 2)), *_residuals(256, 2)],
            *[Conv(256, 512, padding=0), Conv(512, 512, 1, padding=0)],
        )

    def forward(self, mel: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
        sound = self.audio_encoder(mel).flatten(1)
        mouth = self.face_encoder(faces).flatten(1)
        return functional.normalize(sound), functional.normalize(mouth)


class QualityDiscriminator(nn.Module):
    """Tells real lower halves from drawn ones: `forward(faces)`, (n, 3, t, 96, 96) -> (t * n, 1).

    The result is the probability of being real, all faces of the first frame first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.face_encoder_blocks = nn.ModuleList(
            [
                nn.Sequential(PlainConv(3, 32, 7, 1, 3)),
                nn.Sequential(PlainConv(32, 64, 5, (1, 2), 2), PlainConv(64, 64, 5, 1, 2)),
                nn.Sequential(PlainConv(64, 128, 5, 2, 2), PlainConv(128, 128, 5, 1, 2)),
                nn.Sequential(PlainConv(128, 256, 5, 2, 2), PlainConv(256, 256, 5, 1, 2)),
                nn.Sequential(PlainConv(256, 512, 3, 2, 1), PlainConv(512, 512, 3, 1, 1)),
                nn.Sequential(PlainConv(512, 512, 3, 2, 1), PlainConv(512, 512, 3, 1, 1)),
                nn.Sequential(PlainConv(512, 512, 3), PlainConv(512, 512, 1)),
            ]
        )
        self.binary_pred = nn.Sequential(nn.Conv2d(512, 1, 1), nn.Sigmoid())

    def forward(self, faces: Tensor) -> Tensor:
        x = _frames_first(faces)
        x = x[:, :, x.shape[2] // 2 :]
        for encode in self.face_encoder_blocks:
            x = encode(x)
        return self.binary_pred(x).flatten(1)


def _frames_first(faces: Tensor) -> Tensor:
    """(n, c, t, h, w) as single pictures (t * n, c, h, w), in the original's order."""
    return faces.permute(2, 0, 1, 3, 4).flatten(0, 1)
