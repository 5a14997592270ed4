"""The weights that ship, and the HTML of the live figures; test_site runs them in a browser."""

import re

import numpy as np
import paddle
import pytest

import nndl
from nndl import dataset
from nndl.figures import live_figures as live
from nndl.runner.saving.checkpoint import read_file
from tests.conftest import ROOT

WEIGHTS = ROOT / "data" / "weights" / "lenet-mnist.safetensors"


@pytest.fixture(scope="module")
def network():
    model = nndl.LeNet(1)
    arrays, _ = read_file(WEIGHTS)
    model.set_state_dict({name: paddle.to_tensor(array) for name, array in arrays.items()})
    model.eval()
    return model


def test_the_shipped_lenet_is_as_good_as_its_record_says(network):
    images, labels = dataset.load_mnist("test")
    x = dataset.Normalize(127.5, 127.5)(dataset.Resize(32)(images)[:, None])
    with paddle.no_grad():
        found = [network(paddle.to_tensor(x[k : k + 1000])).numpy() for k in range(0, 10000, 1000)]
    score = (np.concatenate(found).argmax(1) == labels).mean()
    _, record = read_file(WEIGHTS)
    assert score >= 0.993
    assert score == pytest.approx(
        record["test"]["score"], abs=3e-4
    )  # other machines round otherwise
    assert record["recipe"]["task"] == "lenet-mnist"
    assert (
        f"{record['test']['score']:.2%}".replace("%", " %") in (ROOT / "data/README.md").read_text()
    )


@pytest.mark.parametrize("name", live.LIVE)
def test_a_live_figure_is_whole_in_itself(name):
    page = live.live(name)._repr_html_()
    assert f'data-live="{name}"' in page
    assert "<noscript" not in page
    assert live.LIVE[name][1] in page, "a sentence for a page without scripts"
    assert re.search(r'<img src="data:image/webp;base64,[\w+/=]{400,}" alt="[^"]{8,}"', page)
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page), "asks another machine"
    assert len(page) < 300_000


def test_another_name_is_refused():
    with pytest.raises(ValueError, match=r"'conv', 'field'.*got 'convolution'"):
        live.live("convolution")
