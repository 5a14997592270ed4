"""A folder of submissions: who made which mistake, and what an answer is kept from."""

import json
import socket
import sys

import pytest

from nndl.check import __main__ as command
from nndl.check.engine import submissions

ANNA = """
import numpy as np

raise SystemExit("what stands beside the answers is not run")

def my_output_size(size, kernel, stride=1, padding=0):
    return (size - kernel + 2 * padding) // stride
"""
BERT = """
def my_output_size(size, kernel, stride=1, padding=0):
    return (size - kernel + 2 * padding) // stride + 1
"""
EVIL = """
import os

def my_output_size(size, kernel, stride=1, padding=0):
    open({victim!r}, "w").write("gone")

def my_conv1d(x, w, stride=1):
    import socket
    socket.create_connection(("127.0.0.1", {port}))

def my_conv2d(X, W, stride=1, padding=0):
    while True:
        pass

def my_dilated_conv2d(X, W, dilation=1):
    return len(open({victim!r}).read())

def my_receptive_field(layers):
    os.system("echo gone > " + {victim!r})
    return 1
"""


def notebook(source):
    cells = [
        {"cell_type": "markdown", "source": ["# words"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import numpy as np\n"]},
        {"cell_type": "code", "source": source.splitlines(keepends=True)},
    ]
    return json.dumps({"cells": cells})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    (folder / "anna.py").write_text(ANNA, encoding="utf-8")
    (folder / "bert.ipynb").write_text(notebook(BERT), encoding="utf-8")
    (folder / "carl").mkdir()
    (folder / "carl" / "work.py").write_text(ANNA, encoding="utf-8")
    (folder / "dora.py").write_text("def my_conv2d(X, W:\n    return X\n", encoding="utf-8")
    return folder


def test_the_report_says_who_made_which_mistake(folder, capsys, tmp_path):
    assert command.main([str(folder), "--report", "--csv", str(tmp_path / "all.csv")]) == 0
    text = capsys.readouterr().out
    assert "5.1-1  2 人  输出大小差一：anna、carl" in text
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["anna"][0] == rows["carl"][0] == "✘" and rows["bert"][0] == "✔"
    assert "dora" in text and "语法错误" in text
    assert "bert,5.1-1,passed" in (tmp_path / "all.csv").read_text(encoding="utf-8-sig")


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of resources there")
def test_an_answer_is_kept_from_files_network_and_endless_loops(tmp_path):
    victim = tmp_path / "marks.txt"
    victim.write_text("kept")
    answers = tmp_path / "answers"
    answers.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = EVIL.format(victim=str(victim), port=port)
        (answers / "eve.py").write_text(source, encoding="utf-8")
        found = list(submissions.check_folder(answers, seconds=5))
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
    verdicts = {v.exercise: v for v in found}
    assert victim.read_text() == "kept"
    assert verdicts["5.1-3"].status == "stopped"
    for id in ("5.1-1", "5.1-2", "5.1-5", "5.1-6"):
        assert verdicts[id].status == "error" and "may not" in verdicts[id].message, id


def test_an_empty_folder_and_none_are_told(tmp_path, capsys):
    assert command.main([str(tmp_path), "--report"]) == 1
    assert "没有找到" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main([str(tmp_path / "nowhere")])
    assert "expected a folder" in capsys.readouterr().err
