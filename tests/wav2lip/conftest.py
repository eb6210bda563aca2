"""Networks with weights made by a rule instead of training: the ones the parity vectors are for."""

import json
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from wav2lip.networks import Wav2Lip

KEYS = json.loads((Path(__file__).parent / "parity" / "state_dict_keys.json").read_text())


torch.set_num_threads(1)  # on a busy machine threads wait for each other longer than they work


@pytest.fixture(scope="session")
def filled() -> Callable[[str], dict[str, torch.Tensor]]:
    """The state dict of a network, by the name it has in `parity/state_dict_keys.json`."""

    @cache
    @torch.inference_mode(False)  # whoever asks first, whatever they do with it
    def state_dict(name: str) -> dict[str, torch.Tensor]:
        return {key: _filling(key, shape) for key, shape in KEYS[name].items()}

    return state_dict


@pytest.fixture(scope="session")
def new_generator(filled: Callable[[str], dict[str, torch.Tensor]]) -> Callable[[], Wav2Lip]:
    """Makes a generator as it left training, batch norms in place, with numbers of its own."""

    def made() -> Wav2Lip:
        with torch.device("meta"):
            network = Wav2Lip().eval()
        state = {key: value.clone() for key, value in filled("wav2lip").items()}
        network.load_state_dict(state, assign=True)
        return network

    return made


def _filling(key: str, shape: list[int]) -> torch.Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    random = np.random.default_rng(zlib.crc32(key.encode()))
    n = random.standard_normal(shape).astype(np.float32)
    if key.endswith("running_var"):
        n = 1 + 0.1 * np.abs(n)
    elif key.endswith(("running_mean", ".bias")):
        n = 0.1 * n
    elif len(shape) == 4:
        n = n / np.sqrt(np.prod(shape[1:]))
    else:
        n = 1 + 0.1 * n
    return torch.from_numpy(np.float32(n))
