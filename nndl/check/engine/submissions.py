"""Check a folder of submissions, every answer in a process of its own, with limits."""

import ast
import contextlib
import ctypes
import json
import multiprocessing
import os
import sys
import sysconfig
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

#: seconds of wall-clock time for each second of CPU time granted, and the start of a process
_PATIENCE = 3


@dataclass
class Verdict:
    """What one student's answer to one exercise came to."""

    student: str
    exercise: str
    status: str  # passed, wrong, error, unfinished, stopped
    name: str  # of the mistake
    message: str


def read_source(path):
    """Code of a .py file or of the code cells of a notebook, magics left out."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".ipynb":
        cells = [c for c in json.loads(text).get("cells", ()) if c.get("cell_type") == "code"]
        text = "\n\n".join("".join(cell.get("source", ())) for cell in cells)
    return "\n".join(
        "" if line.lstrip().startswith(("%", "!")) else line for line in text.splitlines()
    )


def definitions(source):
    """The imports, functions, classes and plain assignments of a submission; nothing else runs."""
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign)
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if isinstance(node, kept)]
    return tree


def _submissions(folder):
    """(student, source) of every file; the files of a student's folder are joined."""
    for path in sorted(folder.iterdir()):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        sources = []
        for file in files:
            if file.suffix in (".py", ".ipynb") and ".ipynb_checkpoints" not in file.parts:
                try:
                    sources.append(read_source(file))
                except (OSError, ValueError) as problem:
                    sources.append(f"raise ValueError({str(problem)!r})")
        if sources:
            yield path.stem, "\n\n".join(sources)


def check_folder(folder, only="", seconds=30, memory=4096):
    """Check every answer of every student.

    Parameters
    ----------
    folder : Path
        Files `student.py` or `student.ipynb`, or a folder for each student.
    only : str
        Ids of exercises begin so.
    seconds : int
        CPU time of one answer.
    memory : int
        MiB of data that one answer may take, where the system can limit it.

    Yields
    ------
    Verdict
        One for each exercise whose name the student defines.
    """
    from ..registry import exercises

    wanted = [e for e in exercises() if e.id.startswith(only)]
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:  # Paddle is imported once, not for every answer
        context.set_forkserver_preload([f"{__package__}.warm"])
    for student, source in _submissions(folder):
        try:
            names = {node.name for node in definitions(source).body if hasattr(node, "name")}
        except SyntaxError as problem:
            yield Verdict(
                student, "", "error", "语法错误", f"第 {problem.lineno} 行：{problem.msg}"
            )
            continue
        for exercise in wanted:
            if exercise.name in names:
                yield _apart(context, student, source, exercise, seconds, memory)


def _apart(context, student, source, exercise, seconds, memory):
    with tempfile.TemporaryDirectory() as scratch:
        receive, send = context.Pipe(duplex=False)
        arguments = send, source, exercise.id, scratch, seconds, memory
        process = context.Process(target=_child, args=arguments, daemon=True)
        process.start()
        send.close()
        answer = None
        try:
            if receive.poll(_PATIENCE * seconds + 30):
                answer = receive.recv_bytes(1_000_000).decode("utf-8")
        except (EOFError, OSError):
            pass  # the process died
        finally:
            process.kill()
            process.join()
    if answer is None:
        message = f"没有结果：超过了 {seconds} 秒或 {memory} MiB，或者进程自己结束了。"
        return Verdict(student, exercise.id, "stopped", "被停止", message)
    status, name, message = json.loads(answer)
    return Verdict(student, exercise.id, status, name, message)


# -- in the child ------------------------------------------------------------------------------


def _child(send, source, id, scratch, seconds, memory):
    """Run one answer under limits and send [status, name, message] as JSON."""
    from ..registry import exercise
    from .diagnose import examine
    from .run import load_source, namespace
    from .texts import describe

    item = exercise(id)
    item.listed_mutants()  # what the check itself reads from files, before the door is shut
    load_source(item.stub, item.name)
    _confine(scratch, seconds, memory)
    names = namespace()
    try:
        for node in definitions(source).body:
            _define(node, names, item.name)
        result = examine(item, names[item.name])
        name = describe(result.diagnosis)[0] if result.diagnosis else ""
        sent = [result.status, name, str(result)]
    except BaseException as problem:
        sent = ["error", type(problem).__name__, f"{type(problem).__name__}：{problem}"]
    send.send_bytes(json.dumps(sent, ensure_ascii=False).encode("utf-8"))
    os._exit(0)  # no clean-up of the answer's own runs


def _define(node, names, wanted):
    """Run one statement; what fails matters only if it was the answer."""
    code = compile(ast.Module([node], []), "<answer>", "exec")
    try:
        exec(code, names)
    except Exception:
        if getattr(node, "name", None) == wanted:
            raise


def _confine(scratch, seconds, memory):
    os.chdir(scratch)
    os.environ.clear()
    os.environ.update(HOME=scratch, TMPDIR=scratch, PATH="")
    sys.stdin = open(os.devnull)  # noqa: SIM115 - for the life of the process
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    _leave_the_network()
    try:
        import resource
    except ImportError:  # Windows has no such limits
        resource = None
    if resource:
        _limit(resource, "RLIMIT_CPU", seconds)
        _limit(resource, "RLIMIT_DATA", memory << 20)
        _limit(resource, "RLIMIT_FSIZE", 16 << 20)
        _limit(resource, "RLIMIT_CORE", 0)
    sys.addaudithook(_guard(scratch))


def _limit(resource, name, value):
    kind = getattr(resource, name, None)
    if kind is not None:
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _leave_the_network():
    """A network namespace without any network, where the system lets an ordinary user have one."""
    # Elsewhere than on Linux, the audit hook alone refuses sockets.
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).unshare(0x10000000 | 0x40000000)  # CLONE_NEWUSER | CLONE_NEWNET


def _guard(scratch):
    """An audit hook: no network, no process, no file but Python's own to read and scratch."""
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    places += [str(Path(__file__).resolve().parents[2]), sys.prefix, sys.base_prefix, "/dev/null"]
    readable = tuple(os.path.realpath(place) for place in places)
    scratch = os.path.realpath(scratch)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def inside(path, roots):
        if isinstance(path, int):  # a descriptor that is open already
            return True
        whole = os.path.realpath(os.fsdecode(path))
        return any(whole == root or whole.startswith(root + os.sep) for root in roots)

    def hook(event, details):
        if event == "open" and details[0] is not None:
            path, mode, flags = details
            writes = bool(flags & writing) if isinstance(flags, int) else "r" not in (mode or "r")
            roots = (scratch,) if writes else (scratch, *readable)
            if not inside(path, (*roots, "/dev/null")):
                raise PermissionError(f"an answer may not open {path!r}")
        elif event in ("os.listdir", "os.scandir") and not inside(
            details[0] or ".", (scratch, *readable)
        ):
            raise PermissionError(f"an answer may not list {details[0]!r}")
        elif event.startswith(_REFUSED):
            raise PermissionError(f"an answer may not use {event}")

    return hook


#: audit events that no answer needs; `ctypes` could undo all the rest
_REFUSED = (
    *("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn"),
    *("os.kill", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink"),
    *("os.chmod", "os.chown", "os.truncate", "os.putenv", "shutil.", "pty.", "ftplib.", "urllib."),
    *("http.", "smtplib.", "webbrowser.", "ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function"),
    *("gc.get_objects", "sys._getframe_all", "winreg.", "_winapi.CreateProcess"),
)


# -- the table ---------------------------------------------------------------------------------

_MARKS = {"passed": "✔", "unfinished": "…", "wrong": "✘", "error": "!", "stopped": "■"}


def table(verdicts):
    """Who passed what, and which mistakes were made by whom, as text.

    Parameters
    ----------
    verdicts : list of Verdict

    Returns
    -------
    str
    """
    if not verdicts:
        return "没有找到任何答案：文件里要有与题目同名的函数或类。"
    ids = sorted({v.exercise for v in verdicts if v.exercise}, key=_order)
    students = dict.fromkeys(v.student for v in verdicts)
    marks = {(v.student, v.exercise): _MARKS[v.status] for v in verdicts}
    width = max(map(len, students))
    lines = [" " * width + "  " + " ".join(f"{id:>6}" for id in ids)]
    for student in students:
        cells = (f"{marks.get((student, id), '·'):>6}" for id in ids)
        lines.append(f"{student:<{width}}  {' '.join(cells)}")
    legend = "✔ 通过　✘ 不对　! 出错　■ 被停止　… 未完成　· 没有交"
    made = Counter((v.exercise, v.name) for v in verdicts if v.name)
    mistakes = []
    for (id, name), count in sorted(made.items(), key=lambda item: (_order(item[0][0]), -item[1])):
        who = "、".join(v.student for v in verdicts if (v.exercise, v.name) == (id, name))
        mistakes.append(f"{id:>6}  {count} 人  {name}：{who}")
    return "\n".join([*lines, legend, "", *mistakes])


def _order(id):
    chapter, _, number = id.partition("-")
    return chapter, int(number) if number.isdigit() else 999
